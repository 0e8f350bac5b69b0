/* The number of bytes around the content of a frame. */

/** The Engine.IO and Socket.IO types, namespace, event and quotes around a delta's text. */
export const AROUND_DELTA_BYTES = '42/boards,["delta",""]'.length;

/** The header of a WebSocket frame from a server, with a payload below 64 KiB. */
export function frameHeaderBytes(payload: number): number {
  return payload < 126 ? 2 : 4;
}
