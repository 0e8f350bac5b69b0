/* The texts that say why a change was not made: for a note at the cell, and for elsewhere. */

import type { RefusedChange } from "../../client/index.js";
import { countOf } from "../../protocol/count.js";

export type RefusalText = Readonly<ReturnType<typeof refusalText>>;

export function refusalText(cell: number, reason: string, others = 0) {
  const also = others > 0 ? ` and ${countOf(others, "other")}` : "";
  const more = others > 0 ? ` ${countOf(others, "other box was", "other boxes were")} not changed either.` : "";
  const verb = others > 0 ? "were" : "was";
  return { cell, note: reason + more, text: `Checkbox ${cell}${also} ${verb} not changed. ${reason}` };
}

/** Refusals come in runs, one for each cell of a write. Each run is reported once, by its first. */
export function reportRuns(report: (text: RefusalText) => void): (refused: RefusedChange) => void {
  const gathered: RefusedChange[] = [];
  return (refused) => {
    if (gathered.push(refused) > 1) return;
    queueMicrotask(() => {
      const [first, ...others] = gathered.splice(0);
      if (first) report(refusalText(first.cell, first.message, others.length));
    });
  };
}
