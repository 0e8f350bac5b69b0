/*
 * A browser of the lab: the client library, as an app in a browser runs it, on a connection of its
 * own. Its line is observed, so its position is the one that its frames lead to.
 */

import { formatPosition, GENESIS, type Position } from "../../board/position.js";
import type { Board } from "../../client/api/board.js";
import { LiveClient } from "../../client/client.js";
import { Connection } from "../../client/connection/connection.js";
import type { LineListener } from "../../client/links/line.js";
import { clientClock } from "../../client/timing/elapsed-clock.js";
import { toBase64url } from "../../protocol/base64url.js";
import { decodeSnapshot } from "../../protocol/codec.js";
import { LAB_BOARD } from "./process-messages.js";

export interface BrowserWatch {
  /** Changes have arrived, or the connection's state has changed. */
  changed(): void;
  /** A message with changes has arrived. */
  frame(label: string): void;
  reconnected(): void;
}

/** A browser of either side. */
export interface Browser {
  readonly isConnected: boolean;
  /** Whether the server has sent the board since the connection opened. */
  readonly hasBoard: boolean;
  readonly position: string | undefined;
  /** A 0 or 1 for each box. */
  readonly shown: string;
  readonly pending: number;
  /** Resolves when the click is acknowledged. Rejects if it never will be. */
  click(cell: number, value: boolean): Promise<void>;
  close(): void;
}

export class OurBrowser implements Browser {
  position: string | undefined;
  isConnected = false;
  readonly #client: LiveClient;
  readonly #board: Board;
  readonly #cells: number;

  constructor(url: string, cells: number, watch: BrowserWatch) {
    this.#cells = cells;
    let hasBeenUp = false;
    const arrived = (position: Position | undefined, what: string) => {
      if (!position) return;
      this.position = formatPosition(position);
      watch.frame(`${what}${this.position}`);
    };
    const observe = (listener: LineListener): LineListener => ({
      ...listener,
      delta: (framed) => {
        listener.delta(framed);
        arrived(framed?.content.to, "");
      },
      snapshot: (frame) => {
        listener.snapshot(frame);
        arrived(decodeSnapshot(frame, () => cells)?.content.position, "snapshot ");
      },
      up: (at) => {
        listener.up(at);
        this.isConnected = true;
        if (hasBeenUp) watch.reconnected();
        hasBeenUp = true;
        watch.changed();
      },
      down: (reason) => {
        listener.down(reason);
        this.isConnected = false;
        watch.changed();
      },
    });
    this.#client = new LiveClient({
      open: (listener) => new Connection([url], clientClock, observe(listener)),
      clock: clientClock,
      newSession: () => toBase64url(crypto.getRandomValues(new Uint8Array(16))),
    });
    this.#board = this.#client.board(LAB_BOARD);
    // A page that nobody has changed sends nothing: its replica is where every replica starts.
    const loaded = () => {
      this.position ??= formatPosition(GENESIS);
      watch.changed();
    };
    this.#board.watch({ start: 0, end: cells }).ready.then(loaded, () => undefined);
    this.#board.on("change", () => watch.changed());
    this.#board.on("status", () => watch.changed());
  }

  get shown(): string {
    return Array.from({ length: this.#cells }, (_, cell) => (this.#board.get(cell) ? "1" : "0")).join("");
  }

  get hasBoard(): boolean {
    return this.position !== undefined;
  }

  get pending(): number {
    return this.#board.pending;
  }

  click(cell: number, value: boolean): Promise<void> {
    return this.#board.set(cell, value);
  }

  close(): void {
    this.#client.close();
  }
}
