/*
 * The known past of one page: parts of its record, each from a snapshot at its start. A part
 * is read from the moment that is looked at forwards, so a long record shows its beginning at once.
 * If an answer holds only the end of what was asked for, the next one is asked for less. Pure.
 */

import { PageReplay, type RecordedChanges } from "./page-replay.js";

export interface PageRecord {
  readonly cells: number;
  /**
   * Where the record starts: as requested, or later. All times are the store's, in ms since 1970.
   */
  readonly fromMs: number;
  readonly start: Uint8Array;
  readonly record: readonly RecordedChanges[];
}

/** Both ends are inclusive. */
export interface Period {
  readonly fromMs: number;
  readonly toMs: number;
}

export interface Part extends Period {
  readonly cells: number;
  readonly replay: PageReplay;
}

/** A part has up to about 100 KB. The part farthest from the moment is dropped first. */
const PARTS_MAX = 6;

export class Track {
  readonly #endMs: number;
  /** Sorted by time; none begins within another, except at its last moment. */
  #parts: readonly Part[] = [];
  /** Nothing before this moment is recorded. */
  #beginsMs = Number.NEGATIVE_INFINITY;
  #lengthMs = Number.POSITIVE_INFINITY;

  constructor(endMs: number) {
    this.#endMs = endMs;
  }

  at(ms: number): Part | undefined {
    return this.#parts.findLast(({ fromMs, toMs }) => fromMs <= ms && ms <= toMs);
  }

  /** Whether all that the record says of this moment is known, which may be nothing. */
  isKnown(ms: number): boolean {
    return ms < this.#beginsMs || this.at(ms) !== undefined;
  }

  /** How long nothing changes from `ms` on, as far as that is known. */
  quietUntil(ms: number): number {
    const part = this.at(ms);
    if (part) return part.replay.nextAfter(ms) ?? part.toMs;
    return ms < this.#beginsMs ? this.#beginsMs : ms;
  }

  /** The period to read in order to show `ms` and the time after it; undefined if it is known. */
  missing(ms: number): Period | undefined {
    const fromMs = this.isKnown(ms) ? this.at(ms)?.toMs : Math.min(Math.floor(ms), this.#endMs - 1);
    if (fromMs === undefined || fromMs >= this.#endMs || (this.at(fromMs)?.toMs ?? fromMs) > fromMs) return undefined;
    const next = this.#parts.find((part) => part.fromMs > fromMs)?.fromMs ?? this.#endMs;
    return { fromMs, toMs: Math.min(next, fromMs + this.#lengthMs) };
  }

  /** `ms` is the moment that is looked at. */
  add({ fromMs, toMs }: Period, { record, start, cells, fromMs: begins }: PageRecord, ms: number): void {
    if (begins >= toMs && begins > fromMs) {
      this.#beginsMs = Math.max(this.#beginsMs, begins);
      return;
    }
    this.#lengthMs = begins > fromMs ? toMs - begins : 2 * this.#lengthMs;
    const part = { fromMs: begins, toMs, cells, replay: new PageReplay(start, record) };
    this.#parts = [...this.#parts, part].sort((a, b) => a.fromMs - b.fromMs || a.toMs - b.toMs);
    if (this.#parts.length <= PARTS_MAX) return;
    const farthest = this.#parts.reduce((far, each) => (distance(each, ms) > distance(far, ms) ? each : far));
    this.#parts = this.#parts.filter((each) => each !== farthest);
  }
}

function distance({ fromMs, toMs }: Period, ms: number): number {
  return Math.max(fromMs - ms, ms - toMs);
}
