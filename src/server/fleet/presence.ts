/*
 * Tracks the number of people on all instances, in all and on each board, and the pages with the
 * most watchers.
 */

import type { PageCount } from "../../protocol/overview-codec.js";
import type { Announcement } from "../input/requests.js";
import type { Instance } from "../instance/instance.js";
import type { HostedBoard } from "../pages/pages.js";

/** Most pages per board that an instance reports to other instances and to clients. */
const LOOKING_MAX = 32;

export class Presence {
  readonly #instance: Instance;
  readonly #online: () => number;
  #others = 0;
  /** Board -> the people on other instances. */
  readonly #othersOn = new Map<string, number>();
  /** Board -> the pages that were last sent to clients. */
  readonly #sent = new Map<string, string>();

  /** `online` returns the number of sockets on this instance. */
  constructor(instance: Instance, online: () => number) {
    this.#instance = instance;
    this.#online = online;
  }

  get online(): number {
    return this.#online();
  }

  get onlineEverywhere(): number {
    return this.online + this.#others;
  }

  /** Number of people who have the board open, on all instances; a few seconds old. */
  people(board: HostedBoard): number {
    return this.#instance.audiences.count(board) + (this.#othersOn.get(board.name) ?? 0);
  }

  /** Board -> its people on this instance. */
  peopleHere(): Map<string, number> {
    const { audiences } = this.#instance;
    return new Map(Array.from(audiences.boards(), (board) => [board.name, audiences.count(board)]));
  }

  /** Board -> the pages with the most watchers on this instance. */
  looking(): Map<string, PageCount[]> {
    const boards = new Map<string, PageCount[]>();
    for (const { follower, watchers } of this.#instance.pages.hubs()) {
      if (watchers === 0) continue;
      const { board, page } = follower.ref;
      const pages = boards.get(board) ?? [];
      boards.set(board, pages);
      pages.push([page, watchers]);
    }
    return new Map(Array.from(boards, ([board, pages]) => [board, top(pages)]));
  }

  hear(others: readonly Announcement[]): void {
    this.#others = others.reduce((sum, { clients }) => sum + clients, 0);
    this.#othersOn.clear();
    for (const [board, count] of others.flatMap(({ people }) => [...people])) {
      // Anyone with access to the store can name any board.
      if (this.#instance.boards.has(board)) this.#othersOn.set(board, (this.#othersOn.get(board) ?? 0) + count);
    }
    const here = this.looking();
    for (const board of this.#instance.boards.keys()) {
      const counts = [...(here.get(board) ?? []), ...others.flatMap(({ looking }) => looking.get(board) ?? [])];
      const pages = top(sumByPage(counts));
      const text = JSON.stringify(pages);
      if (text === (this.#sent.get(board) ?? "[]")) continue;
      this.#sent.set(board, text);
      this.#instance.overviews.looked(board, pages);
    }
  }
}

function sumByPage(counts: readonly PageCount[]): PageCount[] {
  const pages = new Map<number, number>();
  for (const [page, watchers] of counts) pages.set(page, (pages.get(page) ?? 0) + watchers);
  return [...pages];
}

/** The pages with the most watchers. Ties go to the lower page, so that all instances agree. */
function top(counts: readonly PageCount[]): PageCount[] {
  return counts.toSorted(([a, some], [b, others]) => others - some || a - b).slice(0, LOOKING_MAX);
}
