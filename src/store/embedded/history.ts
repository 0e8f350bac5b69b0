/*
 * The embedded store's record of history (store/history.ts), written in the transaction of each
 * commit.
 */

import { type Bit, usedBytes } from "../../board/bitmap.js";
import { packChange, type Snapshot } from "../../board/delta.js";
import { type PageRef, pageName } from "../../board/geometry.js";
import type { Position } from "../../board/position.js";
import { readActivity } from "../activity.js";
import { ofBoard } from "../by-board.js";
import {
  type Histories,
  type HistoryRange,
  INVALID_RECORD,
  KEYFRAME_BYTES,
  type PageActivity,
  type PageHistory,
  type Recorded,
  type RecordReader,
  readHistory,
  recordedBytes,
} from "../history.js";
import { isDelta } from "../logged.js";
import { encodeOps } from "../ops.js";

/** The version is in the key because several deltas may be made in one millisecond. */
type RecordKey = [board: string, page: number, ms: number, version: number];

/** The part of LMDB's interface that is used here. */
export interface RecordDatabase {
  put(key: RecordKey, value: Recorded): unknown;
  remove(key: RecordKey): unknown;
  getKeys(range: { start: RecordKey; end: RecordKey; limit?: number }): Iterable<RecordKey>;
  getKeysCount(range: { start: RecordKey; end: RecordKey }): number;
  getRange(range: {
    start: RecordKey;
    end: RecordKey;
    reverse?: boolean;
    limit: number;
  }): Iterable<{ value: Recorded }>;
}

/** Most old deltas removed per added delta. More than one, so that the record can shrink. */
const REMOVED_MAX = 4;

export class EmbeddedHistory {
  readonly #records: RecordDatabase;
  readonly #histories: Histories;
  readonly #now: () => number;
  /** Page -> number of its records. Counted once per page and process, then updated. */
  readonly #counts = new Map<string, number>();
  /** Page -> bytes recorded since its last keyframe. */
  readonly #sinceKeyframe = new Map<string, number>();
  #lastMs = 0;

  constructor(records: RecordDatabase, histories: Histories, now: () => number) {
    this.#records = records;
    this.#histories = histories;
    this.#now = now;
  }

  /** Records `effects`, in the order they were made. `bits` are the page's bits afterwards. */
  add(
    ref: PageRef,
    from: Position,
    to: Position,
    effects: readonly (readonly [offset: number, value: Bit])[],
    bits: Uint8Array,
  ): void {
    const keptMs = ofBoard(this.#histories, ref.board);
    if (keptMs === 0) return;
    const name = pageName(ref);
    let count = this.#countOf(ref);
    // Records are sorted by time, which must be the order of the commits even if the clock was set
    // back.
    const now = Math.max(this.#now(), this.#lastMs);
    this.#lastMs = now;
    for (const key of [...this.#records.getKeys({ ...allOf(ref), limit: REMOVED_MAX })]) {
      if (key[2] >= now - keptMs && count < this.#histories.deltasMax) break;
      this.#records.remove(key);
      count--;
    }
    const ops = encodeOps(Uint32Array.from(effects, ([offset, value]) => packChange(offset, value)));
    const record = { ms: now, version: to.version, fromTag: from.tag, toTag: to.tag, ops };
    // The first record after a start is a keyframe, because the last one is not known.
    const bytes = (this.#sinceKeyframe.get(name) ?? KEYFRAME_BYTES) + recordedBytes(ops);
    const isKeyframe = bytes > KEYFRAME_BYTES;
    this.#sinceKeyframe.set(name, isKeyframe ? 0 : bytes);
    const keyframe = isKeyframe ? { ...record, bits: bits.slice(0, usedBytes(bits)) } : record;
    this.#records.put([ref.board, ref.page, now, to.version], keyframe);
    this.#counts.set(name, count + 1);
  }

  /** Forces a recount of the records, after a transaction that changed their number failed. */
  forgetCounts(): void {
    this.#counts.clear();
  }

  read(ref: PageRef, present: () => Promise<Snapshot>, range: HistoryRange): Promise<PageHistory | undefined> {
    return readHistory(ref.page, this.#reader(ref, present), range);
  }

  activity(
    ref: PageRef,
    present: () => Promise<Snapshot>,
    range: HistoryRange,
    parts: number,
  ): Promise<PageActivity | undefined> {
    return readActivity(this.#reader(ref, present), range, parts);
  }

  /** Undefined if the board keeps no history. */
  #reader(ref: PageRef, present: () => Promise<Snapshot>): RecordReader<Recorded> | undefined {
    if (ofBoard(this.#histories, ref.board) === 0) return undefined;
    const keyOf = (ms: number, version: number): RecordKey => [ref.board, ref.page, ms, version];
    const { start: first, end: last } = allOf(ref);
    // Other work gets a turn between two parts, because LMDB reads are synchronous.
    const part = async (range: Parameters<RecordDatabase["getRange"]>[0]) => {
      await new Promise(setImmediate);
      return Array.from(this.#records.getRange(range), ({ value }) => valid(value));
    };
    return {
      after: (ms, read, limit) =>
        part({ start: read ? keyOf(read.ms, read.version + 1) : keyOf(ms + 1, 0), end: last, limit }),
      before: (newest, limit) =>
        part({ start: newest ? keyOf(newest.ms, newest.version) : last, end: first, reverse: true, limit }),
      present,
      nowMs: async () => Math.max(this.#now(), this.#lastMs),
      isTrimmed: async () => this.#countOf(ref) >= this.#histories.deltasMax,
    };
  }

  #countOf(ref: PageRef): number {
    return this.#counts.get(pageName(ref)) ?? this.#records.getKeysCount(allOf(ref));
  }
}

function allOf({ board, page }: PageRef): { start: RecordKey; end: RecordKey } {
  return { start: [board, page, 0, 0], end: [board, page, Number.MAX_SAFE_INTEGER, 0] };
}

function valid(record: Recorded): Recorded {
  const { ms, version, fromTag, toTag, ops } = record;
  return isDelta(version, fromTag, toTag, ops) ? record : { ms, ...INVALID_RECORD };
}
