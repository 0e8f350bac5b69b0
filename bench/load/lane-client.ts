/*
 * A client of SocketScaler over the lane, made of the codec and the replica. It joins as the client
 * library does: hello, open and watch are sent at once.
 */

import type { Delta } from "../../src/board/delta.js";
import { samePosition } from "../../src/board/position.js";
import { webSocketBytes } from "../../src/client/links/link.js";
import { decodeSnapshot } from "../../src/protocol/codec.js";
import * as DOWN from "../../src/protocol/down-kinds.js";
import {
  type DownMessage,
  decodeDown,
  encodeBeat,
  encodeRequest,
  encodeWrite,
  HELLO,
  LANE_PATH,
  LANE_PROTOCOL,
  LANE_SUBPROTOCOL,
} from "../../src/protocol/lane.js";
import type { LastSent } from "../../src/protocol/lane-delta.js";
import { readOnce } from "./read-once.js";
import type { BoardClient, Changed } from "./system.js";
import { codeOf, expectWatched, newSession, readOpened, WatchedBoard, WatchingClient } from "./watched-board.js";
import { Wire } from "./wire.js";

const HELLO_ID = 0;
const OPEN_ID = 1;
const WATCH_ID = 2;

/** Watches some pages of board `main`. A frame that several clients receive is decoded once. */
export class LaneClient extends WatchingClient<Wire> implements BoardClient {
  #last: LastSent | undefined;
  /** Cells of unacknowledged writes, by sequence number. */
  readonly #unacknowledged = new Map<number, number>();
  /** Bytes of deltas and snapshots, with their WebSocket headers. */
  pageBytes = 0;
  #joined: () => void = () => undefined;
  #failed: (error: unknown) => void = () => undefined;

  static async open(url: string, pages: readonly number[], changed?: Changed): Promise<LaneClient> {
    const self = new LaneClient(new WatchedBoard(pages, changed));
    const listener = { text: () => undefined, binary: (bytes: Buffer) => self.#receive(bytes) };
    const wire = await Wire.open(url, LANE_PATH, listener, LANE_SUBPROTOCOL);
    self.wire = wire;
    const joined = new Promise<void>((done, fail) => {
      self.#joined = done;
      self.#failed = fail;
    });
    wire.send(encodeRequest(HELLO_ID, HELLO, { protocol: LANE_PROTOCOL }));
    wire.send(encodeRequest(OPEN_ID, "open", { board: "main", protocol: LANE_PROTOCOL, session: newSession() }));
    wire.send(encodeRequest(WATCH_ID, "watch", { board: "main", pages }));
    await joined;
    return self;
  }

  set(cell: number, value: boolean): void {
    const seq = ++this.seq;
    this.#unacknowledged.set(seq, cell);
    this.wire?.send(encodeWrite(this.handle, seq, [[this.board.firstCell + cell, value ? 1 : 0]]));
  }

  #receive(bytes: Buffer): void {
    const isDelta = DELTAS.has(bytes[0]);
    if (isDelta || bytes[0] === DOWN.snapshot) this.pageBytes += webSocketBytes(bytes.length);
    // Others, which are of this client alone, would only displace what is decoded once.
    if (!isDelta) {
      this.#take(decodeDown(bytes, undefined));
      return;
    }
    const decoded = decodeOnce({ bytes, last: this.#last });
    if (decoded) {
      this.#last = decoded.next;
      this.board.receive(decoded.delta);
    } else {
      this.#last = undefined;
      this.board.gaps++;
    }
  }

  #take(message: DownMessage | undefined): void {
    switch (message?.kind) {
      case "acks":
        for (const { seq } of message.acks) this.#unacknowledged.delete(seq);
        return;
      case "beat":
        this.wire?.send(encodeBeat());
        return;
      case "snapshot": {
        const frame = decodeSnapshot(message.bytes, (_, page) => this.board.cellsOf(page));
        if (!frame) return;
        const { handle, content } = frame;
        this.#last = { handle, page: content.page, position: content.position };
        this.board.receive(content);
        return;
      }
      case "refusal": {
        const cell = this.#unacknowledged.get(message.seq) ?? Number.NaN;
        this.refused.push({ cell, code: codeOf(message.error) });
        this.#unacknowledged.delete(message.seq);
        return;
      }
      case "reply":
        this.#answered(message.id, message.reply);
        return;
      case "event":
        // Matters before the client has joined: the reason why it may not.
        if (message.name === "notice" && isGoodbye(message.payload))
          this.#failed(new Error(JSON.stringify(message.payload)));
        return;
    }
  }

  #answered(id: number, reply: unknown): void {
    try {
      if (id === OPEN_ID) {
        const { handle, size } = readOpened(reply);
        this.handle = handle;
        this.board.opened(size);
      } else if (id === WATCH_ID) {
        expectWatched(reply);
        this.#joined();
      }
    } catch (error) {
      this.#failed(error);
    }
  }
}

function isGoodbye(payload: unknown): boolean {
  return typeof payload === "object" && payload !== null && "kind" in payload && payload.kind === "goodbye";
}

interface Arrived {
  readonly bytes: Buffer;
  /** What was received last before it, from which a continuation continues. */
  readonly last: LastSent | undefined;
}

interface Decoded {
  readonly delta: Delta;
  readonly next: LastSent;
}

const DELTAS = new Set<number | undefined>([DOWN.delta, DOWN.riceDelta, DOWN.continuation, DOWN.riceContinuation]);
const decodeOnce = readOnce(
  ({ bytes, last }: Arrived): Decoded | undefined => {
    const message = decodeDown(bytes, last);
    if (message?.kind !== "delta") return undefined;
    const { handle, delta } = message;
    return { delta, next: { handle, page: delta.page, position: delta.to } };
  },
  (one, other) => isSameBase(one.last, other.last) && one.bytes.equals(other.bytes),
);

function isSameBase(one: LastSent | undefined, other: LastSent | undefined): boolean {
  if (one === other) return true;
  if (!one || !other) return false;
  return one.handle === other.handle && one.page === other.page && samePosition(one.position, other.position);
}
