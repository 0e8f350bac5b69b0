/* One client of the swarm: the client library over a real connection, with counters. */

import { PAGE_CELLS } from "../board/geometry.js";
import type { CellChange } from "../client/api/board.js";
import type { LiveBoard } from "../client/boards/live-board.js";
import { LiveClient } from "../client/client.js";
import { Connection } from "../client/connection/connection.js";
import type { Line, LineListener } from "../client/links/line.js";
import { toBase64url } from "../protocol/base64url.js";
import { realClock } from "../protocol/clock.js";
import { LANE_PROTOCOL } from "../protocol/lane.js";
import type { Probes } from "./probes.js";
import type { Tally } from "./tally.js";

interface Place {
  /** Its number in the swarm. */
  readonly number: number;
  readonly url: string;
  readonly board: string;
  readonly pages: number;
  /** Whether the changes that it shows are timed and counted. */
  readonly isMeasured: boolean;
  /** Whether it views by the feed, without a socket. */
  readonly isFed: boolean;
}

export class User {
  readonly number: number;
  readonly url: string;
  readonly isFed: boolean;
  readonly #client: LiveClient;
  #line: Line | undefined;
  readonly board: LiveBoard;
  readonly #tally: Tally;
  #hasPages = false;

  constructor({ number, url, board, pages, isMeasured, isFed }: Place, tally: Tally, probes: Probes) {
    this.number = number;
    this.url = url;
    this.isFed = isFed;
    this.#tally = tally;
    this.#client = new LiveClient({
      open: (listener) => {
        const view = isFed ? "feed" : "live";
        this.#line = new Connection([url], realClock, counting(listener, tally, isMeasured), { view });
        return this.#line;
      },
      clock: realClock,
      newSession: () => toBase64url(crypto.getRandomValues(new Uint8Array(16))),
    });
    this.board = this.#client.board(board);
    this.board.watch({ start: 0, end: pages * PAGE_CELLS }).ready.then(
      () => {
        this.#hasPages = true;
      },
      () => undefined,
    );
    const changed = (changes: readonly CellChange[]) => {
      for (const { cell, value, mine } of changes) {
        if (mine) continue;
        tally.counts.seen++;
        const ms = probes.seen(cell, value);
        if (ms !== undefined) tally.record("shown", ms);
      }
    };
    if (isMeasured) this.board.on("change", changed);
    this.board.on("delayed", ({ code }) => tally.code(code));
    this.board.on("refused", ({ code }) => tally.code(code));
  }

  /** Whether it has a socket of the lane, also if that was not asked for. */
  get hasSocket(): boolean {
    return this.isLive && this.#line?.protocol === LANE_PROTOCOL;
  }

  /** Whether it shows all its pages and hears of their changes. */
  get isLive(): boolean {
    return this.#hasPages && this.board.status === "live";
  }

  /** Sets the cell to the opposite of what this client shows, so that every write is a change. */
  async flip(cell: number, wrote?: (value: boolean) => void): Promise<boolean> {
    const value = !this.board.get(cell);
    this.#tally.counts.written++;
    wrote?.(value);
    const startMs = performance.now();
    try {
      await this.board.set(cell, value);
    } catch {
      // The event `refused` reports the code.
      this.#tally.counts.refused++;
      return false;
    }
    this.#tally.counts.acknowledged++;
    this.#tally.record("settled", performance.now() - startMs);
    return true;
  }

  close(): void {
    this.#client.close();
  }
}

function counting(listener: LineListener, tally: Tally, isMeasured: boolean): LineListener {
  return {
    ...listener,
    down: (reason) => {
      if (!reason) tally.counts.lost++;
      else if (reason.code !== "UNREACHABLE") tally.code(reason.code);
      listener.down(reason);
    },
    received: (bytes) => {
      if (!isMeasured) return;
      tally.counts.frames++;
      tally.counts.bytes += bytes;
    },
  };
}
