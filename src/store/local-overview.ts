/* The overview of boards inside one process, over whatever keeps the list and knows the pages. */

import type { PageRef } from "../board/geometry.js";
import { Listeners } from "./listeners.js";
import { judgeReport, type OverviewListener, type OverviewStore, type Report, type Tally } from "./overview.js";
import type { Unsubscribe } from "./store.js";

export interface OverviewParts {
  /** What the page itself knows. */
  tally(page: PageRef): Tally;
  entry(board: string, page: number): Tally | undefined;
  entries(board: string): Iterable<Tally>;
  /** Without version and count the entry goes. */
  put(board: string, entry: Tally): void;
  read<Result>(action: () => Result): Promise<Result>;
  /** Runs the action in one step. */
  atomically<Result>(action: () => Result): Promise<Result>;
}

export class LocalOverview implements OverviewStore {
  readonly #parts: OverviewParts;
  readonly #listeners = new Listeners<OverviewListener>();

  constructor(parts: OverviewParts) {
    this.#parts = parts;
  }

  tallies(pages: readonly PageRef[]): Promise<Tally[]> {
    return this.#parts.read(() => pages.map((page) => this.#parts.tally(page)));
  }

  read(board: string): Promise<readonly Tally[]> {
    return this.#parts.read(() => [...this.#parts.entries(board)]);
  }

  async report(board: string, reports: readonly Report[]): Promise<void> {
    const told = await this.#parts.atomically(() => reports.flatMap((report) => this.#take(board, report)));
    if (told.length > 0) for (const listener of this.#listeners.of(board)) listener.changed(told);
  }

  async subscribe(board: string, listener: OverviewListener): Promise<Unsubscribe> {
    return this.#listeners.add(board, listener);
  }

  restartSubscription(): void {}

  #take(board: string, report: Report): Tally[] {
    const before = this.#parts.entry(board, report.page);
    const { entry, isTold } = judgeReport(before, report);
    if (entry !== before) this.#parts.put(board, entry);
    return isTold ? [entry] : [];
  }
}

/** A list in memory, for stores that are there for tests. */
export function listInMemory(): Pick<OverviewParts, "entry" | "entries" | "put"> {
  const boards = new Map<string, Map<number, Tally>>();
  return {
    entry: (board, page) => boards.get(board)?.get(page),
    entries: (board) => boards.get(board)?.values() ?? [],
    put: (board, entry) => {
      const list = boards.get(board) ?? new Map<number, Tally>();
      boards.set(board, list);
      if (isNone(entry)) list.delete(entry.page);
      else list.set(entry.page, entry);
    },
  };
}

export function isNone({ version, checked }: Tally): boolean {
  return version === 0 && checked === 0;
}
