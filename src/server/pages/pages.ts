/*
 * The pages an instance holds: a follower and a hub for each page that someone watches, or did until just now (shared-hubs.ts).
 *
 * The position check behind self-healing lives here, because it is one for all: Pub/Sub may lose a message, or a whole
 * connection may be deaf without an error, and then only asking tells. Every page is asked for within CHECK_AFTER_MS +
 * CHECK_EVERY_MS of the last proof that it is up to date, all due pages in one pipelined round trip.
 */

import { cellsInPage, type PageRef, pageName } from "../../board/geometry.js";
import { samePosition } from "../../board/position.js";
import type { Cancel, Clock } from "../../protocol/clock.js";
import { type Store, StoreAway } from "../../store/store.js";
import type { FanOut } from "./fan-out.js";
import { Follower, type ResyncCause } from "./follower.js";
import { type CatchUpObserver, Hub } from "./hub.js";
import { type HubUse, SharedHubs } from "./shared-hubs.js";

export interface HostedBoard {
  readonly name: string;
  /** Cells. */
  readonly size: number;
  /** Names the board in frames of this instance. */
  readonly handle: number;
}

export interface PagesObserver {
  resync(cause: ResyncCause): void;
  caughtUp: CatchUpObserver;
  /** A replica moved by one delta. */
  applied?(): void;
  /** The store told positions, after so long. */
  checked?(ms: number): void;
  failed(error: unknown): void;
}

const CHECK_AFTER_MS = 1_000;
const CHECK_EVERY_MS = 400;
const CHECK_PAGES_MAX = 1_000;
/** So many checks in a row that find a page behind, with nothing heard in between, mean a deaf subscriber. */
const DEAF_AFTER_CHECKS = 2;
const RESTART_EVERY_MS = 5_000;

export class Pages {
  readonly #store: Store;
  readonly #clock: Clock;
  readonly #fanOut: FanOut;
  readonly #observer: PagesObserver;
  readonly #held: SharedHubs<Hub>;
  #restartedMs = Number.NEGATIVE_INFINITY;
  #nextCheck: Cancel;
  #closed = false;

  constructor(store: Store, clock: Clock, fanOut: FanOut, observer: PagesObserver) {
    this.#store = store;
    this.#clock = clock;
    this.#fanOut = fanOut;
    this.#observer = observer;
    this.#held = new SharedHubs(clock);
    this.#nextCheck = this.#scheduleCheck();
  }

  get size(): number {
    return this.#held.size;
  }

  hubs(): Iterable<Hub> {
    return this.#held.hubs();
  }

  /** The follower of a page that is held and up to date as far as is known, without holding it. */
  peek(ref: PageRef): Follower | undefined {
    const follower = this.#held.get(pageName(ref))?.follower;
    return follower?.isReady ? follower : undefined;
  }

  /** SharedHubs a page until released. The page must lie on the board. */
  use(board: HostedBoard, page: number): HubUse<Hub> {
    const ref = { board: board.name, page };
    return this.#held.use(pageName(ref), () => this.#open(board, ref));
  }

  close(): void {
    this.#closed = true;
    this.#nextCheck();
    this.#held.close();
  }

  #open(board: HostedBoard, ref: PageRef): Hub {
    const follower = new Follower(ref, cellsInPage(board.size, ref.page), this.#store, this.#clock, {
      applied: () => {
        hub.moved(false);
        this.#observer.applied?.();
      },
      restarted: () => hub.moved(true),
      resync: (cause) => this.#observer.resync(cause),
      failed: (error) => this.#observer.failed(error),
    });
    const caughtUp: CatchUpObserver = (frame) => this.#observer.caughtUp(frame);
    const hub = new Hub(board.handle, follower, this.#store, this.#fanOut, this.#clock, caughtUp);
    return hub;
  }

  #scheduleCheck(): Cancel {
    return this.#clock.after(CHECK_EVERY_MS, () => {
      void this.#check().finally(() => {
        if (!this.#closed) this.#nextCheck = this.#scheduleCheck();
      });
    });
  }

  async #check(): Promise<void> {
    const dueMs = this.#clock.now() - CHECK_AFTER_MS;
    const due: Follower[] = [];
    for (const hub of this.#held.hubs()) {
      if (hub.follower.isReady && hub.follower.verifiedMs <= dueMs) due.push(hub.follower);
    }
    for (let at = 0; at < due.length; at += CHECK_PAGES_MAX) {
      try {
        await this.#checkSome(due.slice(at, at + CHECK_PAGES_MAX));
      } catch (error) {
        if (!(error instanceof StoreAway)) this.#observer.failed(error);
        return;
      }
    }
  }

  async #checkSome(followers: readonly Follower[]): Promise<void> {
    const before = followers.map((follower) => follower.replica.position);
    const now = this.#clock.now();
    const positions = await this.#store.positions(followers.map((follower) => follower.ref));
    this.#observer.checked?.(this.#clock.now() - now);
    // What was published and is left unread until the next flush is no gap.
    await new Promise<void>((heard) => this.#store.wake(heard));
    const deaf: PageRef[] = [];
    followers.forEach((follower, index) => {
      const stored = positions[index];
      // A replica that moved meanwhile hears; it is judged the next time.
      if (!stored || follower.replica.position !== before[index]) return;
      if (samePosition(stored, follower.replica.position)) {
        follower.verifiedMs = now;
        follower.missedChecks = 0;
        return;
      }
      follower.missedChecks++;
      if (follower.missedChecks >= DEAF_AFTER_CHECKS) deaf.push(follower.ref);
      void follower.catchUp("check");
    });
    if (deaf.length > 0 && now - this.#restartedMs > RESTART_EVERY_MS) {
      this.#restartedMs = now;
      this.#store.restartSubscriptions(deaf);
    }
  }
}
