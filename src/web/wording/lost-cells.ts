/* Reports the cells that are not the user's any more, unless the user gave them back. */

import type { Board, BoardEvents } from "../../client/index.js";
import { countOf } from "../../protocol/count.js";

interface Claimed extends Pick<Board, "mine" | "get" | "isTaken"> {
  on<Name extends "change" | "mine">(event: Name, listener: BoardEvents[Name]): () => void;
}

/** Holds end by the server's clock, which may be this much ahead of the user's. */
const CLOCKS_MS = 1_000;

/** Calls `report` with a text until the returned function is called. */
export function reportLost(board: Claimed, now: () => number, report: (text: string) => void): () => void {
  let before = new Map(board.mine);
  const given = new Set<number>();
  const off = [
    board.on("change", (changes) => {
      for (const { cell, value, mine } of changes) {
        if (mine && !value && before.has(cell)) given.add(cell);
        else if (mine) given.delete(cell);
      }
    }),
    board.on("mine", () => {
      const gone = [...before].filter(([cell]) => !board.mine.has(cell));
      // Of a page that is not watched any more, nothing is known.
      const lost = gone.filter(([cell]) => !given.has(cell) && (board.get(cell) === false || board.isTaken(cell)));
      for (const [cell] of gone) given.delete(cell);
      before = new Map(board.mine);
      const [first] = lost;
      if (!first) return;
      const [cell, endMs] = first;
      const isOver = endMs !== undefined && endMs < now() + CLOCKS_MS;
      const others = lost.length > 1 ? ` and ${countOf(lost.length - 1, "other")}` : "";
      report(`Checkbox ${cell}${others} ${others ? "are" : "is"} no longer yours${isOver ? ": the time is up" : ""}.`);
    }),
  ];
  return () => {
    for (const each of off) each();
  };
}
