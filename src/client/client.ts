/* The client: one connection shared by any number of boards. It routes frames to them. */

/// <reference lib="esnext.disposable" preserve="true" />

import { createNanoEvents } from "nanoevents";
import type { Clock } from "../protocol/clock.js";
import { decodeSnapshot, type Framed } from "../protocol/codec.js";
import { decodeCounts, decodeOverview } from "../protocol/overview-codec.js";
import { Refusal } from "../protocol/refusal.js";
import type { Board } from "./api/board.js";
import type { ChangeKeeper, EarlierChanges } from "./api/connect-options.js";
import { type ConnectionState, NOT_CONNECTED } from "./api/connection-state.js";
import { LiveBoard } from "./boards/live-board.js";
import type { Line, LineListener } from "./links/line.js";

/** Events of a client, and their listeners. */
export interface ClientEvents {
  /** `client.state` has changed. */
  state: (state: ConnectionState) => void;
  /** With `keep`: the delivery of changes that an earlier web page left has progressed. */
  earlier: (changes: EarlierChanges) => void;
}

/** A connection to one of the instances, shared by any number of boards. */
export interface Client extends Disposable {
  /** The state of the connection. Replaced when it changes: see the event `state`. */
  readonly state: ConnectionState;
  /**
   * With `remember`: the visitor's secret id. Send it only to your own server, which uses it to
   * name the visitor (`confirm(cells, { visitor })`).
   */
  readonly visitor: string | undefined;
  /** The board of that name: the same object each time. */
  board(name: string): Board;
  /** Calls `listener` until the returned function is called. */
  on<Name extends keyof ClientEvents>(name: Name, listener: ClientEvents[Name]): () => void;
  /** Drops the connection and makes a new one, to the next URL if there are several. */
  reconnect(): void;
  /** Closes all boards and the connection. Same as `[Symbol.dispose]`. */
  close(): void;
}

interface Parts {
  /** Opens the line that all boards share. */
  readonly open: (listener: LineListener) => Line;
  readonly clock: Clock;
  /** Generates a session id: 22 characters of base64url that nobody can guess. */
  readonly newSession: () => string;
  readonly visitor?: string | undefined;
  readonly keep?: ChangeKeeper | undefined;
}

export class LiveClient implements Client {
  readonly visitor: string | undefined;
  readonly #boards = new Map<string, LiveBoard>();
  readonly #events = createNanoEvents<ClientEvents>();
  readonly #line: Line;
  readonly #parts: Parts;
  /** Why no further connection will be attempted. */
  #refusal: Refusal | undefined;
  #state = NOT_CONNECTED;
  readonly #stopRecovery: (() => void) | undefined;

  constructor(parts: Parts) {
    this.#parts = parts;
    this.visitor = parts.visitor;
    const pagesOf = (handle: number) => this.#find(handle)?.pages;
    const cellsOf = (handle: number, page: number) => this.#find(handle)?.cellsOf(page);
    this.#line = parts.open({
      opened: () => {
        for (const board of this.#boards.values()) board.connected();
      },
      up: (url) => this.#set({ connected: true, url, storeAvailable: true, failedAttempts: 0, reason: undefined }),
      down: (reason) => {
        for (const board of this.#boards.values()) board.disconnected();
        const { connected, failedAttempts } = this.#state;
        this.#set({
          connected: false,
          url: undefined,
          failedAttempts: connected ? 0 : failedAttempts + 1,
          reason: reason?.toBody(),
        });
      },
      waiting: (reason) => this.#set({ reason: reason.toBody() }),
      refused: (reason) => {
        this.#refusal = reason;
        for (const board of this.#boards.values()) board.end(reason);
      },
      delta: (frame) => this.#receive(frame, (board, delta) => board.receive(delta)),
      snapshot: (frame) => this.#receive(decodeSnapshot(frame, cellsOf), (board, snapshot) => board.receive(snapshot)),
      overview: (frame) =>
        this.#receive(decodeOverview(frame, pagesOf), ({ overviews }, counts) => overviews.receiveAll(counts)),
      counts: (frame) =>
        this.#receive(decodeCounts(frame, pagesOf), ({ overviews }, counts) => overviews.receiveSome(counts)),
      looking: ({ handle, pages }) => this.#find(handle)?.overviews.receiveWatchers(pages),
      frozen: (frozen) => this.#find(frozen.handle)?.receiveFrozen(frozen),
      resized: ({ handle, size }) => this.#find(handle)?.resized(size),
      mine: (mine) => this.#find(mine.handle)?.receiveMine(mine),
      notice: (notice) => {
        if (notice.kind === "online") this.#setOnline(notice.online, notice.onlineEverywhere);
        else if (notice.kind === "people") this.#find(notice.handle)?.counted(notice.people);
        else if (notice.kind === "store") this.#set({ storeAvailable: notice.available });
        else if (notice.kind === "goodbye") this.#set({ reason: notice.error });
      },
    });
    const { open, clock } = parts;
    // A listener that throws must not break off the delivery.
    const progress = (earlier: EarlierChanges) => queueMicrotask(() => this.#events.emit("earlier", earlier));
    this.#stopRecovery = parts.keep?.recover({ open, clock, progress });
  }

  get state(): ConnectionState {
    return this.#state;
  }

  board(name: string): LiveBoard {
    const known = this.#boards.get(name);
    if (known) return known;
    const { clock, newSession, keep } = this.#parts;
    const session = newSession();
    const board = new LiveBoard(name, this.#line, clock, session, {
      opened: ({ online, onlineEverywhere, storeAvailable }) =>
        this.#setOnline(online, onlineEverywhere, { storeAvailable, reason: undefined }),
      problem: (problem) => this.#set({ reason: problem.toBody() }),
      kept: keep?.begin(name, session),
    });
    this.#boards.set(name, board);
    if (this.#refusal) board.end(this.#refusal);
    return board;
  }

  on<Name extends keyof ClientEvents>(name: Name, listener: ClientEvents[Name]): () => void {
    return this.#events.on(name, listener);
  }

  reconnect(): void {
    this.#line.reconnect();
  }

  close(): void {
    this.#refusal ??= new Refusal("CLOSED");
    this.#stopRecovery?.();
    for (const board of this.#boards.values()) board.close();
    this.#line.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  #find(handle: number): LiveBoard | undefined {
    for (const board of this.#boards.values()) if (board.handle === handle) return board;
    return undefined;
  }

  #receive<Content>(frame: Framed<Content> | undefined, receive: (board: LiveBoard, content: Content) => void): void {
    const board = frame && this.#find(frame.handle);
    if (board) receive(board, frame.content);
    // A frame that cannot be decoded leaves a gap. A new connection fills it.
    else if (!frame) this.#line.reconnect();
  }

  #setOnline(online: number, onlineEverywhere: number, others: Partial<ConnectionState> = {}): void {
    this.#set({ ...others, online, onlineEverywhere });
    for (const board of this.#boards.values()) board.overviews.receiveOnline(onlineEverywhere);
  }

  #set(some: Partial<ConnectionState>): void {
    this.#state = { ...this.#state, ...some };
    this.#events.emit("state", this.#state);
  }
}
