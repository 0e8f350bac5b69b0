/*
 * A client that speaks the wire protocol itself, so that tests can see each frame and send what the library never would.
 * It keeps a replica of each page and says which frames brought it where it is.
 */

import assert from "node:assert/strict";
import { io, type ManagerOptions, type Socket, type SocketOptions } from "socket.io-client";
import { cellsInPage } from "../../src/board/geometry.js";
import { formatPosition } from "../../src/board/position.js";
import { type Outcome, Replica } from "../../src/board/replica.js";
import { decodeSnapshot } from "../../src/protocol/codec.js";
import { decodeDelta } from "../../src/protocol/delta-text.js";
import type { OpenResult } from "../../src/protocol/events.js";

export interface SeenFrame {
  readonly kind: "delta" | "snapshot";
  readonly page: number;
  readonly outcome: Outcome;
  readonly bytes: number;
}

// biome-ignore lint/suspicious/noExplicitAny: what the server answers is what is tested
type Answer = any;

export class RawClient {
  readonly socket: Socket;
  readonly frames: SeenFrame[] = [];
  readonly notices: Answer[] = [];
  readonly replicas = new Map<number, Replica>();
  opened: OpenResult | undefined;

  constructor(
    url: string,
    transports: ("websocket" | "polling")[] = ["websocket"],
    others: Partial<ManagerOptions & SocketOptions> = {},
  ) {
    this.socket = io(`${url}/boards`, { forceNew: true, reconnection: false, transports, ...others });
    this.socket.on("delta", (text: string) => {
      const frame = decodeDelta(text);
      assert.ok(frame, "the server sent a delta that cannot be decoded");
      this.#receive(frame.content, text.length);
    });
    this.socket.on("snapshot", (bytes: Uint8Array) => {
      const size = this.opened?.size ?? 0;
      const frame = decodeSnapshot(new Uint8Array(bytes), (_, page) => cellsInPage(size, page));
      assert.ok(frame, "the server sent a snapshot that cannot be decoded");
      this.#receive(frame.content, bytes.byteLength);
    });
    this.socket.on("notice", (notice: Answer) => this.notices.push(notice));
  }

  async connected(): Promise<this> {
    if (this.socket.connected) return this;
    await new Promise<void>((done, fail) => {
      this.socket.once("connect", done);
      this.socket.once("connect_error", fail);
    });
    return this;
  }

  ask(event: string, ...args: unknown[]): Promise<Answer> {
    return this.socket.timeout(10_000).emitWithAck(event, ...args);
  }

  async open(board = "main"): Promise<OpenResult> {
    await this.connected();
    const opened: OpenResult = await this.ask("open", { board, protocol: 1 });
    assert.ok(!("error" in opened), JSON.stringify(opened));
    this.opened = opened;
    return opened;
  }

  /** Watches pages from where this client's replicas stand, or those of `others`: a client that returns elsewhere. */
  async watch(pages: readonly number[], others?: RawClient): Promise<Answer> {
    assert.ok(this.opened);
    const { handle, size } = this.opened;
    const wanted = pages.map((page) => {
      const replica =
        others?.replicas.get(page) ?? this.replicas.get(page) ?? new Replica(page, cellsInPage(size, page));
      this.replicas.set(page, replica);
      return [page, formatPosition(replica.position)];
    });
    return this.ask("watch", { handle, pages: wanted });
  }

  write(session: string, seq: number, changes: readonly (readonly [number, 0 | 1])[]): Promise<Answer> {
    return this.ask("write", { handle: this.opened?.handle, session, seq, changes });
  }

  close(): void {
    this.socket.disconnect();
  }

  #receive(update: Parameters<Replica["receive"]>[0], bytes: number): void {
    const outcome = this.replicas.get(update.page)?.receive(update) ?? "gap";
    this.frames.push({ kind: update.kind, page: update.page, outcome, bytes });
  }
}

export async function rawClient(url: string, board = "main"): Promise<RawClient> {
  const client = new RawClient(url);
  await client.open(board);
  return client;
}

let sessions = 0;
/** A session id of the form that the protocol asks for. */
export function newSession(): string {
  return `test-session-${String(sessions++).padStart(9, "0")}`;
}
