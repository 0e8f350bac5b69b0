/*
 * What is frozen of the pages that are watched here, told to those who watch them, so that people see it before they try. A
 * freeze itself holds in the store, from its acknowledgement on (store/frozen.ts); nothing here is asked when a write is judged.
 *
 * Pages are asked for every ASK_EVERY_MS, all in a few pipelined round trips, and at once where one is watched for the first
 * time, has just refused a write, or was frozen through this instance. Not by Pub/Sub: it is rare news, and asking again mends
 * whatever was missed.
 */

import { PAGE_CELLS } from "../../board/geometry.js";
import type { Cancel, Clock } from "../../protocol/clock.js";
import type { Frozen } from "../../protocol/events.js";
import type { Freezing } from "../../store/frozen.js";
import { canFreeze, type Store, StoreAway } from "../../store/store.js";
import type { Hub } from "./hub.js";
import type { Frame, Recipient } from "./recipient.js";

const ASK_EVERY_MS = 2_000;
const ASK_PAGES_MAX = 1_000;

interface Known {
  readonly text: string;
  readonly frame: Frame;
  readonly isAny: boolean;
}

export class FrozenPages {
  readonly #store: (Store & Freezing) | undefined;
  readonly #clock: Clock;
  readonly #hubs: () => Iterable<Hub>;
  readonly #failed: (error: unknown) => void;
  /** Goes with the hub. */
  readonly #known = new WeakMap<Hub, Known>();
  /** To be asked for; at most the hubs there are. */
  readonly #wanted = new Set<Hub>();
  #isAsking = false;
  #next: Cancel | undefined;
  #isClosed = false;

  /** `hubs` gives those of all pages that are held. */
  constructor(store: Store, clock: Clock, hubs: () => Iterable<Hub>, failed: (error: unknown) => void) {
    this.#store = canFreeze(store) ? store : undefined;
    this.#clock = clock;
    this.#hubs = hubs;
    this.#failed = failed;
    if (this.#store) this.#schedule();
  }

  /** Tells someone who has just joined what is known to be frozen; that nothing is, goes without saying. */
  tell(hub: Hub, recipient: Recipient): void {
    const known = this.#known.get(hub);
    if (known?.isAny) recipient.send(known.frame);
    else if (!known) this.ask([hub]);
  }

  /** Asks soon, and tells those who watch what has changed. */
  ask(hubs: Iterable<Hub> = this.#hubs()): void {
    if (!this.#store || this.#isClosed) return;
    for (const hub of hubs) if (hub.watchers > 0) this.#wanted.add(hub);
    if (!this.#isAsking) void this.#askAll(this.#store);
  }

  close(): void {
    this.#isClosed = true;
    this.#next?.();
    this.#wanted.clear();
  }

  #schedule(): void {
    this.#next = this.#clock.after(ASK_EVERY_MS, () => {
      this.ask();
      this.#schedule();
    });
  }

  async #askAll(store: Freezing): Promise<void> {
    this.#isAsking = true;
    try {
      while (this.#wanted.size > 0) {
        const hubs = [...this.#wanted].slice(0, ASK_PAGES_MAX);
        for (const hub of hubs) this.#wanted.delete(hub);
        const answers = await store.frozen(hubs.map((hub) => hub.follower.ref));
        if (this.#isClosed) return;
        hubs.forEach((hub, index) => {
          const ranges = answers[index];
          if (ranges) this.#learn(hub, ranges);
        });
      }
    } catch (error) {
      // Asked for again in a while, as everything is.
      if (!(error instanceof StoreAway)) this.#failed(error);
    } finally {
      this.#isAsking = false;
    }
  }

  #learn(hub: Hub, ranges: Awaited<ReturnType<Freezing["frozen"]>>[number] & object): void {
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
