/*
 * The client: one connection shared by any number of boards. Routes frames to them, and says how the connection stands.
 */

import { createNanoEvents } from "nanoevents";
import { toBase64url } from "../protocol/base64url.js";
import { decodeDelta, decodeSnapshot } from "../protocol/codec.js";
import type { ErrorBody } from "../protocol/errors.js";
import type { Notice } from "../protocol/events.js";
import { Board } from "./board.js";
import { Connection } from "./connection.js";

export interface ConnectionState {
  readonly connected: boolean;
  /** The instance's URL, while connected. */
  readonly url: string | undefined;
  /** Sockets on that instance, as last told. */
  readonly online: number;
  /** Whether the instance reaches its store; while not, reading goes on and writes wait. */
  readonly storeAvailable: boolean;
  /** Why the server closed or refused the last connection, if it said so. */
  readonly reason: ErrorBody | undefined;
}

export interface ClientEvents {
  state: (state: ConnectionState) => void;
}

export class Client {
  readonly #boards = new Map<string, Board>();
  readonly #events = createNanoEvents<ClientEvents>();
  readonly #connection: Connection;
  #state: ConnectionState = {
    connected: false,
    url: undefined,
    online: 0,
    storeAvailable: true,
    reason: undefined,
  };

  constructor(urls: readonly string[]) {
    this.#connection = new Connection(urls, {
      up: (url) => {
        this.#set({ connected: true, url, storeAvailable: true, reason: undefined });
        for (const board of this.#boards.values()) void board.connected();
      },
      down: (reason) => {
        for (const board of this.#boards.values()) board.disconnected();
        this.#set({ connected: false, url: undefined, reason: reason?.toBody() });
      },
      delta: (frame) => this.#receive(decodeDelta(frame)),
      snapshot: (frame) => this.#receive(decodeSnapshot(frame, (handle, page) => this.#find(handle)?.cellsOf(page))),
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
    const session = toBase64url(crypto.getRandomValues(new Uint8Array(16)));
    const board = new Board(name, this.#connection, session, ({ online, storeAvailable }) => {
      this.#set({ online, storeAvailable });
    });
    this.#boards.set(name, board);
    return board;
  }

  /** Calls `listener` until the returned function is called. */
  on<Name extends keyof ClientEvents>(name: Name, listener: ClientEvents[Name]): () => void {
    return this.#events.on(name, listener);
  }

  /** Drops the connection and makes the next, to the next URL where there are several. */
  reconnect(): void {
    this.#connection.reconnect();
  }

  close(): void {
    for (const board of this.#boards.values()) board.close();
    this.#connection.close();
  }

  #find(handle: number): Board | undefined {
    for (const board of this.#boards.values()) if (board.handle === handle) return board;
    return undefined;
  }

  #receive(frame: ReturnType<typeof decodeDelta> | ReturnType<typeof decodeSnapshot>): void {
    // A frame that cannot be read leaves a gap behind it; a new connection brings what is missing.
    if (!frame) this.#connection.reconnect();
    else this.#find(frame.handle)?.receive(frame.content);
  }

  #notice(notice: Notice): void {
    if (notice.kind === "online") this.#set({ online: notice.online });
    else if (notice.kind === "store") this.#set({ storeAvailable: notice.available });
    else if (notice.kind === "goodbye") this.#set({ reason: notice.error });
  }

  #set(some: Partial<ConnectionState>): void {
    this.#state = { ...this.#state, ...some };
    this.#events.emit("state", this.#state);
  }
}
