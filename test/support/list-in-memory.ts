/* The list of an overview (local-overview.ts), and the records of boards (local-boards.ts), in memory. */

import type { BoardsParts } from "../../src/store/embedded/local-boards.js";
import { isNone, type OverviewParts } from "../../src/store/embedded/local-overview.js";
import type { Tally } from "../../src/store/overview.js";

export function listInMemory(): Pick<OverviewParts, "entry" | "entries" | "put"> {
  const boards = new Map<string, Map<number, Tally>>();
  return {
    entry: (board, page) => boards.get(board)?.get(page),
    entries: (board, from, most) =>
      [...(boards.get(board)?.values() ?? [])]
        .filter(({ page }) => page >= from)
        .sort((a, b) => a.page - b.page)
        .slice(0, most),
    put: (board, entry) => {
      const list = boards.get(board) ?? new Map<number, Tally>();
      boards.set(board, list);
      if (isNone(entry)) list.delete(entry.page);
      else list.set(entry.page, entry);
    },
  };
}

export function boardsInMemory(): Pick<BoardsParts, "entries" | "get" | "put"> {
  const records = new Map<string, string>();
  return {
    entries: () => records,
    get: (name) => records.get(name),
    put: (name, text) => {
      if (text === undefined) records.delete(name);
      else records.set(name, text);
    },
  };
}
