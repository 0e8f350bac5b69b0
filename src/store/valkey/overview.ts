/*
 * The overview of boards on Valkey: one hash and one channel per board, beside the heads of its
 * pages.
 */

import { BOARD_CELLS_MAX, PAGE_CELLS, pageCount } from "../../board/geometry.js";
import { type Damages, ofNoPage } from "../damage.js";
import type { Unsubscribe } from "../listeners.js";
import type { OverviewListener, OverviewStore, Report, Tally } from "../overview.js";
import type { ValkeyLink } from "./routing/link.js";
import type { Names } from "./scripts/keys.js";
import { loadScript, type PublishCommand, type ScriptCall } from "./scripts/scripts.js";

const OVERVIEW = loadScript("overview");
const PAGES_MAX = pageCount(BOARD_CELLS_MAX);
/** Approximate number of list entries in one answer from Valkey. */
const LISTED_AT_ONCE = 1_000;

export class ValkeyOverview implements OverviewStore {
  readonly #link: ValkeyLink;
  readonly #names: Names;
  readonly #damages: Damages;

  constructor(link: ValkeyLink, names: Names, damages: Damages) {
    this.#link = link;
    this.#names = names;
    this.#damages = damages;
  }

  async read(board: string): Promise<readonly Tally[]> {
    const { list } = this.#names.overview(board);
    const tallies = new Map<number, Tally>();
    let cursor = "0";
    do {
      // Read in parts, so that a large board's list does not block Valkey. Changes made meanwhile
      // are published, so none is missed.
      const reply = await this.#link
        .command(list, "HSCAN", list, cursor, "COUNT", String(LISTED_AT_ONCE))
        .catch(ofNoPage(list));
      const [next, entries]: unknown[] = Array.isArray(reply) ? reply : [];
      const texts = Array.isArray(entries) ? entries.map(String) : [];
      let areValid = true;
      for (let at = 0; at + 1 < texts.length; at += 2) {
        const tally = parseTally(`${texts[at]}:${texts[at + 1]}`);
        if (tally) tallies.set(tally.page, tally);
        else areValid = false;
      }
      // Instances correct a missing entry from the page's own count.
      if (!areValid) this.#damages.found(board, "overview", false);
      cursor = String(next ?? "0");
    } while (cursor !== "0");
    return [...tallies.values()];
  }

  async report(board: string, reports: readonly Report[]): Promise<void> {
    const call = reportCall(this.#names, board, reports, this.#link.publish);
    await this.#link.run(call).catch(ofNoPage(this.#names.overview(board).list));
  }

  subscribe(board: string, listener: OverviewListener): Promise<Unsubscribe> {
    return this.#link.subscribe(this.#names.overview(board).channel, {
      message: (text) => {
        // Checked, because anyone with access to Valkey can publish here.
        const tallies = text.split(",").map(parseTally);
        const known = tallies.filter((tally) => tally !== undefined);
        const areValid = known.length === tallies.length;
        if (!areValid) this.#damages.strayMessage(`overview channel of board ${board}`);
        listener.changed(areValid ? known : []);
      },
      resumed: () => listener.resumed(),
    });
  }

  restartSubscription(board: string): void {
    this.#link.restartSubscribers([this.#names.overview(board).channel]);
  }
}

function reportCall(
  names: Names,
  board: string,
  reports: readonly Report[],
  publish: PublishCommand,
): ScriptCall<void> {
  const { list, channel } = names.overview(board);
  const args: string[] = [channel, publish];
  for (const { page, version, checked, instead } of reports) {
    args.push(String(page), String(version), String(checked), instead ? `${instead.version}:${instead.checked}` : "");
  }
  return { script: OVERVIEW, keys: [list], args, read: () => undefined };
}

const WHOLE_NUMBER = /^(0|[1-9]\d{0,15})$/;

/** Parses a tally as overview.lua publishes it, `page:version:checked`. Undefined if malformed. */
function parseTally(text: string): Tally | undefined {
  const parts = text.split(":");
  if (parts.length !== 3 || !parts.every((part) => WHOLE_NUMBER.test(part))) return undefined;
  const [page = 0, version = 0, checked = 0] = parts.map(Number);
  return page < PAGES_MAX && Number.isSafeInteger(version) && checked <= PAGE_CELLS
    ? { page, version, checked }
    : undefined;
}
