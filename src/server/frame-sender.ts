/*
 * Sends one frame to many sockets, encoded once: the Socket.IO packet and the WebSocket frame around it are built for
 * the first recipient and reused for all others.
 *
 * Works below `socket.emit`, on the Engine.IO connection, in the way Socket.IO's own adapter broadcasts.
 */

import type { Server, Socket } from "socket.io";
import { BOARDS_NAMESPACE } from "../protocol/version.js";
import type { Backlog } from "./backlog.js";
import type { Frame, Recipient } from "./recipient.js";

const SOCKETIO_EVENT = 2;

interface Prepared {
  readonly packets: readonly (string | Buffer)[];
  readonly options: { compress: false; wsPreEncodedFrame?: readonly Buffer[] };
}

export class FrameEncoder {
  readonly #io: Server;
  readonly #prepared = new WeakMap<Frame, Prepared>();

  constructor(io: Server) {
    this.#io = io;
  }

  prepare(frame: Frame): Prepared {
    const known = this.#prepared.get(frame);
    if (known) return known;
    const payload = payloadOf(frame);
    const packet = { type: SOCKETIO_EVENT, nsp: BOARDS_NAMESPACE, data: [frame.kind, payload] };
    const packets: (string | Buffer)[] = this.#io.encoder.encode(packet);
    const [first] = packets;
    const isOneText = packets.length === 1 && typeof first === "string";
    const prepared: Prepared = {
      packets,
      options: isOneText ? { compress: false, wsPreEncodedFrame: [webSocketTextFrame(first)] } : { compress: false },
    };
    this.#prepared.set(frame, prepared);
    return prepared;
  }
}

export class SocketRecipient implements Recipient {
  readonly #socket: Socket;
  readonly #encoder: FrameEncoder;
  readonly #backlog: Backlog;
  readonly #giveUp: () => void;

  constructor(socket: Socket, encoder: FrameEncoder, backlog: Backlog, giveUp: () => void) {
    this.#socket = socket;
    this.#encoder = encoder;
    this.#backlog = backlog;
    this.#giveUp = giveUp;
  }

  get backlogged(): boolean {
    return this.#backlog.isHigh;
  }

  send(frame: Frame): void {
    const { packets, options } = this.#encoder.prepare(frame);
    for (const packet of packets) this.#socket.conn.write(packet, options);
  }

  giveUp(): void {
    this.#giveUp();
  }
}

function payloadOf(frame: Frame): unknown {
  switch (frame.kind) {
    case "delta":
    case "counts":
      return frame.text;
    case "snapshot":
    case "overview":
      return Buffer.from(frame.bytes);
    case "looking":
      return frame.looking;
  }
}

/** An unmasked text frame of RFC 6455, section 5.2, around an Engine.IO message ("4" and the packet). */
function webSocketTextFrame(packet: string): Buffer {
  const payload = Buffer.from(`4${packet}`);
  const FINAL_TEXT = 0x81;
  let header: Buffer;
  if (payload.length < 126) header = Buffer.from([FINAL_TEXT, payload.length]);
  else if (payload.length < 65_536) {
    header = Buffer.from([FINAL_TEXT, 126, 0, 0]);
    header.writeUInt16BE(payload.length, 2);
  } else {
    header = Buffer.from([FINAL_TEXT, 127, 0, 0, 0, 0, 0, 0, 0, 0]);
    header.writeUInt32BE(payload.length, 6);
  }
  return Buffer.concat([header, payload]);
}
