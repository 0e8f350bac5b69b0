/*
 * The client: one connection shared by any number of boards. Routes frames to them, and says how the connection stands.
 */

import { createNanoEvents } from "nanoevents";
import type { Clock } from "../protocol/clock.js";
import { decodeDelta, decodeSnapshot } from "../protocol/codec.js";
import type { ErrorBody, Refusal } from "../protocol/errors.js";
import type { Notice } from "../protocol/events.js";
import { decodeCounts, decodeOverview } from "../protocol/overview-codec.js";
import { Board } from "./board.js";
import type { Line, LineListener } from "./line.js";

export interface ConnectionState {
  readonly connected: boolean;
  /** The instance's URL, while connected. */
  readonly url: string | undefined;
  /** Sockets on that instance, as last told. */
  readonly online: number;
  /** Sockets on all instances, as last told. */
  readonly onlineEverywhere: number;
  /** Whether the instance reaches its store; while not, reading goes on and writes wait. */
  readonly storeAvailable: boolean;
  /**
   * While not connected, why the last connection was closed or the last attempt failed, if it is known. While connected, why
   * the token gives nothing, if it does not.
   */
  readonly reason: ErrorBody | undefined;
}

export interface ClientEvents {
  state: (state: ConnectionState) => void;
}

/** What a client is made of: `connect` of index.ts brings the real parts, a simulation its own. */
export interface ClientParts {
  /** Opens the line that all boards share. */
  readonly open: (listener: LineListener) => Line;
  readonly clock: Clock;
  /** Draws a session id: 22 characters of base64url that nobody can guess. */
  readonly newSession: () => string;
}

export class Client {
  readonly #boards = new Map<string, Board>();
  readonly #events = createNanoEvents<ClientEvents>();
  readonly #line: Line;
  readonly #clock: Clock;
  readonly #newSession: () => string;
  /** Why no connection will come any more. */
  #refusal: Refusal | undefined;
  #state: ConnectionState = {
    connected: false,
    url: undefined,
    online: 0,
    onlineEverywhere: 0,
    storeAvailable: true,
    reason: undefined,
  };

  constructor({ open, clock, newSession }: ClientParts) {
    this.#clock = clock;
    this.#newSession = newSession;
    this.#line = open({
      up: (url) => {
        this.#set({ connected: true, url, storeAvailable: true, reason: undefined });
        for (const board of this.#boards.values()) board.connected();
      },
      down: (reason) => {
        for (const board of this.#boards.values()) board.disconnected();
        this.#set({ connected: false, url: undefined, reason: reason?.toBody() });
      },
      refused: (reason) => this.#end(reason),
      delta: (frame) => this.#receive(decodeDelta(frame)),
      snapshot: (frame) => this.#receive(decodeSnapshot(frame, (handle, page) => this.#find(handle)?.cellsOf(page))),
      overview: (frame) => {
        const decoded = decodeOverview(frame, (handle) => this.#find(handle)?.pages);
        if (!decoded) this.#line.reconnect();
        else this.#find(decoded.handle)?.overviews.receiveAll(decoded.content);
      },
      counts: (frame) => {
        const decoded = decodeCounts(frame, (handle) => this.#find(handle)?.pages);
        if (!decoded) this.#line.reconnect();
        else this.#find(decoded.handle)?.overviews.receiveSome(decoded.content);
      },
      looking: ({ handle, pages }) => this.#find(handle)?.overviews.receiveWatchers(pages),
      frozen: (frozen) => this.#find(frozen.handle)?.receiveFrozen(frozen),
      notice: (notice) => this.#notice(notice),
    });
  }

  get state(): ConnectionState {
    return this.#state;
  }

  /** The board of that name; the same object each time. */
  board(name: string): Board {
    const known = this.#boards.get(name);
    if (known) return known;
    const board = new Board(name, this.#line, this.#clock, this.#newSession(), {
      opened: ({ online, onlineEverywhere, storeAvailable }) =>
        this.#setOnline(online, onlineEverywhere, { storeAvailable }),
      problem: (problem) => this.#set({ reason: problem.toBody() }),
    });
    this.#boards.set(name, board);
    if (this.#refusal) board.refused(this.#refusal);
    return board;
  }

  /** Calls `listener` until the returned function is called. */
  on<Name extends keyof ClientEvents>(name: Name, listener: ClientEvents[Name]): () => void {
    return this.#events.on(name, listener);
  }

  /** Drops the connection and makes the next, to the next URL where there are several. */
  reconnect(): void {
    this.#line.reconnect();
  }

  close(): void {
    for (const board of this.#boards.values()) board.close();
    this.#line.close();
  }

  /** The token is not accepted, and the next would not be either. */
  #end(refusal: Refusal): void {
    this.#refusal = refusal;
    for (const board of this.#boards.values()) board.refused(refusal);
  }

  #find(handle: number): Board | undefined {
    for (const board of this.#boards.values()) if (board.handle === handle) return board;
    return undefined;
  }

  #receive(frame: ReturnType<typeof decodeDelta> | ReturnType<typeof decodeSnapshot>): void {
    // A frame that cannot be read leaves a gap behind it; a new connection brings what is missing.
    if (!frame) this.#line.reconnect();
    else this.#find(frame.handle)?.receive(frame.content);
  }

  #notice(notice: Notice): void {
    if (notice.kind === "online") this.#setOnline(notice.online, notice.onlineEverywhere);
    else if (notice.kind === "store") this.#set({ storeAvailable: notice.available });
    else if (notice.kind === "goodbye") this.#set({ reason: notice.error });
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
