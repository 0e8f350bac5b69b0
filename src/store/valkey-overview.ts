/* The overview of boards over Valkey: one hash and one channel for each board, beside the heads of its pages. */

import type { PageRef } from "../board/geometry.js";
import type { Channels } from "./channels.js";
import type { Names } from "./keys.js";
import type { OverviewListener, OverviewStore, Report, Tally } from "./overview.js";
import { readTallies, reportCall } from "./scripts.js";
import type { Unsubscribe } from "./store.js";
import type { ValkeyLink } from "./valkey-link.js";

export class ValkeyOverview implements OverviewStore {
  readonly #link: ValkeyLink;
  readonly #names: Names;
  readonly #channels: Channels;
  readonly #incident: (message: string) => void;

  constructor(link: ValkeyLink, names: Names, channels: Channels, incident: (message: string) => void) {
    this.#link = link;
    this.#names = names;
    this.#channels = channels;
    this.#incident = incident;
  }

  async tallies(pages: readonly PageRef[]): Promise<(Tally | undefined)[]> {
    const heads = pages.map((page) => this.#names.page(page).head);
    const fields = await this.#link.fieldsOf(heads, ["v", "n"]);
    return pages.map(({ page }, index) => {
      const head = fields[index];
      return head && { page, version: Number(head[0] ?? 0), checked: Number(head[1] ?? 0) };
    });
  }

  async read(board: string): Promise<readonly Tally[]> {
    const { list } = this.#names.overview(board);
    const reply = await this.#link.command(list, "HGETALL", list);
    const texts = Array.isArray(reply) ? reply.map(String) : [];
    const entries: string[] = [];
    for (let at = 0; at + 1 < texts.length; at += 2) entries.push(`${texts[at]}:${texts[at + 1]}`);
    return entries.length === 0 ? [] : this.#understand(board, entries.join());
  }

  async report(board: string, reports: readonly Report[]): Promise<void> {
    await this.#link.run(reportCall(this.#names, board, reports, this.#link.publish));
  }

  subscribe(board: string, listener: OverviewListener): Promise<Unsubscribe> {
    return this.#channels.subscribe(this.#link, this.#names.overview(board).channel, {
      message: (text) => listener.changed(this.#understand(board, text)),
      resumed: () => listener.resumed(),
    });
  }

  restartSubscription(board: string): void {
    this.#link.restartSubscribers([this.#names.overview(board).channel]);
  }

  /** Anyone with access to Valkey can publish and write; what is no list of tallies is none. */
  #understand(board: string, text: string): readonly Tally[] {
    const tallies = readTallies(text);
    if (!tallies) this.#incident(`what came as overview of board ${board} is none`);
    return tallies ?? [];
  }
}
