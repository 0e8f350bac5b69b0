/*
 * WebSocket frames as bytes (RFC 6455, section 5.2). Several connections may share those of a
 * message.
 */

const FINAL = 0x80;
/** Kinds of frames. Those from CLOSE on control the connection. */
export const [CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG] = [0, 1, 2, 8, 9, 10] as const;
type Opcode = typeof TEXT | typeof BINARY | typeof CLOSE | typeof PING | typeof PONG;

/** The whole message in one unmasked frame. */
export function webSocketFrame(opcode: Opcode, payload: Uint8Array): Buffer {
  const { length } = payload;
  const headerBytes = length < 126 ? 2 : length < 65_536 ? 4 : 10;
  const frame = Buffer.allocUnsafe(headerBytes + length);
  frame[0] = FINAL | opcode;
  if (headerBytes === 2) frame[1] = length;
  else if (headerBytes === 4) {
    frame[1] = 126;
    frame.writeUInt16BE(length, 2);
  } else {
    frame[1] = 127;
    frame.writeUInt32BE(0, 2);
    frame.writeUInt32BE(length, 6);
  }
  frame.set(payload, headerBytes);
  return frame;
}
