/*
 * The record of the commits to a page, with their times. It is off by default. It is written in the
 * same step as the page, so the two agree even after a failover.
 *
 * It consists of deltas. Some are keyframes, which also hold the page's bits. The state at a moment
 * is found by undoing deltas, backwards from the first keyframe after it or from the present. A
 * click therefore costs no snapshot, and the cost of an answer does not grow with its age:
 *
 *     recorded   c1 ── c2 ── c3 ── c4+bits ── c5 ── c6 ── present bits
 *     asked from     ↑    to ↑     start = bits, without c4, c3 and c2;  then c2 and c3
 */

import { setBit } from "../board/bitmap.js";
import { type Delta, packChanges, type Snapshot } from "../board/delta.js";
import type { PageRef } from "../board/geometry.js";
import { samePosition } from "../board/position.js";
import { type ByBoard, parseByBoard } from "./by-board.js";
import { PAGE_BYTES, publishedBytes } from "./logged.js";
import { eachOp } from "./ops.js";
import { parseTime } from "./time-text.js";

/** How long each board keeps its record, in ms. 0 turns history off. */
export type Retention = ByBoard<number>;

export interface Histories extends Retention {
  /** Most deltas in the record of one page. */
  readonly deltasMax: number;
}

export const NO_HISTORY: Histories = { boards: new Map(), others: 0, deltasMax: 0 };

const KEPT_MS_MAX = 30 * 86_400_000;

/**
 * Parses `off`, `1h`, `main=1d,seats=30m` or `10m,main=1d`; undefined for other texts. At most 30
 * days.
 */
export function parseRetention(text: string): Retention | undefined {
  return parseByBoard(text, parseKept, 0);
}

function parseKept(text: string): number | undefined {
  return text === "off" ? 0 : parseTime(text, KEPT_MS_MAX);
}

/** One delta in the record, with its changes in the order they were made. */
export interface Recorded {
  /** Milliseconds since 1970, by the store's clock. */
  readonly ms: number;
  readonly version: number;
  readonly fromTag: string;
  readonly toTag: string;
  readonly ops: string;
  /** The page's bits afterwards, if this is a keyframe. */
  readonly bits?: Uint8Array;
}

export interface PageHistory {
  /** The page at `fromMs`. */
  readonly start: Snapshot;
  /** As requested, or later if the record begins later or the answer would be too large. */
  readonly fromMs: number;
  /** Milliseconds since 1970, by the store's clock, at the time of the answer. */
  readonly nowMs: number;
  readonly deltas: readonly { readonly ms: number; readonly delta: Delta }[];
}

export interface HistoryRange {
  readonly fromMs: number;
  readonly toMs: number;
}

export interface PageActivity {
  /** The time of the first batch in the range, by the store's clock; undefined if there is none. */
  readonly firstMs: number | undefined;
  /** The number of batches in each part of the range. */
  readonly counts: readonly number[];
  /** As in PageHistory. */
  readonly nowMs: number;
}

export interface HistoryStore {
  /** Undefined if the board keeps no history. */
  history(page: PageRef, range: HistoryRange): Promise<PageHistory | undefined>;
  /** How much happened in each of `parts` equal parts of the range. Undefined as for `history`. */
  activity(page: PageRef, range: HistoryRange, parts: number): Promise<PageActivity | undefined>;
}

/**
 * Largest size of the deltas in one answer, in bytes as published. An answer has at least one
 * delta.
 */
export const HISTORY_BYTES_MAX = 4 * PAGE_BYTES;
/**
 * Bytes of deltas between two keyframes. Bounds the work per answer. commit.lua has the same
 * number.
 */
export const KEYFRAME_BYTES = 2 * PAGE_BYTES;
/** How far to search for a keyframe, in bytes of deltas. Older releases recorded no keyframes. */
const LOOKED_FOR_BYTES_MAX = 4 * KEYFRAME_BYTES;

/** Stands for an invalid record. The history begins after it, because no delta leads to it. */
export const INVALID_RECORD = { version: 0, fromTag: "", toTag: "", ops: "" } as const;

