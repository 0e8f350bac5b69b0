/*
 * Reports the commits of this instance to the board's list of counts (store/overview.ts). Only a
 * page's last count is reported, and all pages are reported together. A flood of writes therefore
 * costs the store only two small script runs per second. A report that fails is merged with later
 * ones and sent again. If it is lost with the instance, the followers of the overview correct the
 * list.
 */

import type { Cancel, Clock } from "../../protocol/clock.js";
import { type OverviewStore, REPORTS_MAX, type Tally } from "../../store/overview.js";
import { StoreAway } from "../../store/store.js";
import type { CommittedBatch } from "../writes/writer.js";

type Counted = Pick<CommittedBatch, "page" | "position" | "checked">;

/** Delay from the first commit after a report to the next report. */
const REPORT_AFTER_MS = 500;

export class Reporter {
  readonly #store: OverviewStore;
  readonly #clock: Clock;
  readonly #failed: (error: unknown) => void;
  /** Board -> page -> its last count. Bounded by the number of pages on all boards. */
  readonly #waiting = new Map<string, Map<number, Tally>>();
  #next: Cancel | undefined;
  #isClosed = false;

  constructor(store: OverviewStore, clock: Clock, failed: (error: unknown) => void) {
    this.#store = store;
    this.#clock = clock;
    this.#failed = failed;
  }

  committed({ page: { board, page }, position, checked }: Counted): void {
    const pages = this.#waiting.get(board) ?? new Map<number, Tally>();
    this.#waiting.set(board, pages);
    pages.set(page, { page, version: position.version, checked });
    this.#schedule();
  }

  /** Reports the waiting counts immediately. */
  async flush(): Promise<void> {
    this.#next?.();
    this.#next = undefined;
    for (const [board, pages] of [...this.#waiting]) {
      this.#waiting.delete(board);
      const reports = [...pages.values()];
      for (let at = 0; at < reports.length; at += REPORTS_MAX) {
        await this.#report(board, reports.slice(at, at + REPORTS_MAX));
      }
    }
  }

  close(): void {
    this.#isClosed = true;
    this.#next?.();
  }

  async #report(board: string, reports: readonly Tally[]): Promise<void> {
    try {
      await this.#store.report(board, reports);
    } catch (error) {
      if (!(error instanceof StoreAway)) return this.#failed(error);
      const pages = this.#waiting.get(board) ?? new Map<number, Tally>();
      this.#waiting.set(board, pages);
      // Counts that were committed meanwhile are newer, so they are kept.
      for (const report of reports) if (!pages.has(report.page)) pages.set(report.page, report);
      this.#schedule();
    }
  }

  #schedule(): void {
    if (this.#isClosed) return;
    this.#next ??= this.#clock.after(REPORT_AFTER_MS, () => void this.flush());
  }
}
