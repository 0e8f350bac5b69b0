/* The overview of boards inside one process, on top of any table that can keep the list. */

import { Listeners, type Unsubscribe } from "../listeners.js";
import { judgeReport, type OverviewListener, type OverviewStore, type Report, type Tally } from "../overview.js";

export interface OverviewParts {
  entry(board: string, page: number): Tally | undefined;
  /** At most `most` entries from page `from` on, ordered by page. */
  entries(board: string, from: number, most: number): readonly Tally[];
  /** Stores the entry, or removes it if it has no version and count (see isNone). */
  put(board: string, entry: Tally): void;
  read<Result>(action: () => Result): Promise<Result>;
  /** Runs the action as one atomic step. */
  atomically<Result>(action: () => Result): Promise<Result>;
}

/** Entries read before other work gets a turn. A board may have 65,536. */
const READ_AT_ONCE = 500;

export class LocalOverview implements OverviewStore {
  readonly #parts: OverviewParts;
  readonly #listeners = new Listeners<OverviewListener>();

  constructor(parts: OverviewParts) {
    this.#parts = parts;
  }

  async read(board: string): Promise<readonly Tally[]> {
    const all: Tally[] = [];
    for (;;) {
      const from = (all.at(-1)?.page ?? -1) + 1;
      const some = await this.#parts.read(() => this.#parts.entries(board, from, READ_AT_ONCE));
      all.push(...some);
      if (some.length < READ_AT_ONCE) return all;
    }
  }

  async report(board: string, reports: readonly Report[]): Promise<void> {
    const heard = await this.#parts.atomically(() => reports.flatMap((report) => this.#take(board, report)));
    if (heard.length > 0) for (const listener of this.#listeners.of(board)) listener.changed(heard);
  }

  async subscribe(board: string, listener: OverviewListener): Promise<Unsubscribe> {
    return this.#listeners.add(board, listener);
  }

  restartSubscription(): void {}

  #take(board: string, report: Report): Tally[] {
    const before = this.#parts.entry(board, report.page);
    const { entry, isHeard } = judgeReport(before, report);
    if (entry !== before) this.#parts.put(board, entry);
    return isHeard ? [entry] : [];
  }
}

export function isNone({ version, checked }: Tally): boolean {
  return version === 0 && checked === 0;
}
