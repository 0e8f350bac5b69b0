/*
 * How many cells of each page are checked, for a whole board: the store's side of the overview. A page knows its own count
 * (the truth, moved in one step with its bits); beside it the store keeps a list of all counts of a board, so that nobody
 * has to ask thousands of pages. Instances report to it what they committed.
 *
 *     commit ──► the page's own count ·······················► tallies     the truth, page by page
 *        └─ instance: report, now and then ──► the list ─────► read        all pages that were reported
 *                                                └───────────► subscribe   what changed in it
 *
 * The list cannot drift. Entries are absolute and carry the version of the page: of two reports in the wrong order the
 * newer stays. A report that was lost with its instance, or pages that a failover or a restored dump set back to lower
 * versions, are found by comparing with the tallies, and put right by a correction: it names the entry that it is to
 * replace, so that it never undoes a report that came in between.
 */

import type { PageRef } from "../board/geometry.js";
import type { Unsubscribe } from "./listeners.js";

/** A page's count of checked cells, at a version of the page. */
export interface Tally {
  readonly page: number;
  readonly version: number;
  readonly checked: number;
}

export interface Report extends Tally {
  /** Makes it a correction: taken only while the list has this entry. Version 0 stands for none. */
  readonly instead?: Pick<Tally, "version" | "checked">;
}

export interface OverviewListener {
  /** Entries of the list as they are now, in the order of changes. Perhaps not all are told: channels lose messages. */
  changed(tallies: readonly Tally[]): void;
  /** The channel was interrupted and is live again. */
  resumed(): void;
}

export interface OverviewStore {
  /** What the pages themselves know. Undefined for one whose part of the store does not answer soon. */
  tallies(pages: readonly PageRef[]): Promise<(Tally | undefined)[]>;
  /** The list: every page that something was reported of. */
  read(board: string): Promise<readonly Tally[]>;
  /** At most REPORTS_MAX. Listeners hear what changed, and the present entry of what was not taken. */
  report(board: string, reports: readonly Report[]): Promise<void>;
  /** Resolves when the subscription is live. */
  subscribe(board: string, listener: OverviewListener): Promise<Unsubscribe>;
  /** Opens the board's channel anew: it was found deaf. */
  restartSubscription(board: string): void;
}

/** Bounds the time that one script run holds the store. */
export const REPORTS_MAX = 1_000;

/** The rule of the list, as overview.lua has it: the entry after `report`, and whether listeners are to hear of it. */
export function judgeReport(
  entry: Tally | undefined,
  { page, version, checked, instead }: Report,
): { readonly entry: Tally; readonly isTold: boolean } {
  const before = entry ?? { page, version: 0, checked: 0 };
  const isSame = before.version === version && before.checked === checked;
  const isTaken = instead
    ? before.version === instead.version && before.checked === instead.checked
    : version >= before.version;
  if (isTaken && !isSame) return { entry: { page, version, checked }, isTold: true };
  // Also where a report is refused: if the page lost the end of its history, those who hear of it will find out.
  return { entry: before, isTold: !isTaken || instead !== undefined };
}
