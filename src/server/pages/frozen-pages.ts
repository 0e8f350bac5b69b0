/*
 * The frozen cells of watched pages, sent to their watchers so that people see them before they try
 * to write. The store judges the writes (store/frozen.ts). The frozen cells come with the heads of
 * pages. A page's head is requested immediately if the page gets its first watcher, has just
 * refused a write, or was frozen through this instance. Otherwise the next regular head is soon
 * enough, because freezes are rare.
 */

import { cellAt, type PageRef, pageName } from "../../board/geometry.js";
import type { OffsetRange } from "../../store/frozen.js";
import type { PageHead } from "../../store/store.js";
import type { Hub } from "./hub.js";
import type { Pages } from "./pages.js";
import type { Frame, Recipient } from "./recipient.js";

interface Known {
  readonly text: string;
  readonly frame: Frame;
  readonly isAny: boolean;
}

export class FrozenPages {
  readonly #pages: Pages;
  readonly #known = new WeakMap<Hub, Known>();
  /** Page name -> page whose head is to be requested immediately. */
  readonly #wanted = new Map<string, PageRef>();

  constructor(pages: Pages) {
    this.#pages = pages;
    pages.heads.read({
      due: () => {
        const pages = [...this.#wanted.values()];
        this.#wanted.clear();
        return pages;
      },
      asking: (_page, name) => this.#asking(name),
      // The answer that is outstanding may be older than the wish.
      skipped: (page, name) => this.#wanted.set(name, page),
    });
  }

  /** Sends the known frozen cells to a recipient that has just joined. */
  tell(hub: Hub, recipient: Recipient): void {
    const known = this.#known.get(hub);
    if (known?.isAny) recipient.send(known.frame);
    if (!known || hub.watchers === 1) this.ask([hub]);
  }

  /** Requests the heads immediately, and sends changes to the watchers. */
  ask(hubs: Iterable<Hub> = this.#pages.hubs()): void {
    for (const { watchers, follower } of hubs) if (watchers > 0) this.#wanted.set(pageName(follower.ref), follower.ref);
    void this.#pages.heads.ask();
  }

  #asking(name: string): ((head: PageHead) => void) | undefined {
    const hub = this.#pages.hub(name);
    return hub && (({ frozen }) => frozen && this.#learn(hub, frozen));
  }

  #learn(hub: Hub, ranges: readonly OffsetRange[]): void {
    const { page, cells: size } = hub.follower.replica;
    const cells = ranges.map(
      ({ start, end }) => [cellAt(page, start), cellAt(page, Math.min(end, size))] as [number, number],
    );
    const before = this.#known.get(hub);
    const text = JSON.stringify(cells);
    if (text === before?.text) return;
    const frame: Frame = { kind: "frozen", frozen: { handle: hub.handle, page, cells } };
    const known = { text, frame, isAny: ranges.length > 0 };
    this.#known.set(hub, known);
    if (known.isAny || before?.isAny) hub.tell(known.frame);
  }
}
