/*
 * Commits one write, which may change cells on several pages. Each page takes its part completely
 * or not at all, and all parts have the same sequence number. If one part fails after another was
 * committed, the outcome of the write is unknown. Sending the write again completes it.
 */

import type { Bit } from "../../board/bitmap.js";
import { packChanges } from "../../board/delta.js";
import { offsetOf, pageOf } from "../../board/geometry.js";
import { Refusal } from "../../protocol/errors.js";
import type { Writer } from "./writer.js";

/** Resolves with a version of each page that includes its part. Rejects with a Refusal. */
export async function commitChanges(
  writer: Writer,
  board: string,
  session: string,
  seq: number,
  changes: readonly (readonly [cell: number, value: Bit])[],
): Promise<[page: number, version: number][]> {
  const write = async (page: number, cells: Iterable<readonly [offset: number, value: Bit]>) => {
    const position = await writer.write({ board, page }, session, seq, packChanges(cells));
    return [page, position.version] satisfies [number, number];
  };
  const [only] = changes;
  // The common case, a click, has only one change.
  if (only && changes.length === 1) return [await write(pageOf(only[0]), [[offsetOf(only[0]), only[1]]])];
  const byPage = new Map<number, [offset: number, value: Bit][]>();
  for (const [cell, value] of changes) {
    const page = pageOf(cell);
    const cells = byPage.get(page) ?? [];
    byPage.set(page, cells);
    cells.push([offsetOf(cell), value]);
  }
  const settled = await Promise.allSettled(Array.from(byPage, ([page, cells]) => write(page, cells)));
  const done = settled.flatMap((part) => (part.status === "fulfilled" ? [part.value] : []));
  const reasons: unknown[] = settled.flatMap((part) => (part.status === "rejected" ? [part.reason] : []));
  if (reasons.length === 0) return done;
  const [first] = reasons;
  const refusals = reasons.filter((reason) => reason instanceof Refusal);
  const isEach = (test: (refusal: Refusal) => boolean) => refusals.length === reasons.length && refusals.every(test);
  if (isEach(({ code }) => code === "FROZEN")) {
    const cells = refusals.flatMap((refusal) => refusal.cells ?? []);
    throw new Refusal(done.length > 0 ? "PARTLY_FROZEN" : "FROZEN", { cells });
  }
  const isWhole = done.length === 0 && isEach(({ rule }) => rule.outcome === "refused");
  throw isWhole || settled.length === 1 ? first : new Refusal("OUTCOME_UNKNOWN", { cause: first });
}
