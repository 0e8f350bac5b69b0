/*
 * The store's side of the overview: the number of checked cells on each page of a board. A page's
 * own count is the truth and moves in one step with its bits. The store also keeps a list of all
 * counts of a board, so that nobody has to ask thousands of pages. Instances report commits to it.
 *
 *     commit ──► the page's own count ·······················► heads       the truth, page by page
 *        └─ instance: report, now and then ──► the list ─────► read        all reported pages
 *                                                └───────────► subscribe   changes of the list
 *
 * Entries are absolute and carry the version of the page, so of two reports in the wrong order the
 * newer stays. A report may be lost with its instance, and a failover or a restored dump may set
 * pages back to lower versions. Instances find both by comparing with the heads, and correct them.
 * A correction names the entry that it replaces, so it never undoes a report made in between.
 */

import type { Unsubscribe } from "./listeners.js";

/** A page's count of checked cells, at a version of the page. */
export interface Tally {
  readonly page: number;
  readonly version: number;
  readonly checked: number;
}

export interface Report extends Tally {
  /** Makes it a correction, taken only while the list has this entry. Version 0 stands for none. */
  readonly instead?: Pick<Tally, "version" | "checked">;
}

export interface OverviewListener {
  /** Changed entries, in order. Some may be missing: channels lose messages. */
  changed(tallies: readonly Tally[]): void;
  /** The channel was interrupted and is live again. */
  resumed(): void;
}

export interface OverviewStore {
  /** The list: every page with a report. */
  read(board: string): Promise<readonly Tally[]>;
  /** At most REPORTS_MAX. For a refused report, listeners hear the present entry. */
  report(board: string, reports: readonly Report[]): Promise<void>;
  /** Resolves when the subscription is live. */
  subscribe(board: string, listener: OverviewListener): Promise<Unsubscribe>;
  /** Reopens the board's channel, which was found deaf. */
  restartSubscription(board: string): void;
}

/** Bounds how long one script run blocks the store. */
export const REPORTS_MAX = 1_000;

/** The rule of the list, which overview.lua keeps too. `isHeard`: listeners hear the entry. */
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
  // A refused report is heard too: listeners learn by it that the page lost the end of its history.
  return { entry: before, isHeard: !isTaken || instead !== undefined };
}
