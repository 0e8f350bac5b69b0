/*
 * An outbox as text, so that it can outlive its web page. Writes in flight keep their numbers and
 * cells, because the store recognises a write by its session and number. Times are those of the
 * wall clock.
 */

import { pageOf } from "../../board/geometry.js";
import { GIVE_UP_MS } from "./give-up.js";
import { changesOf, type Op, opsOf, type Unit } from "./queue.js";

/** More than an outbox takes. */
const CELLS_MAX = 65_536;
/** The kinds of a unit in a text, which may be added. */
const WHOLE = 1;
const SPLITS = 2;

export interface SavedOutbox {
  /** The highest number that was used. */
  readonly seq: number;
  readonly inFlight: readonly (readonly [seq: number, units: readonly Unit[]])[];
  readonly queued: readonly Unit[];
}

/** Number of cells in it. */
export function cellsIn(outbox: SavedOutbox): number {
  return opsOf(unitsIn(outbox)).length;
}

export function unitsIn({ inFlight, queued }: SavedOutbox): Unit[] {
  return [...inFlight.flatMap(([, units]) => units), ...queued];
}

/** The time of a change by the wall clock, which is the same in each text that has it. */
export function wallMs(sinceMs: number, aheadMs: number): number {
  return Math.round(sinceMs + aheadMs);
}

/**
 * `[fromMs, seq, writes, units]`, where a write is `[seq, units]` and a unit is `[age, kind, cell,
 * value, …]` with its age at `fromMs`. `aheadMs`: how far the wall clock is ahead of the clock that
 * the outbox uses.
 */
export function toText(outbox: SavedOutbox, aheadMs: number): string {
  const { seq, inFlight, queued } = outbox;
  const atMs = ({ ops }: Unit) => wallMs(Math.max(...ops.map(({ sinceMs }) => sinceMs)), aheadMs);
  const fromMs = unitsIn(outbox).reduce((latest, unit) => Math.max(latest, atMs(unit)), Number.NEGATIVE_INFINITY);
  const listed = (unit: Unit) => {
    const kind = (unit.isWhole ? WHOLE : 0) + (unit.canSplit ? SPLITS : 0);
    return [fromMs - atMs(unit), kind, ...changesOf([unit]).flat()];
  };
  const writes = inFlight.map(([number, units]) => [number, units.map(listed)]);
  return JSON.stringify([fromMs, seq, writes, queued.map(listed)]);
}

/** Whether the text is too old to be of use. `nowMs` is of the wall clock. */
export function savedBefore(text: string, nowMs: number): boolean {
  return !(Math.abs(nowMs - Number.parseInt(text.slice(1), 10)) < GIVE_UP_MS);
}

/**
 * Undefined for a text that no outbox has written. No change is younger than `nowMs`. If the wall
 * clock was set back by far, the age of the changes is unknown, so they count as too old.
 */
export function fromText(text: string, aheadMs: number, nowMs: number): SavedOutbox | undefined {
  try {
    const [fromMs, seq, writes, units] = listOf(JSON.parse(text));
    const latestMs = numberOf(fromMs) - aheadMs;
    const isUnknown = latestMs - nowMs >= GIVE_UP_MS;
    const sinceMs = isUnknown ? nowMs - 2 * GIVE_UP_MS : Math.min(nowMs, latestMs);
    const restored = (unit: unknown) => unitOf(listOf(unit).map(numberOf), sinceMs);
    const inFlight = listOf(writes).map((write) => {
      const [number, parts] = listOf(write);
      return [countOf(number), listOf(parts).map(restored)] as const;
    });
    const outbox = { seq: countOf(seq), inFlight, queued: listOf(units).map(restored) };
    return isSound(outbox) ? outbox : undefined;
  } catch {
    return undefined;
  }
}

/** Throws unless the cells lie on one page. */
function unitOf([age = 0, kind = 0, ...numbers]: readonly number[], fromMs: number): Unit {
  const sinceMs = fromMs - Math.max(0, age);
  const ops: Op[] = [];
  for (let at = 0; at < numbers.length; at += 2) {
    const cell = countOf(numbers[at]);
    if (pageOf(cell) !== pageOf(numbers[0] ?? 0)) throw new RangeError("cells of two pages");
    ops.push({ cell, value: numbers[at + 1] === 1 ? 1 : 0, sinceMs, settles: [] });
  }
  const [first] = ops;
  if (!first) throw new RangeError("a unit without cells");
  return { page: pageOf(first.cell), ops, isWhole: (kind & WHOLE) > 0, canSplit: (kind & SPLITS) > 0, part: undefined };
}

/** Numbers rise up to the last one that was used. */
function isSound(outbox: SavedOutbox): boolean {
  const numbers = outbox.inFlight.map(([number]) => number);
  const rise = numbers.every((number, at) => number > (numbers[at - 1] ?? 0) && number <= outbox.seq);
  const cells = cellsIn(outbox);
  return rise && cells > 0 && cells <= CELLS_MAX;
}

function listOf(value: unknown): unknown[] {
  if (!Array.isArray(value)) throw new TypeError("not a list");
  return value;
}

function numberOf(value: unknown): number {
  if (typeof value !== "number" || !Number.isFinite(value)) throw new TypeError("not a number");
  return value;
}

function countOf(value: unknown): number {
  if (!Number.isSafeInteger(value) || Number(value) < 0) throw new RangeError("not a count");
  return Number(value);
}
