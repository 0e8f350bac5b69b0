/*
 * The frozen cells of the pages that are watched here, sent to those who watch, so that people see
 * them before they try to write. Nothing here judges a write: a freeze holds in the store from its
 * acknowledgement on (store/frozen.ts).
 *
 * It reads along when pages are asked for their heads. A page is asked for at once if it gets its
 * first watcher, has just refused a write, or was frozen through this instance. There is no Pub/Sub
 * for it: freezes are rare, and the next head makes up for everything that was missed.
 */

import { PAGE_CELLS, type PageRef } from "../../board/geometry.js";
import type { Frozen } from "../../protocol/events.js";
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
  /** Goes with the hub. */
  readonly #known = new WeakMap<Hub, Known>();
  /** Pages to ask for at once. */
  #wanted: PageRef[] = [];

  constructor(pages: Pages) {
    this.#pages = pages;
    pages.heads.read({
      due: () => this.#wanted.splice(0),
      asking: (_page, name) => this.#asking(name),
    });
  }

  /** Sends the known frozen cells to a recipient that has just joined. */
  tell(hub: Hub, recipient: Recipient): void {
    const known = this.#known.get(hub);
    if (known?.isAny) recipient.send(known.frame);
    if (!known || hub.watchers === 1) this.ask([hub]);
  }

  /** Asks at once, and sends what has changed to those who watch. */
  ask(hubs: Iterable<Hub> = this.#pages.hubs()): void {
    for (const { watchers, follower } of hubs) if (watchers > 0) this.#wanted.push(follower.ref);
    void this.#pages.heads.ask();
  }

  #asking(name: string): ((head: PageHead) => void) | undefined {
    const hub = this.#pages.hub(name);
    return (
      hub &&
      (({ frozen }) => {
        if (frozen) this.#learn(hub, frozen);
      })
    );
  }

  #learn(hub: Hub, ranges: readonly OffsetRange[]): void {
    const { page } = hub.follower.ref;
    const { cells } = hub.follower.replica;
    const frozen: Frozen = {
      handle: hub.handle,
      page,
      cells: ranges.map(({ start, end }) => [page * PAGE_CELLS + start, page * PAGE_CELLS + Math.min(end, cells)]),
    };
    const before = this.#known.get(hub);
    const text = JSON.stringify(frozen.cells);
    if (text === before?.text) return;
    const known = { text, frame: { kind: "frozen", frozen }, isAny: ranges.length > 0 } satisfies Known;
    this.#known.set(hub, known);
    if (known.isAny || before?.isAny) hub.tell(known.frame);
  }
}
