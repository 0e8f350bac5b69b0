/*
 * One client of the swarm: the real client library over the real connection, with a counter put on the line. What it
 * costs is what a browser's client costs; nothing is simulated.
 */

import { PAGE_CELLS } from "../board/geometry.js";
import type { Replica } from "../board/replica.js";
import { LiveClient } from "../client/client.js";
import { Connection } from "../client/connection.js";
import type { LineListener } from "../client/line.js";
import type { LiveBoard } from "../client/live-board.js";
import { toBase64url } from "../protocol/base64url.js";
import { realClock } from "../protocol/clock.js";
import type { Probes } from "./probes.js";
import type { Tally } from "./tally.js";
import { AROUND_DELTA_BYTES, frameHeaderBytes } from "./wire-size.js";

/** Two WebSocket frames: the event with a placeholder, and the bytes. */
const AROUND_SNAPSHOT_BYTES = '451-/boards,["snapshot",{"_placeholder":true,"num":0}]'.length + 2;

export class User {
  readonly number: number;
  readonly url: string;
  readonly #client: LiveClient;
  readonly #board: LiveBoard;
  readonly #tally: Tally;

  constructor(number: number, url: string, board: string, pages: number, tally: Tally, probes: Probes) {
    this.number = number;
    this.url = url;
    this.#tally = tally;
    this.#client = new LiveClient({
      open: (listener) => new Connection([url], realClock, counting(listener, tally)),
      clock: realClock,
      newSession: () => toBase64url(crypto.getRandomValues(new Uint8Array(16))),
    });
    this.#board = this.#client.board(board);
    this.#board.watch({ start: 0, end: pages * PAGE_CELLS }).ready.catch(() => undefined);
    this.#board.on("change", (changes) => {
      for (const { cell, value, mine } of changes) {
        if (mine) continue;
        tally.counts.seen++;
        const ms = probes.seen(cell, value);
        if (ms !== undefined) tally.shown(ms);
      }
    });
    this.#board.on("delayed", ({ code }) => tally.code(code));
    this.#board.on("refused", ({ code }) => tally.code(code));
  }

  get isLive(): boolean {
    return this.#board.status === "live";
  }

  /** Writes without an answer. */
  get pending(): number {
    return this.#board.pending;
  }

  /** Sets the cell to what it is not, as this client sees it, so that every write is a change. */
  async flip(cell: number, wrote?: (value: boolean) => void): Promise<boolean> {
    const value = !this.#board.get(cell);
    this.#tally.counts.written++;
    wrote?.(value);
    const startMs = performance.now();
    try {
      await this.#board.set(cell, value);
    } catch {
      // Which code it was, the event `refused` has told.
      this.#tally.counts.refused++;
      return false;
    }
    this.#tally.counts.acknowledged++;
    this.#tally.settled(performance.now() - startMs);
    return true;
  }

  replicaOf(page: number): Replica | undefined {
    return this.#board.replicaOf(page);
  }

  close(): void {
    this.#client.close();
  }
}

function counting(listener: LineListener, tally: Tally): LineListener {
  return {
    up: (url) => listener.up(url),
    down: (reason) => {
      if (!reason) tally.counts.lost++;
      else if (reason.code !== "UNREACHABLE") tally.code(reason.code);
      listener.down(reason);
    },
    refused: (reason) => listener.refused(reason),
    delta: (frame) => {
      count(tally, frame.length + AROUND_DELTA_BYTES);
      listener.delta(frame);
    },
    snapshot: (frame) => {
      count(tally, frame.length + AROUND_SNAPSHOT_BYTES);
      listener.snapshot(frame);
    },
    overview: (frame) => listener.overview(frame),
    counts: (frame) => listener.counts(frame),
    looking: (looking) => listener.looking(looking),
    frozen: (frozen) => listener.frozen(frozen),
    notice: (notice) => listener.notice(notice),
  };
}

function count(tally: Tally, bytes: number): void {
  tally.counts.frames++;
  tally.counts.bytes += bytes + frameHeaderBytes(bytes);
}
