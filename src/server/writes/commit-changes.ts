/*
 * Commits one write, which may change cells on several pages. Each page takes its part completely
 * or not at all, and all parts have the same sequence number. If one part fails after another was
 * committed, the outcome of the write is unknown. Sending the write again completes it.
 */

import type { Bit } from "../../board/bitmap.js";
import { type Changes, packChanges } from "../../board/delta.js";
import { offsetOf, pageOf } from "../../board/geometry.js";
import type { Position } from "../../board/position.js";
import type { CellChanges } from "../../board/steps.js";
import { type ErrorCode, Refusal } from "../../protocol/errors.js";
import type { WriteResult } from "../../protocol/events.js";
import type { Write } from "../../store/store.js";
import type { Writer } from "./writer.js";

export type WrittenAt = WriteResult["at"];

/** A write to the store, which may change cells on several pages. */
export interface BoardWrite extends Omit<Write, "changes"> {
  readonly board: string;
  readonly changes: CellChanges;
}

/** The outcome of a write on one of its pages. */
interface Part {
  readonly page: number;
  readonly outcome: Position | Refusal;
}

/** Calls `settle` once: with a version of each page at which its part is in, or with a refusal. */
export function commitChanges(writer: Writer, write: BoardWrite, settle: (outcome: WrittenAt | Refusal) => void): void {
  const { board, changes } = write;
  const pages = byPage(changes);
  const parts: Part[] = [];
  for (const [page, cells] of pages) {
    writer.write({ board, page }, partOf(write, packChanges(cells)), (outcome) => {
      parts.push({ page, outcome });
      if (parts.length === pages.length) settle(wholeOf(parts));
    });
  }
}

function partOf({ session, seq, owner, act }: BoardWrite, changes: Changes): Write {
  return { session, seq, changes, owner, act };
}

/** Like `commitChanges`, for a caller that awaits one write. Rejects with a Refusal. */
export function committed(writer: Writer, write: BoardWrite): Promise<WrittenAt> {
  return new Promise((done, fail) => {
    commitChanges(writer, write, (outcome) => {
      if (outcome instanceof Refusal) fail(outcome);
      else done(outcome);
    });
  });
}

type PageChanges = readonly [page: number, cells: [offset: number, value: Bit][]];

function byPage(changes: CellChanges): readonly PageChanges[] {
  const only = changes.length === 1 ? changes[0] : undefined;
  // A click: most writes have one change.
  if (only) return [[pageOf(only[0]), [[offsetOf(only[0]), only[1]]]]];
  const pages = new Map<number, [offset: number, value: Bit][]>();
  for (const [cell, value] of changes) {
    const page = pageOf(cell);
    const cells = pages.get(page) ?? [];
    pages.set(page, cells);
    cells.push([offsetOf(cell), value]);
  }
  return [...pages];
}

/** Code of a refused part -> code of the write if other parts were committed. */
export const PARTLY: Partial<Record<ErrorCode, ErrorCode>> = { FROZEN: "PARTLY_FROZEN", TAKEN: "PARTLY_TAKEN" };

/** The outcome of a write from those of its parts. */
function wholeOf(parts: readonly Part[]): WrittenAt | Refusal {
  const done: [page: number, version: number][] = [];
  const refusals: Refusal[] = [];
  for (const { page, outcome } of parts) {
    if (outcome instanceof Refusal) refusals.push(outcome);
    else done.push([page, outcome.version]);
  }
  const [first] = refusals;
  if (!first) return done;
  if (parts.length === 1) return first;
  const partly = PARTLY[first.code];
  if (partly && refusals.every(({ code }) => code === first.code)) {
    const cells = refusals.flatMap((refusal) => refusal.cells ?? []);
    return new Refusal(done.length > 0 ? partly : first.code, { cells });
  }
  const isWhole = done.length === 0 && refusals.every(({ rule }) => rule.outcome === "refused");
  return isWhole ? first : new Refusal("OUTCOME_UNKNOWN", { cause: first });
}
