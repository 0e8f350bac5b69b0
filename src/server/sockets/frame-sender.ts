/*
 * Sends one frame to many sockets, encoded once. The Socket.IO packet and the WebSocket frame
 * around it are built for the first recipient and reused. If nothing is waiting to be sent, which
 * is nearly always the case, the finished frame is written straight to the TCP connection. That
 * skips Engine.IO, which is a quarter of the cost of a small packet. Otherwise the packet is queued
 * as usual, to keep the order.
 */

import type { Socket as TcpSocket } from "node:net";
import type { Server, Socket } from "socket.io";
import { toBase64url } from "../../protocol/base64url.js";
import { BOARDS_NAMESPACE, TEACHING_NAMESPACE } from "../../protocol/version.js";
import type { Backlog } from "../connections/backlog.js";
import { TEXT, webSocketFrame } from "../connections/websocket-frame.js";
import type { Frame, Recipient } from "../pages/recipient.js";

const SOCKETIO_EVENT = 2;
/** Engine.IO's mark of a packet that carries a message. */
const ENGINE_MESSAGE = "4";

interface Prepared {
  readonly packets: readonly (string | Buffer)[];
  readonly options: { compress: false; wsPreEncodedFrame?: readonly Buffer[] };
  /** The packets as WebSocket frames, if all are text, and the size of the packets in bytes. */
  readonly direct: { readonly webSocketFrames: Buffer; readonly packetBytes: number } | undefined;
}

/**
 * An Engine.IO transport. A WebSocket transport holds a `ws` socket, which holds the TCP socket.
 */
interface MaybeWebSocket {
  readonly name: string;
  readonly writable: boolean;
  readonly socket?: { readonly _socket?: TcpSocket | null };
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
    const packets = eventsOf(frame).flatMap(({ nsp, data }): (string | Buffer)[] =>
      this.#io.encoder.encode({ type: SOCKETIO_EVENT, nsp, data }),
    );
    const texts = packets.filter((packet) => typeof packet === "string");
    const direct =
      texts.length < packets.length
        ? undefined
        : {
            webSocketFrames: Buffer.concat(
              texts.map((packet) => webSocketFrame(TEXT, Buffer.from(`${ENGINE_MESSAGE}${packet}`))),
            ),
            packetBytes: texts.reduce((sum, text) => sum + Buffer.byteLength(text), 0),
          };
    const prepared: Prepared = {
      packets,
      options:
        direct && packets.length === 1
          ? { compress: false, wsPreEncodedFrame: [direct.webSocketFrames] }
          : { compress: false },
      direct,
    };
    this.#prepared.set(frame, prepared);
    return prepared;
  }
}

export class SocketRecipient implements Recipient {
  readonly #socket: Socket;
  readonly #encoder: FrameEncoder;
  readonly #backlog: Backlog;
  readonly giveUp: () => void;
  readonly move: () => void;
  readonly #sent: (bytes: number) => void;

  /** `sent` is called for the packets that Engine.IO does not see. */
  constructor(
    socket: Socket,
    encoder: FrameEncoder,
    backlog: Backlog,
    { giveUp, move }: Pick<SocketRecipient, "giveUp" | "move">,
    sent: (bytes: number) => void,
  ) {
    this.#sent = sent;
    this.#socket = socket;
    this.#encoder = encoder;
    this.#backlog = backlog;
    this.giveUp = giveUp;
    this.move = move;
  }

  get backlogged(): boolean {
    return this.#backlog.isHigh;
  }

  send(frame: Frame): void {
    const { packets, options, direct } = this.#encoder.prepare(frame);
    const wire = direct && this.#freeWire();
    if (wire) {
      wire.write(direct.webSocketFrames);
      this.#sent(direct.packetBytes);
      return;
    }
    for (const packet of packets) this.#socket.conn.write(packet, options);
  }

  /**
   * Sends a heartbeat and calls `read` at the next answer, which may answer an earlier heartbeat.
   */
  whenRead(read: () => void): void {
    const { conn } = this.#socket;
    conn.once("heartbeat", read);
    // biome-ignore lint/complexity/useLiteralKeys: no other way sends one, and its type is private
    conn["sendPacket"]("ping");
  }

  /** The TCP connection, if this is a WebSocket and nothing is waiting to be sent. */
  #freeWire(): TcpSocket | undefined {
    const { conn } = this.#socket;
    const transport: MaybeWebSocket = conn.transport;
    if (transport.name !== "websocket" || !transport.writable || conn.readyState !== "open") return undefined;
    const tcp = transport.socket?._socket;
    return tcp && !tcp.destroyed && tcp.writableLength === 0 ? tcp : undefined;
  }
}

function eventsOf(frame: Frame): { readonly nsp: string; readonly data: readonly unknown[] }[] {
  if (frame.kind !== "updates") return [{ nsp: BOARDS_NAMESPACE, data: [frame.kind, payloadOf(frame)] }];
  return frame.updates.map((update) => ({ nsp: TEACHING_NAMESPACE, data: ["checkbox-update", update] }));
}

function payloadOf(frame: Exclude<Frame, { readonly kind: "updates" }>): unknown {
  switch (frame.kind) {
    case "delta":
      return frame.text;
    case "counts":
      return toBase64url(frame.bytes);
    case "snapshot":
    case "overview":
      return Buffer.from(frame.bytes);
    case "looking":
      return frame.looking;
    case "frozen":
      return frame.frozen;
    case "resized":
      return frame.resized;
    case "mine":
      return frame.mine;
    case "notice":
      return frame.notice;
  }
}
