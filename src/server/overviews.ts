/*
 * The overviews an instance holds: a follower and a hub for each board whose overview someone watches, and for a little while
 * after the last one left. A board that nobody watches so costs nothing, whatever its size.
 */

import type { PageCount } from "../protocol/overview-codec.js";
import type { Store } from "../store/store.js";
import type { Cancel, Clock } from "./clock.js";
import type { FanOut } from "./fan-out.js";
import { OverviewFollower } from "./overview-follower.js";
import { OverviewHub } from "./overview-hub.js";
import type { HostedBoard } from "./pages.js";

interface Held {
  readonly hub: OverviewHub;
  holders: number;
  letGo: Cancel | undefined;
}

export interface OverviewHold {
  readonly hub: OverviewHub;
  /** Ends the hold; calling it again does nothing. */
  release(): void;
}

const LINGER_MS = 10_000;

export class Overviews {
  readonly #store: Store;
  readonly #clock: Clock;
  readonly #fanOut: FanOut;
  readonly #failed: (error: unknown) => void;
  readonly #held = new Map<string, Held>();
  #closed = false;

  constructor(store: Store, clock: Clock, fanOut: FanOut, failed: (error: unknown) => void) {
    this.#store = store;
    this.#clock = clock;
    this.#fanOut = fanOut;
    this.#failed = failed;
  }

  get watchers(): number {
    let watchers = 0;
    for (const { hub } of this.#held.values()) watchers += hub.watchers;
    return watchers;
  }

  hold(board: HostedBoard): OverviewHold {
    const held = this.#held.get(board.name) ?? this.#open(board);
    held.holders++;
    held.letGo?.();
    held.letGo = undefined;
    let released = false;
    return {
      hub: held.hub,
      release: () => {
        if (released || this.#closed) return;
        released = true;
        if (--held.holders > 0) return;
        held.letGo = this.#clock.after(LINGER_MS, () => {
          this.#held.delete(board.name);
          held.hub.close();
        });
      },
    };
  }

  /** Where people look on a board, on all instances. */
  looked(board: string, pages: readonly PageCount[]): void {
    this.#held.get(board)?.hub.looked(pages);
  }

  close(): void {
    this.#closed = true;
    for (const { hub, letGo } of this.#held.values()) {
      letGo?.();
      hub.close();
    }
    this.#held.clear();
  }

  #open(board: HostedBoard): Held {
    const follower = new OverviewFollower(board, this.#store, this.#clock, {
      changed: (page) => hub.changed(page),
      failed: this.#failed,
    });
    const hub = new OverviewHub(board.handle, follower, this.#fanOut, this.#clock);
    const held: Held = { hub, holders: 0, letGo: undefined };
    this.#held.set(board.name, held);
    return held;
  }
}
