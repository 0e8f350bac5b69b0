/*
 * An outbox as text, so that it can outlive its page. Writes in flight keep their numbers and cells,
 * because the store recognises a write by its session and number. Times are those of the wall clock.
 */

import { pageOf } from "../board/geometry.js";
import type { CellChanges } from "../board/steps.js";
import type { Settle, Unit } from "./queue.js";

export interface SavedUnit {
  readonly changes: CellChanges;
  readonly sinceMs: number;
  readonly isWhole: boolean;
  readonly canSplit: boolean;
}

export interface SavedOutbox {
  /** The highest number that was used. */
  readonly seq: number;
  readonly inFlight: readonly (readonly [seq: number, units: readonly SavedUnit[]])[];
  readonly queued: readonly SavedUnit[];
}

export function savedUnit({ ops, isWhole, canSplit }: Unit): SavedUnit {
  const changes = ops.map(({ cell, value }) => [cell, value] as const);
  return { changes, sinceMs: Math.max(...ops.map(({ sinceMs }) => sinceMs)), isWhole, canSplit };
}

/** `settle` is called for each cell. */
export function restoredUnit({ changes, sinceMs, isWhole, canSplit }: SavedUnit, settle: Settle): Unit {
  const [[first] = [0]] = changes;
  const ops = changes.map(([cell, value]) => ({ cell, value, sinceMs, settles: [settle] }));
  return { page: pageOf(first), ops, isWhole, canSplit, part: undefined };
}

/** Number of cells in it. */
export function cellsIn({ inFlight, queued }: SavedOutbox): number {
  const units = [...inFlight.flatMap(([, units]) => units), ...queued];
  return units.reduce((cells, { changes }) => cells + changes.length, 0);
}

/** `aheadMs`: how far the wall clock is ahead of the clock that the outbox uses. */
export function toText(outbox: SavedOutbox, aheadMs: number): string {
  return JSON.stringify(moved(outbox, aheadMs));
}

/** Undefined for a text that no outbox has written. */
export function fromText(text: string, aheadMs: number): SavedOutbox | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return isOutbox(value) ? moved(value, -aheadMs) : undefined;
  } catch {
    return undefined;
  }
}

function moved({ seq, inFlight, queued }: SavedOutbox, byMs: number): SavedOutbox {
  const all = (units: readonly SavedUnit[]) => units.map((unit) => ({ ...unit, sinceMs: unit.sinceMs + byMs }));
  return { seq, inFlight: inFlight.map(([number, units]) => [number, all(units)] as const), queued: all(queued) };
}

function isOutbox(value: unknown): value is SavedOutbox {
  if (!isObject(value)) return false;
  const { seq, inFlight, queued } = value;
  if (!isCount(seq) || !Array.isArray(inFlight) || !Array.isArray(queued)) return false;
  const isWrite = (write: unknown) =>
    Array.isArray(write) && isCount(write[0]) && write[0] <= seq && areUnits(write[1]);
  return inFlight.every(isWrite) && areUnits(queued);
}

function areUnits(value: unknown): boolean {
  return Array.isArray(value) && value.every(isUnit);
}

/** The cells of a unit lie on one page. */
function isUnit(value: unknown): boolean {
  if (!isObject(value)) return false;
  const { changes, sinceMs, isWhole, canSplit } = value;
  if (!Array.isArray(changes) || changes.length === 0 || !changes.every(isChange)) return false;
  const page = pageOf(changes[0][0]);
  const isOnePage = changes.every(([cell]) => pageOf(cell) === page);
  return isOnePage && Number.isFinite(sinceMs) && typeof isWhole === "boolean" && typeof canSplit === "boolean";
}

function isChange(value: unknown): boolean {
  return Array.isArray(value) && isCount(value[0]) && (value[1] === 0 || value[1] === 1);
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && Number(value) >= 0;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null;
}