/** Reads the record of one page. A list is shorter than `count` only at the end of the record. */
export interface RecordReader<Kept extends Recorded> {
  /** Records after `ms`, or after `last` if given; oldest first. */
  after(ms: number, last: Kept | undefined, count: number): Promise<readonly Kept[]>;
  /** Records from `newest` (inclusive) or from the latest; newest first. */
  before(newest: Kept | undefined, count: number): Promise<readonly Kept[]>;
  present(): Promise<Snapshot>;
  nowMs(): Promise<number>;
  /** Whether the oldest deltas were dropped because the record was too long. */
  isTrimmed(): Promise<boolean>;
}

/**
 * Records per read: the first read, and the largest. Between two keyframes, large records are few
 * and small ones many.
 */
const AT_ONCE_FIRST = 8;
const AT_ONCE_MAX = 128;

/**
 * Walks backwards from a keyframe or the present until a record does not fit the next one.
 * Undefined without a reader.
 */
export async function readHistory<Kept extends Recorded>(
  page: number,
  reader: RecordReader<Kept> | undefined,
  range: HistoryRange,
): Promise<PageHistory | undefined> {
  if (!reader) return undefined;
  const nowMs = await reader.nowMs();
  const base = range.toMs < nowMs ? await firstKeyframe(reader, range.toMs) : undefined;
  const newest = base?.bits
    ? { position: { version: base.version, tag: base.toTag }, bits: base.bits }
    : await reader.present();
  const bits = new Uint8Array(PAGE_BYTES);
  bits.set(newest.bits);
  let { position } = newest;
  const deltas: { ms: number; delta: Delta }[] = [];
  let bytes = 0;
  /** The time of the oldest undone delta. */
  let oldestMs: number | undefined;
  let beginsMs: number | undefined;
  for await (const { ms, version, fromTag, toTag, ops } of newestFirst(reader, base)) {
    // Newer than the base, or yielded before as the last record of a part.
    if (version > position.version) continue;
    const isWanted = ms <= range.toMs;
    const isFull = deltas.length > 0 && bytes + recordedBytes(ops) > HISTORY_BYTES_MAX;
    if (!samePosition({ version, tag: toTag }, position)) beginsMs = oldestMs ?? nowMs;
    else if (ms < range.fromMs) beginsMs = range.fromMs;
    else if (isWanted && isFull) beginsMs = ms;
    if (beginsMs !== undefined) break;
    oldestMs = ms;
    // Backwards, because a batch may set a cell more than once.
    const done = [...eachOp(ops)];
    for (const [offset, value] of done.toReversed()) setBit(bits, offset, value ? 0 : 1);
    const from = { version: version - 1, tag: fromTag };
    if (isWanted) {
      deltas.push({ ms, delta: { kind: "delta", page, from, to: position, changes: packChanges(done) } });
      bytes += recordedBytes(ops);
    }
    position = from;
  }
  // If the record was not trimmed, the page had no changes before its end.
  beginsMs ??= (await reader.isTrimmed()) ? (oldestMs ?? nowMs) : range.fromMs;
  const fromMs = Math.min(nowMs, Math.max(range.fromMs, beginsMs));
  return { start: { kind: "snapshot", page, position, bits }, fromMs, nowMs, deltas: deltas.toReversed() };
}

/** Yields records from `newest` backwards. The last record of each part is yielded twice. */
async function* newestFirst<Kept extends Recorded>(
  reader: RecordReader<Kept>,
  newest: Kept | undefined,
): AsyncIterable<Kept> {
  let from = newest;
  for (let count = AT_ONCE_FIRST; ; count = Math.min(AT_ONCE_MAX, 2 * count)) {
    const records = await reader.before(from, count);
    yield* records;
    if (records.length < count) return;
    from = records.at(-1);
  }
}

async function firstKeyframe<Kept extends Recorded>(reader: RecordReader<Kept>, ms: number): Promise<Kept | undefined> {
  let bytes = 0;
  let last: Kept | undefined;
  for (let count = AT_ONCE_FIRST; bytes < LOOKED_FOR_BYTES_MAX; count = Math.min(AT_ONCE_MAX, 2 * count)) {
    const records = await reader.after(ms, last, count);
    const keyframe = records.find(({ bits }) => bits);
    if (keyframe || records.length < count) return keyframe;
    for (const { ops } of records) bytes += recordedBytes(ops);
    last = records.at(-1);
  }
  return undefined;
}

/** The delta's size in bytes, as publishedBytes counts it. */
export function recordedBytes(ops: string): number {
  return publishedBytes({ changes: { length: ops.length / 3 } });
}
