/*
 * Sends each client of the teaching protocol the cells that changed, at the pace at which it reads.
 *
 *     level     has been sent everything: a small change goes to all who are level, in one frame that is encoded once
 *     behind    has cells marked, because much changed at once or it reads slowly: they are sent a frame at a time, in
 *               turns of the event loop, with the value that each has by then
 *     waiting   behind, and sent no more until it has read what it was sent
 *
 * A mark stands for a cell, not for a change: however often a cell changes, a client that is behind costs one bit of it.
 * What a client has read it says itself (`whenRead`). Counting what waits here would not do: the kernel takes megabytes for
 * a client that reads slowly, and the heartbeat behind them would come too late.
 */

import { bitmapBytes, countBits, eachDifference, setBit } from "../../../board/bitmap.js";
import { keepNewest } from "../../../board/keep-newest.js";
import type { Clock } from "../../../protocol/clock.js";
import type { CheckboxUpdate } from "../../../protocol/events.js";
import type { Frame, Recipient } from "../../pages/recipient.js";

/**
 * Updates in one frame, and up to seven more. Each is a packet of its own; with what that costs besides its bytes they take
 * less than half of the smallest buffer that a client may have.
 */
const FRAME_UPDATES = 64;
/** Frames sent in one turn of the event loop to those who are behind, all together. */
const TURN_FRAMES_MAX = 32;

/** Frames kept for those who come to the same cells a little later, of some 10 KB each with what is made of them. */
const FRAMES_MAX = 256;
/** Updates sent to a client that it has not read yet: some 30 KB, which a client at 8 KB/s reads within its heartbeat. */
const UNREAD_UPDATES_MAX = 512;

/** A client that can say how far it has read. */
export interface PacedRecipient extends Recipient {
  /** Calls `read`, once, when the client has read all that was sent to it before. */
  whenRead(read: () => void): void;
}

interface Viewer {
  readonly recipient: PacedRecipient;
  /** Cell -> whether it is to be sent; undefined if the client is level. */
  marks: Uint8Array | undefined;
  /** The byte of the marks to go on at. */
  at: number;
  unread: number;
}

export class TeachingViewers {
  readonly #clock: Clock;
  readonly #valueAt: (cell: number) => boolean;
  readonly #viewers = new Set<Viewer>();
  /** Those behind that wait for nothing, in the order of their turns. */
  readonly #sending = new Set<Viewer>();
  /** Cells that changed since the last flush. */
  readonly #changed: Uint8Array;
  /** By their cells, until one of any changes: many fall behind by the same change, and are sent the same. */
  readonly #frames = new Map<string, UpdatesFrame>();
  #isScheduled = false;

  /** `valueAt` is asked for the present value of a cell. */
  constructor(clock: Clock, cells: number, valueAt: (cell: number) => boolean) {
    this.#clock = clock;
    this.#valueAt = valueAt;
    this.#changed = new Uint8Array(bitmapBytes(cells));
  }

  get size(): number {
    return this.#viewers.size;
  }

  /** Sends `recipient` what changes from now on, until the returned function is called. */
  add(recipient: PacedRecipient): () => void {
    const viewer: Viewer = { recipient, marks: undefined, at: 0, unread: 0 };
    this.#viewers.add(viewer);
    return () => {
      this.#viewers.delete(viewer);
      this.#sending.delete(viewer);
    };
  }

  /** The cell changed, perhaps back to what it was: a client may have read the value between from GET /state. */
  changed(cell: number): void {
    setBit(this.#changed, cell, 1);
    this.#frames.clear();
  }

  /** Sends what changed, or marks it. */
  flush(): void {
    const count = countBits(this.#changed);
    if (count === 0) return;
    const few = count <= FRAME_UPDATES ? this.#frame(cellsIn(this.#changed)) : undefined;
    for (const viewer of this.#viewers) {
      if (viewer.marks) addCells(viewer.marks, this.#changed);
      else if (few && mayBeSent(viewer)) send(viewer, few);
      else {
        viewer.marks = this.#changed.slice();
        viewer.at = 0;
        this.#goOn(viewer);
      }
    }
    this.#changed.fill(0);
  }

  /** Gives a client that is behind its next turn, as soon as it may be sent more. */
  #goOn(viewer: Viewer): void {
    if (!this.#viewers.has(viewer)) return;
    if (!mayBeSent(viewer)) {
      viewer.recipient.whenRead(() => {
        viewer.unread = 0;
        this.#goOn(viewer);
      });
      return;
    }
    this.#sending.add(viewer);
    this.#schedule();
  }

  #schedule(): void {
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    this.#clock.after(0, () => this.#turn());
  }

  #turn(): void {
    this.#isScheduled = false;
    let sent = 0;
    for (const viewer of this.#sending) {
      if (sent === TURN_FRAMES_MAX) break;
      this.#sending.delete(viewer);
      if (!mayBeSent(viewer)) {
        // Something else was sent to it meanwhile, such as messages.
        this.#goOn(viewer);
        continue;
      }
      const cells = takeCells(viewer);
      if (cells.length === 0) continue;
      send(viewer, this.#shared(cells));
      sent++;
      // The set is in the order of insertion: behind all others, and in this turn still if there is room.
      if (viewer.marks) this.#goOn(viewer);
    }
    if (this.#sending.size > 0) this.#schedule();
  }

  #shared(cells: readonly number[]): UpdatesFrame {
    const key = cells.join();
    const frame = this.#frames.get(key) ?? this.#frame(cells);
    this.#frames.set(key, frame);
    keepNewest(this.#frames, FRAMES_MAX);
    return frame;
  }

  #frame(cells: readonly number[]): UpdatesFrame {
    const updates = cells.map((index): CheckboxUpdate => ({ index, value: this.#valueAt(index) }));
    return { kind: "updates", updates };
  }
}

type UpdatesFrame = Extract<Frame, { readonly kind: "updates" }>;

function mayBeSent({ recipient, unread }: Viewer): boolean {
  return unread < UNREAD_UPDATES_MAX && !recipient.backlogged;
}

function send(viewer: Viewer, frame: UpdatesFrame): void {
  viewer.recipient.send(frame);
  viewer.unread += frame.updates.length;
}

function addCells(to: Uint8Array, from: Uint8Array): void {
  for (let index = 0; index < from.length; index++) to[index] = (to[index] ?? 0) | (from[index] ?? 0);
}

function cellsIn(marks: Uint8Array): number[] {
  const cells: number[] = [];
  eachDifference(new Uint8Array(marks.length), marks, (cell) => cells.push(cell));
  return cells;
}

/** Takes the marks of one frame, in whole bytes, from where the last were taken. Who has no more is level. */
function takeCells(viewer: Viewer): number[] {
  const { marks } = viewer;
  const taken: number[] = [];
  if (!marks) return taken;
  for (let left = marks.length; left > 0; left--) {
    if (taken.length >= FRAME_UPDATES) return taken;
    const byte = marks[viewer.at] ?? 0;
    for (let bit = 0; bit < 8; bit++) if (byte & (128 >>> bit)) taken.push(viewer.at * 8 + bit);
    marks[viewer.at] = 0;
    viewer.at = (viewer.at + 1) % marks.length;
  }
  viewer.marks = undefined;
  return taken;
}
