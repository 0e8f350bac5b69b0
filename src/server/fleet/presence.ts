/*
 * Who is there on all instances: each says every other second how many sockets it has and on which pages most of its
 * clients look, and hears the same of all others. An instance that died is forgotten a few seconds later.
 */

import { randomUUID } from "node:crypto";
import type { Cancel } from "../../protocol/clock.js";
import type { PageCount } from "../../protocol/overview-codec.js";
import { StoreAway } from "../../store/store.js";
import { parseAnnouncement } from "../input/requests.js";
import type { Instance } from "../instance/instance.js";

const ANNOUNCE_EVERY_MS = 2_000;
/** Pages with most watchers that an instance tells of a board, and that clients are told. */
const LOOKING_MAX = 32;

export class Presence {
  readonly #id = randomUUID();
  readonly #instance: Instance;
  readonly #online: () => number;
  #others = 0;
  /** Board -> what was told last. */
  readonly #looking = new Map<string, string>();
  #next: Cancel | undefined;
  #isClosed = false;

  /** `online` counts the sockets on this instance. */
  constructor(instance: Instance, online: () => number) {
    this.#instance = instance;
    this.#online = online;
    void this.#announce();
  }

  get online(): number {
    return this.#online();
  }

  get onlineEverywhere(): number {
    return this.online + this.#others;
  }

  close(): void {
    this.#isClosed = true;
    this.#next?.();
    this.#instance.store.announce(this.#id, "").catch(() => undefined);
  }

  async #announce(): Promise<void> {
    const { store, clock } = this.#instance;
    try {
      const own = { id: this.#id, online: this.online, looking: this.#lookingHere() };
      this.#hear(await store.announce(this.#id, JSON.stringify(own)));
    } catch (error) {
      if (!(error instanceof StoreAway)) this.#instance.failed(error, "an announcement failed");
    }
    if (this.#isClosed) return;
    const cancel = clock.after(ANNOUNCE_EVERY_MS * (0.75 + clock.random() / 2), () => void this.#announce());
    this.#next = cancel;
  }

  #hear(texts: readonly string[]): void {
    if (this.#isClosed) return;
    // Anyone with access to the store can write there; what is no announcement is none.
    const said = texts.flatMap((text) => parseAnnouncement(text) ?? []);
    this.#others = said.reduce((sum, { id, online }) => (id === this.#id ? sum : sum + online), 0);
    for (const board of this.#instance.boards.keys()) {
      const pages = top(sumByPage(said.flatMap(({ looking }) => looking.get(board) ?? [])));
      const text = JSON.stringify(pages);
      if (text === (this.#looking.get(board) ?? "[]")) continue;
      this.#looking.set(board, text);
      this.#instance.overviews.looked(board, pages);
    }
  }

  #lookingHere(): Record<string, PageCount[]> {
    const boards = new Map<string, PageCount[]>();
    for (const { follower, watchers } of this.#instance.pages.hubs()) {
      if (watchers === 0) continue;
      const { board, page } = follower.ref;
      const pages = boards.get(board) ?? [];
      boards.set(board, pages);
      pages.push([page, watchers]);
    }
    return Object.fromEntries(Array.from(boards, ([board, pages]) => [board, top(pages)]));
  }
}

function sumByPage(counts: readonly PageCount[]): PageCount[] {
  const pages = new Map<number, number>();
  for (const [page, watchers] of counts) pages.set(page, (pages.get(page) ?? 0) + watchers);
  return [...pages];
}

/** Those with most watchers, and of equals the first, so that all instances choose the same. */
function top(counts: readonly PageCount[]): PageCount[] {
  return counts.toSorted(([a, some], [b, others]) => others - some || a - b).slice(0, LOOKING_MAX);
}
