/* What frames take on the wire beyond what they say. */

/** Around a delta's text: Engine.IO's and Socket.IO's type, namespace, event and quotes. */
export const AROUND_DELTA_BYTES = '42/boards,["delta",""]'.length;

/** Of a frame of WebSocket that a server sends, with a payload below 64 KiB. */
export function frameHeaderBytes(payload: number): number {
  return payload < 126 ? 2 : 4;
}
