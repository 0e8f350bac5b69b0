/*
 * A cheap WebSocket client, so that two cores are left to the servers: a handshake, unmasked frames
 * in, short masked frames out. It measures every system except those whose client is part of their
 * protocol.
 */

import { randomBytes } from "node:crypto";
import { connect, type Socket } from "node:net";

export interface WireListener {
  text(text: string): void;
  binary(bytes: Buffer): void;
}

const TEXT = 1;
const BINARY = 2;
const PING = 9;

export class Wire {
  readonly #socket: Socket;
  readonly #listener: WireListener;
  #rest: Buffer = Buffer.alloc(0);
  /** Frames, and their bytes with headers. */
  readonly received = { frames: 0, bytes: 0 };

  private constructor(socket: Socket, listener: WireListener) {
    this.#socket = socket;
    this.#listener = listener;
  }

  static async open(url: string, path: string, listener: WireListener, subprotocol?: string): Promise<Wire> {
    const { hostname, port } = new URL(url);
    const socket = connect(Number(port), hostname);
    socket.setNoDelay(true);
    const wire = new Wire(socket, listener);
    const key = randomBytes(16).toString("base64");
    socket.write(
      `GET ${path} HTTP/1.1\r\nHost: ${hostname}:${port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n` +
        `Sec-WebSocket-Key: ${key}\r\nSec-WebSocket-Version: 13\r\n${subprotocol ? `Sec-WebSocket-Protocol: ${subprotocol}\r\n` : ""}\r\n`,
    );
    await new Promise<void>((done, fail) => {
      socket.once("error", fail);
      socket.once("close", () => fail(new Error(`${url} closed the connection`)));
      const onHead = (data: Buffer) => {
        wire.#rest = Buffer.concat([wire.#rest, data]);
        const end = wire.#rest.indexOf("\r\n\r\n");
        if (end === -1) return;
        socket.off("data", onHead);
        if (!wire.#rest.toString("latin1", 0, 12).endsWith("101"))
          fail(new Error(wire.#rest.toString("latin1", 0, end)));
        const body = wire.#rest.subarray(end + 4);
        wire.#rest = Buffer.alloc(0);
        socket.on("data", (more: Buffer) => wire.#receive(more));
        done();
        if (body.length > 0) wire.#receive(body);
      };
      socket.on("data", onHead);
    });
    socket.on("error", () => undefined);
    return wire;
  }

  get isOpen(): boolean {
    return !this.#socket.destroyed;
  }

  /** A text frame, or a binary one, of at most 64 KiB. */
  send(content: string | Uint8Array): void {
    const isText = typeof content === "string";
    const payload = isText ? Buffer.from(content) : content;
    const long = payload.length > 125;
    const frame = Buffer.alloc((long ? 8 : 6) + payload.length);
    frame[0] = 0x80 | (isText ? TEXT : BINARY);
    if (long) {
      frame[1] = 0x80 | 126;
      frame.writeUInt16BE(payload.length, 2);
    } else frame[1] = 0x80 | payload.length;
    // With a mask of zeros the payload can be copied unchanged.
    frame.set(payload, long ? 8 : 6);
    this.#socket.write(frame);
  }

  close(): void {
    this.#socket.destroy();
  }

  #receive(data: Buffer): void {
    let buffer = this.#rest.length > 0 ? Buffer.concat([this.#rest, data]) : data;
    for (;;) {
      const frame = parseFrame(buffer);
      if (!frame) break;
      this.received.frames++;
      this.received.bytes += frame.end;
      buffer = buffer.subarray(frame.end);
      if (frame.opcode === TEXT) this.#listener.text(frame.payload.toString("utf8"));
      else if (frame.opcode === BINARY) this.#listener.binary(frame.payload);
      else if (frame.opcode === PING) this.#socket.write(Buffer.from([0x8a, 0x80, 0, 0, 0, 0]));
    }
    this.#rest = buffer.length > 0 ? Buffer.from(buffer) : buffer;
  }
}

function parseFrame(buffer: Buffer): { opcode: number; payload: Buffer; end: number } | undefined {
  if (buffer.length < 2) return undefined;
  let length = (buffer[1] ?? 0) & 0x7f;
  let start = 2;
  if (length === 126) {
    if (buffer.length < 4) return undefined;
    length = buffer.readUInt16BE(2);
    start = 4;
  } else if (length === 127) {
    if (buffer.length < 10) return undefined;
    length = Number(buffer.readBigUInt64BE(2));
    start = 10;
  }
  const end = start + length;
  if (buffer.length < end) return undefined;
  return { opcode: (buffer[0] ?? 0) & 0x0f, payload: buffer.subarray(start, end), end };
}
