/*
 * The store's side of the overview: the number of checked cells on each page of a board. A page's
 * own count is the truth and moves in one step with its bits. The store also keeps a list of all
 * counts of a board, so that an instance need not ask thousands of pages. Instances report commits
 * to it.
 *
 *     commit ──► the page's own count ·······················► heads       the truth, page by page
 *        └─ instance: report, in batches ────► the list ─────► read        all reported pages
 *                                                └───────────► subscribe   changes of the list
 *
 * Entries are absolute and carry the version of the page, so if two reports arrive out of order,
 * the newer one wins. A report may be lost with its instance. A failover or a restored dump may set
 * pages back to lower versions. Instances detect both by comparing the list with the heads, and
 * correct the list. A correction names the entry that it replaces, so it never undoes a report made
 * in between.
 */

import type { Unsubscribe } from "./listeners.js";

/** A page's count of checked cells, at a version of the page. */
export interface Tally {
  readonly page: number;
  readonly version: number;
  readonly checked: number;
}

export interface Report extends Tally {
  /**
   * Makes the report a correction, taken only while the list has this entry. Version 0 means no
   * entry.
   */
  readonly instead?: Pick<Tally, "version" | "checked">;
}

export interface OverviewListener {
  /** Changed entries, in order. Some may be missing, because channels lose messages. */
  changed(tallies: readonly Tally[]): void;
  /** The channel is live again after an interruption. */
  resumed(): void;
}

export interface OverviewStore {
  /** Reads the whole list: every page that has an entry. */
  read(board: string): Promise<readonly Tally[]>;
  /** Takes at most REPORTS_MAX. If a report is refused, the present entry is published. */
  report(board: string, reports: readonly Report[]): Promise<void>;
  /** Resolves when the subscription is live. */
  subscribe(board: string, listener: OverviewListener): Promise<Unsubscribe>;
  /** Reopens the board's channel, which looks alive but delivers nothing. */
  restartSubscription(board: string): void;
}

/** Most reports in one call. Bounds how long one script run blocks the store. */
export const REPORTS_MAX = 1_000;

/**
 * Decides whether the list takes a report, by the same rule as overview.lua. If `isHeard`, the
 * entry is published.
 */
export function judgeReport(
  entry: Tally | undefined,
  { page, version, checked, instead }: Report,
): { readonly entry: Tally; readonly isHeard: boolean } {
  const before = entry ?? { page, version: 0, checked: 0 };
  const isSame = before.version === version && before.checked === checked;
  const isTaken = instead
    ? before.version === instead.version && before.checked === instead.checked
    : version >= before.version;
  if (isTaken && !isSame) return { entry: { page, version, checked }, isHeard: true };
  // The entry is published even if the report is refused. It shows listeners that the page lost the
  // end of its history.
  return { entry: before, isHeard: !isTaken || instead !== undefined };
}
