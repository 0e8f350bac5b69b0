/*
 * The record of what was committed to a page, with times, for as long as the option says: off by default. It is written in
 * the same step as the page itself, so it has the page's history and no other, also after a failover.
 *
 * Deltas are recorded, with only what really changed, and now and then a keyframe: the page's bits beside the delta. The
 * state at any moment is found backwards from the first keyframe after it, or from the present, by undoing. So a click
 * costs no snapshot, and an answer costs what it holds, however long ago it was:
 *
 *     recorded   c1 ── c2 ── c3 ── c4+bits ── c5 ── c6 ── present bits
 *     asked from     ↑    to ↑     start = bits, without c4, c3 and c2;  then c2 and c3, each with its time
 */

import { bitmapBytes, getBit, setBit } from "../board/bitmap.js";
import { type Delta, packChanges, type Snapshot } from "../board/delta.js";
import { PAGE_CELLS, type PageRef } from "../board/geometry.js";
import { type Position, samePosition } from "../board/position.js";
import { type ByBoard, parseByBoard } from "./by-board.js";
import { PAGE_BYTES, publishedBytes } from "./logged.js";
import { eachOp } from "./ops.js";

/** How long each board keeps its record, in ms; 0 is not at all. */
export type Retention = ByBoard<number>;

export interface Histories extends Retention {
  /** Deltas that a page keeps at most. */
  readonly deltasMax: number;
}

export const NO_HISTORY: Histories = { boards: new Map(), others: 0, deltasMax: 0 };

const KEPT = /^([1-9]\d{0,5})([smhd])$/;
const UNITS: Readonly<Record<string, number>> = { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };
const KEPT_MS_MAX = 30 * 86_400_000;

/** `off`, `1h`, or `main=1d,seats=30m`, or both: `10m,main=1d`; undefined if it is neither. At most 30 days. */
export function parseRetention(text: string): Retention | undefined {
  return parseByBoard(text, parseKept, 0);
}

function parseKept(text: string): number | undefined {
  if (text === "off") return 0;
  const [, count, unit = ""] = KEPT.exec(text) ?? [];
  const ms = Number(count) * (UNITS[unit] ?? Number.NaN);
  return ms <= KEPT_MS_MAX ? ms : undefined;
}

/** One delta of the record. `ops` are all that was done, in order, as ops.ts writes them. */
export interface Recorded {
  /** By the store's clock, since 1970. */
  readonly ms: number;
  readonly version: number;
  readonly fromTag: string;
  readonly toTag: string;
  readonly ops: string;
  /** Of a keyframe: the page's bits afterwards. */
  readonly bits?: Uint8Array;
}

export interface TimedDelta {
  readonly ms: number;
  readonly delta: Delta;
}

export interface PageHistory {
  /** What the page was at `fromMs`. */
  readonly start: Snapshot;
  /** As asked, or later: where the record begins, or where as much as is given at once begins. */
  readonly fromMs: number;
  /** The store's clock. */
  readonly nowMs: number;
  readonly deltas: readonly TimedDelta[];
}

export interface HistoryRange {
  readonly fromMs: number;
  readonly toMs: number;
}

export interface HistoryStore {
  /** Undefined if no history is kept of the board. */
  history(page: PageRef, range: HistoryRange): Promise<PageHistory | undefined>;
}

/** What one answer holds at most, in bytes of deltas as they are published; and one delta at least. */
export const HISTORY_BYTES_MAX = 4 * PAGE_BYTES;
/**
 * From one keyframe to the next, in such bytes. It bounds what is undone for an answer; with half of it the keyframes would
 * take as much room as the deltas. commit.lua has it too.
 */
export const KEYFRAME_BYTES = 2 * PAGE_BYTES;
/** Bytes in which a keyframe is looked for. There is none in what older releases recorded: then the present is taken. */
const LOOKED_FOR_BYTES_MAX = 4 * KEYFRAME_BYTES;

/** In place of a record that is not valid: nothing leads there, so the record begins behind it. */
export const INVALID_RECORD = { version: 0, fromTag: "", toTag: "", ops: "" } as const;

/** The record of one page. Each list is at most so long as asked, and shorter only at the end of the record. */
export interface RecordReader<Kept extends Recorded> {
  /** Oldest first, from the first moment after `ms`, or after what was read last. */
  after(ms: number, last: Kept | undefined, count: number): Promise<readonly Kept[]>;
  /** Newest first, from `newest` itself or from the newest of all. */
  before(newest: Kept | undefined, count: number): Promise<readonly Kept[]>;
  present(): Promise<Snapshot>;
  nowMs(): Promise<number>;
  /** Whether there is so much that the oldest was let go. */
  isTrimmed(): Promise<boolean>;
}

/** Records read in one go: so many small ones are one answer of the store; large ones are few between two keyframes. */
const AT_ONCE_FIRST = 8;
const AT_ONCE_MAX = 128;

