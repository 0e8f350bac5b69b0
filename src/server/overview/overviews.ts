/*
 * The overviews that an instance holds: a follower and a hub for each board whose overview is being
 * watched, or was until recently (shared-hubs.ts). A board without watchers costs nothing, whatever
 * its size.
 */

import type { Clock } from "../../protocol/clock.js";
import type { PageCount } from "../../protocol/overview-codec.js";
import type { OverviewStore } from "../../store/overview.js";
import type { FanOut } from "../pages/fan-out.js";
import type { Heads } from "../pages/heads.js";
import type { HostedBoard } from "../pages/pages.js";
import { type HubUse, SharedHubs } from "../pages/shared-hubs.js";
import { OverviewFollower } from "./follower.js";
import { OverviewHub } from "./hub.js";

export class Overviews {
  readonly #store: OverviewStore;
  readonly #heads: Heads;
  readonly #clock: Clock;
  readonly #fanOut: FanOut;
  readonly #failed: (error: unknown) => void;
  readonly #held: SharedHubs<OverviewHub>;

  constructor(store: OverviewStore, heads: Heads, clock: Clock, fanOut: FanOut, failed: (error: unknown) => void) {
    this.#store = store;
    this.#heads = heads;
    this.#clock = clock;
    this.#fanOut = fanOut;
    this.#failed = failed;
    this.#held = new SharedHubs(clock);
  }

  get watchers(): number {
    let watchers = 0;
    for (const hub of this.#held.hubs()) watchers += hub.watchers;
    return watchers;
  }

  use(board: HostedBoard): HubUse<OverviewHub> {
    return this.#held.use(board.name, () => this.#open(board));
  }

  /** Passes on the pages of a board with the most watchers on all instances. */
  looked(board: string, pages: readonly PageCount[]): void {
    this.#held.get(board)?.looked(pages);
  }

  /** The board has another number of pages. The next user opens its overview again. */
  resized(board: HostedBoard): void {
    this.#held.drop(board.name);
  }

  close(): void {
    this.#held.close();
  }

  #open(board: HostedBoard): OverviewHub {
    const follower = new OverviewFollower(board, this.#store, this.#heads, this.#clock, {
      changed: (page) => hub.changed(page),
      failed: this.#failed,
    });
    const hub = new OverviewHub(board.handle, follower, this.#fanOut, this.#clock);
    return hub;
  }
}
