/* The record of history.ts in the embedded store: written inside the commit's own transaction. */

import type { Bit } from "../board/bitmap.js";
import { packChange, type Snapshot } from "../board/delta.js";
import { type PageRef, pageName } from "../board/geometry.js";
import type { Position } from "../board/position.js";
import { ofBoard } from "./by-board.js";
import { type Histories, type HistoryRange, HistoryWalk, type PageHistory, type Recorded } from "./history.js";
import { encodeOps } from "./ops.js";

/** The version stands in the key as well, as several deltas may be made in one millisecond. */
type RecordKey = [board: string, page: number, ms: number, version: number];

/** What is used of LMDB's. */
export interface RecordDatabase {
  put(key: RecordKey, value: Recorded): unknown;
  remove(key: RecordKey): unknown;
  getKeys(range: { start: RecordKey; end: RecordKey; limit?: number }): Iterable<RecordKey>;
  getKeysCount(range: { start: RecordKey; end: RecordKey }): number;
  getRange(range: { start: RecordKey; end: RecordKey; reverse: true }): Iterable<{ value: Recorded }>;
}

/** Removed with each delta that is added, at most: more than one, so that the record shrinks to its bounds. */
const REMOVED_MAX = 4;

export class EmbeddedHistory {
  readonly #records: RecordDatabase;
  readonly #histories: Histories;
  readonly #now: () => number;
  /** Page -> its records. Counted once for each page and process, then kept up. */
  readonly #counts = new Map<string, number>();
  #lastMs = 0;

  constructor(records: RecordDatabase, histories: Histories, now: () => number) {
    this.#records = records;
    this.#histories = histories;
    this.#now = now;
  }

  /** `effects` in the order they were made. */
  add(ref: PageRef, from: Position, to: Position, effects: readonly (readonly [offset: number, value: Bit])[]): void {
    const keptMs = ofBoard(this.#histories, ref.board);
    if (keptMs === 0) return;
    const name = pageName(ref);
    const start: RecordKey = [ref.board, ref.page, 0, 0];
    const end: RecordKey = [ref.board, ref.page, Number.MAX_SAFE_INTEGER, 0];
    let count = this.#counts.get(name) ?? this.#records.getKeysCount({ start, end });
    // Records lie in the order of time, which must be that of history, also where the clock was set back.
    const now = Math.max(this.#now(), this.#lastMs);
    this.#lastMs = now;
    for (const key of [...this.#records.getKeys({ start, end, limit: REMOVED_MAX })]) {
      if (key[2] >= now - keptMs && count < this.#histories.deltasMax) break;
      this.#records.remove(key);
      count--;
    }
    const ops = encodeOps(Uint32Array.from(effects, ([offset, value]) => packChange(offset, value)));
    const record = { ms: now, version: to.version, fromTag: from.tag, toTag: to.tag, ops };
    this.#records.put([ref.board, ref.page, now, to.version], record);
    this.#counts.set(name, count + 1);
  }

  /** They are counted again: a transaction in which they changed did not come about. */
  forgetCounts(): void {
    this.#counts.clear();
  }

  read(ref: PageRef, present: Snapshot, range: HistoryRange): PageHistory | undefined {
    if (ofBoard(this.#histories, ref.board) === 0) return undefined;
    const walk = new HistoryWalk(present, range);
    let count = 0;
    const end: RecordKey = [ref.board, ref.page, 0, 0];
    const start: RecordKey = [ref.board, ref.page, Number.MAX_SAFE_INTEGER, 0];
    for (const { value } of this.#records.getRange({ start, end, reverse: true })) {
      count++;
      if (!walk.take(value)) break;
    }
    return walk.result(this.#now(), count >= this.#histories.deltasMax);
  }
}