export async function readHistory<Kept extends Recorded>(
  page: number,
  reader: RecordReader<Kept>,
  range: HistoryRange,
): Promise<PageHistory> {
  const nowMs = await reader.nowMs();
  const base = range.toMs < nowMs ? await firstKeyframe(reader, range.toMs) : undefined;
  const walk = new HistoryWalk(base ? snapshotOf(page, base) : await reader.present(), range);
  let newest: Kept | undefined = base;
  for (let count = AT_ONCE_FIRST; ; count = Math.min(AT_ONCE_MAX, 2 * count)) {
    // What was read last comes once more, and is passed over.
    const records = await reader.before(newest, count);
    if (records.some((record) => !walk.take(record))) return walk.result(nowMs, false);
    if (records.length < count) return walk.result(nowMs, await reader.isTrimmed());
    newest = records.at(-1);
  }
}

async function firstKeyframe<Kept extends Recorded>(
  reader: RecordReader<Kept>,
  ms: number,
): Promise<(Kept & Keyframe) | undefined> {
  let bytes = 0;
  let last: Kept | undefined;
  for (let count = AT_ONCE_FIRST; bytes < LOOKED_FOR_BYTES_MAX; count = Math.min(AT_ONCE_MAX, 2 * count)) {
    const records = await reader.after(ms, last, count);
    const keyframe = records.find(isKeyframe);
    if (keyframe || records.length < count) return keyframe;
    for (const { ops } of records) bytes += recordedBytes(ops);
    last = records.at(-1);
  }
  return undefined;
}

type Keyframe = Recorded & { readonly bits: Uint8Array };

function isKeyframe<Kept extends Recorded>(record: Kept): record is Kept & Keyframe {
  return record.bits !== undefined;
}

function snapshotOf(page: number, { version, toTag, bits }: Keyframe): Snapshot {
  return { kind: "snapshot", page, position: { version, tag: toTag }, bits };
}

/** As publishedBytes has it of the delta. */
export function recordedBytes(ops: string): number {
  return publishedBytes({ changes: { length: ops.length / 3 } });
}

/**
 * Walks backwards from a snapshot. Give it records newest first, until it wants no more; those newer than the snapshot are
 * passed over, and where records do not lead on from each other the record begins.
 */
class HistoryWalk {
  readonly #page: number;
  readonly #range: HistoryRange;
  readonly #bits = new Uint8Array(bitmapBytes(PAGE_CELLS));
  readonly #deltas: TimedDelta[] = [];
  #position: Position;
  #fromMs: number;
  #bytes = 0;
  /** When the oldest delta was made that was undone. */
  #oldestMs: number | undefined;
  #isOver = false;

  constructor(present: Snapshot, range: HistoryRange) {
    this.#page = present.page;
    this.#range = range;
    this.#bits.set(present.bits);
    this.#position = present.position;
    this.#fromMs = range.fromMs;
  }

  /** True if it wants more. */
  take({ ms, version, fromTag, toTag, ops }: Recorded): boolean {
    const to = { version, tag: toTag };
    if (this.#isOver || version > this.#position.version) return !this.#isOver;
    const isWanted = ms <= this.#range.toMs;
    const bytes = recordedBytes(ops);
    const isFull = this.#deltas.length > 0 && this.#bytes + bytes > HISTORY_BYTES_MAX;
    if (!samePosition(to, this.#position)) return this.#end(this.#oldestMs ?? Number.POSITIVE_INFINITY);
    if (ms < this.#range.fromMs) return this.#end(this.#range.fromMs);
    if (isWanted && isFull) return this.#end(ms);
    this.#oldestMs = ms;
    // Backwards, as a batch may have set a cell more than once.
    const done = [...eachOp(ops)];
    for (const [offset, value] of done.toReversed()) setBit(this.#bits, offset, value ? 0 : 1);
    const from = { version: version - 1, tag: fromTag };
    if (isWanted) {
      const changed = packChanges(done);
      this.#deltas.push({ ms, delta: { kind: "delta", page: this.#page, from, to, changes: changed } });
      this.#bytes += bytes;
    }
    this.#position = from;
    return true;
  }

  /**
   * `isTrimmed` if the record is so long that older parts are gone. If not, and the walk came to its end, nothing was
   * done to the page before.
   */
  result(nowMs: number, isTrimmed: boolean): PageHistory {
    if (!this.#isOver && isTrimmed) this.#end(this.#oldestMs ?? nowMs);
    const fromMs = Math.min(nowMs, this.#fromMs);
    const start: Snapshot = { kind: "snapshot", page: this.#page, position: this.#position, bits: this.#bits };
    return { start, fromMs, nowMs, deltas: this.#deltas.toReversed() };
  }

  /** The start is what the page was from `fromMs` on. */
  #end(fromMs: number): false {
    this.#fromMs = Math.max(this.#fromMs, fromMs);
    this.#isOver = true;
    return false;
  }
}

/** The differences between two bitmaps as ops. */
export function opsBetween(before: Uint8Array, after: Uint8Array): [offset: number, value: 0 | 1][] {
  const ops: [number, 0 | 1][] = [];
  for (let offset = 0; offset < Math.max(before.length, after.length) * 8; offset++) {
    const value = getBit(after, offset);
    if (getBit(before, offset) !== value) ops.push([offset, value]);
  }
  return ops;
}
