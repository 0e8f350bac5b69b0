/** The header of a WebSocket frame from a server, with a payload below 64 KiB. */
export function frameHeaderBytes(payload: number): number {
  return payload < 126 ? 2 : 4;
}
