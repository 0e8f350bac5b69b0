/*
 * Sends each recipient of the teaching protocol the cells that changed, at the pace at which it
 * reads.
 *
 *     level     has been sent everything; a small change is one frame for all level recipients
 *     behind    has marked cells, because many changed together or it reads slowly: they are sent a
 *               frame at a time, in turns of the event loop, each with its value at that moment
 *     waiting   behind, and gets no more until it has read the frames so far
 *
 * A mark stands for a cell, not for a change, so a recipient that is behind costs one bit per cell.
 * The number of bytes waiting here would not show how far it has read. The kernel buffers megabytes
 * for a slow client, and the heartbeat behind them would come too late.
 */

import { bitmapBytes, countBits, eachDifference, setBit } from "../../../board/bitmap.js";
import { keepNewest } from "../../../board/keep-newest.js";
import type { Clock } from "../../../protocol/clock.js";
import type { CheckboxUpdate } from "../../../protocol/events.js";
import type { Frame, Recipient } from "../../pages/recipient.js";

/**
 * Updates in one frame, plus up to seven. Each update is a packet. Including packet overhead, a
 * frame takes less than half of the smallest buffer that a connection may have.
 */
const FRAME_UPDATES = 64;
/** Frames sent in one turn of the event loop to all recipients that are behind. */
const TURN_FRAMES_MAX = 32;
/** Frames kept for recipients that reach the same cells later, about 10 KB each. */
const FRAMES_MAX = 256;
/** Most unread updates: about 30 KB, which a client at 8 KB/s reads within its heartbeat. */
const UNREAD_UPDATES_MAX = 512;

export interface PacedRecipient extends Recipient {
  /** Calls `read` once, when the client has read everything that was sent to it before. */
  whenRead(read: () => void): void;
}

interface Progress {
  readonly recipient: PacedRecipient;
  /** One bit per cell, set if the cell must be sent. Undefined if the recipient is level. */
  marks: Uint8Array | undefined;
  at: number;
  unread: number;
}

export class PacedFanOut {
  readonly #clock: Clock;
  readonly #valueAt: (cell: number) => boolean;
  readonly #all = new Set<Progress>();
  /** Recipients that are behind and may be sent more, in the order of their turns. */
  readonly #sending = new Set<Progress>();
  readonly #changed: Uint8Array;
  /**
   * Cells -> their frame, until any of them changes. Recipients behind by the same change share it.
   */
  readonly #frames = new Map<string, UpdatesFrame>();
  #isScheduled = false;

  constructor(clock: Clock, cells: number, valueAt: (cell: number) => boolean) {
    this.#clock = clock;
    this.#valueAt = valueAt;
    this.#changed = new Uint8Array(bitmapBytes(cells));
  }

  get size(): number {
    return this.#all.size;
  }

  /** Sends `recipient` all changes from now on, until the returned function is called. */
  add(recipient: PacedRecipient): () => void {
    const progress: Progress = { recipient, marks: undefined, at: 0, unread: 0 };
    this.#all.add(progress);
    return () => {
      this.#all.delete(progress);
      this.#sending.delete(progress);
    };
  }

  /**
   * Marks the cell even if it changed back, because a client may have read the value in between
   * from GET /state.
   */
  changed(cell: number): void {
    setBit(this.#changed, cell, 1);
    this.#frames.clear();
  }

  flush(): void {
    const count = countBits(this.#changed);
    if (count === 0) return;
    const few = count <= FRAME_UPDATES ? this.#frame(cellsIn(this.#changed)) : undefined;
    for (const progress of this.#all) {
      if (progress.marks) addCells(progress.marks, this.#changed);
      else if (few && mayBeSent(progress)) send(progress, few);
      else {
        progress.marks = this.#changed.slice();
        progress.at = 0;
        this.#goOn(progress);
      }
    }
    this.#changed.fill(0);
  }

  /** If a recipient is behind, gives it another turn as soon as more may be sent to it. */
  #goOn(progress: Progress): void {
    if (!this.#all.has(progress)) return;
    if (!mayBeSent(progress)) {
      progress.recipient.whenRead(() => {
        progress.unread = 0;
        this.#goOn(progress);
      });
      return;
    }
    this.#sending.add(progress);
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
    for (const progress of this.#sending) {
      if (sent === TURN_FRAMES_MAX) break;
      this.#sending.delete(progress);
      if (!mayBeSent(progress)) {
        // Chat messages sent meanwhile may have filled its buffer.
        this.#goOn(progress);
        continue;
      }
      const cells = takeCells(progress);
      if (cells.length === 0) continue;
      send(progress, this.#shared(cells));
      sent++;
      // Goes to the end of the set, so that its next frame comes after all others.
      if (progress.marks) this.#goOn(progress);
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

function mayBeSent({ recipient, unread }: Progress): boolean {
  return unread < UNREAD_UPDATES_MAX && !recipient.backlogged;
}

function send(progress: Progress, frame: UpdatesFrame): void {
  progress.recipient.send(frame);
  progress.unread += frame.updates.length;
}

function addCells(to: Uint8Array, from: Uint8Array): void {
  for (let index = 0; index < from.length; index++) to[index] = (to[index] ?? 0) | (from[index] ?? 0);
}

function cellsIn(marks: Uint8Array): number[] {
  const cells: number[] = [];
  eachDifference(new Uint8Array(marks.length), marks, (cell) => cells.push(cell));
  return cells;
}

/** Takes the marks for the next frame, in whole bytes. If none are left, the recipient is level. */
function takeCells(progress: Progress): number[] {
  const { marks } = progress;
  const taken: number[] = [];
  if (!marks) return taken;
  for (let left = marks.length; left > 0; left--) {
    if (taken.length >= FRAME_UPDATES) return taken;
    const byte = marks[progress.at] ?? 0;
    for (let bit = 0; bit < 8; bit++) if (byte & (128 >>> bit)) taken.push(progress.at * 8 + bit);
    marks[progress.at] = 0;
    progress.at = (progress.at + 1) % marks.length;
  }
  progress.marks = undefined;
  return taken;
}
