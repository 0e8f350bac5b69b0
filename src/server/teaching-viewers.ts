/*
 * Sends each client of the teaching protocol the cells that changed, at the pace at which it reads.
 *
 *     level    has been sent everything: a small change goes to all who are level, in one frame that is encoded once
 *     behind   has cells marked, because much changed at once or it did not read: they are sent a frame at a time, in
 *              turns of the event loop, with the value that each has by then
 *     lagging  behind, and more waits to be sent to it than should: it is left alone until that has drained
 *
 * A mark stands for a cell, not for a change: however often a cell changes, a client that is behind costs one bit of it.
 */

import { bitmapBytes, countBits, setBit } from "../board/bitmap.js";
import type { CheckboxUpdate } from "../protocol/events.js";
import type { Clock } from "./clock.js";
import { Lagging } from "./lagging.js";
import type { Frame, Recipient } from "./recipient.js";

/**
 * Updates in one frame, and up to seven more. Each is a packet of its own; with what that costs besides its bytes they take
 * less than half of the smallest buffer that a client may have.
 */
const FRAME_UPDATES = 64;
/** Frames sent in one turn of the event loop to those who are behind, all together. */
const TURN_FRAMES_MAX = 32;

/** What a client that is behind has yet to be sent. */
interface Marks {
  /** Cell -> whether it is to be sent. */
  readonly cells: Uint8Array;
  /** The byte to go on at. */
  at: number;
}

export class TeachingViewers {
  readonly #clock: Clock;
  readonly #valueAt: (cell: number) => boolean;
  /** Those who are level have no marks. */
  readonly #viewers = new Map<Recipient, Marks | undefined>();
  /** Those behind that are sent to, in the order of their turns. */
  readonly #sending = new Set<Recipient>();
  readonly #lagging: Lagging<Marks>;
  /** Cells that changed since the last flush. */
  readonly #changed: Uint8Array;
  #isScheduled = false;

  /** `valueAt` is asked for the present value of a cell. */
  constructor(clock: Clock, cells: number, valueAt: (cell: number) => boolean) {
    this.#clock = clock;
    this.#valueAt = valueAt;
    this.#changed = new Uint8Array(bitmapBytes(cells));
    this.#lagging = new Lagging(clock, (viewer) => this.#resume(viewer));
  }

  get size(): number {
    return this.#viewers.size;
  }

  add(viewer: Recipient): void {
    this.#viewers.set(viewer, undefined);
  }

  delete(viewer: Recipient): void {
    this.#viewers.delete(viewer);
    this.#sending.delete(viewer);
    this.#lagging.delete(viewer);
  }

  /** The cell changed, perhaps back to what it was: a client may have read the value between from GET /state. */
  changed(cell: number): void {
    setBit(this.#changed, cell, 1);
  }

  /** Sends what changed, or marks it. */
  flush(): void {
    const count = countBits(this.#changed);
    if (count === 0) return;
    const few = count <= FRAME_UPDATES ? this.#frame(takeCells({ cells: this.#changed.slice(), at: 0 })) : undefined;
    for (const [viewer, marks] of this.#viewers) {
      if (marks) addCells(marks.cells, this.#changed);
      else if (few && !viewer.backlogged) viewer.send(few);
      else {
        this.#viewers.set(viewer, { cells: this.#changed.slice(), at: 0 });
        this.#resume(viewer);
      }
    }
    this.#changed.fill(0);
  }

  close(): void {
    this.#viewers.clear();
    this.#sending.clear();
    this.#lagging.close();
  }

  #resume(viewer: Recipient): void {
    this.#sending.add(viewer);
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    this.#clock.after(0, () => this.#turn());
  }

  #turn(): void {
    this.#isScheduled = false;
    /** Many fall behind by the same change, and are sent the same. */
    const frames = new Map<string, Frame>();
    let sent = 0;
    for (const viewer of this.#sending) {
      if (sent === TURN_FRAMES_MAX) break;
      this.#sending.delete(viewer);
      const marks = this.#viewers.get(viewer);
      if (!marks) continue;
      if (viewer.backlogged) {
        this.#lagging.add(viewer, marks);
        continue;
      }
      const cells = takeCells(marks);
      if (cells.length === 0) {
        this.#viewers.set(viewer, undefined);
        continue;
      }
      const key = cells.join();
      const frame = frames.get(key) ?? this.#frame(cells);
      frames.set(key, frame);
      viewer.send(frame);
      sent++;
      // The set is in the order of insertion: behind all others, and in this turn still if there is room.
      this.#sending.add(viewer);
    }
    const [next] = this.#sending;
    if (next) this.#resume(next);
  }

  #frame(cells: readonly number[]): Frame {
    const updates = cells.map((index): CheckboxUpdate => ({ index, value: this.#valueAt(index) }));
    return { kind: "updates", updates };
  }
}

function addCells(to: Uint8Array, from: Uint8Array): void {
  for (let index = 0; index < from.length; index++) to[index] = (to[index] ?? 0) | (from[index] ?? 0);
}

/** Takes the marks of one frame, in whole bytes, from where the last were taken; all if there are no more than fit. */
function takeCells(marks: Marks): number[] {
  const { cells } = marks;
  const taken: number[] = [];
  for (let left = cells.length; left > 0 && taken.length < FRAME_UPDATES; left--) {
    const byte = cells[marks.at] ?? 0;
    for (let bit = 0; bit < 8; bit++) if (byte & (128 >>> bit)) taken.push(marks.at * 8 + bit);
    cells[marks.at] = 0;
    marks.at = (marks.at + 1) % cells.length;
  }
  return taken;
}
