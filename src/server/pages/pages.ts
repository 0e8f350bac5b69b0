/*
 * The pages that an instance holds: a follower and a hub for each page that is being watched, or
 * was until recently (shared-hubs.ts).
 *
 * The position check behind self-healing is here, one for all pages. Pub/Sub may lose a message,
 * and a connection may be deaf without an error, so the store is asked. A page is checked soon
 * after its last delta, and less often while it is idle:
 *
 *     delta ── 1.0 to 1.2 s ──► check ── 1.5 to 1.7 s ──► check ── 1.5 to 1.7 s ──► check
 *
 * A commit whose message is lost is therefore noticed within 1.7 s and repaired within 2 s.
 */

import { cellsInPage, type PageRef, pageName } from "../../board/geometry.js";
import { samePosition } from "../../board/position.js";
import type { Clock } from "../../protocol/clock.js";
import type { ClaimRule } from "../../store/claims.js";
import type { PageHead, Store } from "../../store/store.js";
import type { FanOut } from "./fan-out.js";
import { Follower, type ResyncCause } from "./follower.js";
import { Heads, type HeadsObserver } from "./heads.js";
import { type CatchUpObserver, Hub } from "./hub.js";
import { type HubUse, SharedHubs } from "./shared-hubs.js";

export interface HostedBoard {
  readonly name: string;
  /** Number of cells. Changes when the board is resized; 0 once it is removed. */
  readonly size: number;
  /** The board's handle in frames of this instance. */
  readonly handle: number;
  /** Undefined if the board has no claims. */
  readonly claims?: ClaimRule | undefined;
}

export interface PagesObserver extends HeadsObserver {
  resync(cause: ResyncCause): void;
  caughtUp: CatchUpObserver;
  /** A replica applied one delta. */
  applied?(): void;
}

const HOT_CHECK_MS = 1_000;
const IDLE_CHECK_MS = 1_500;
/**
 * A channel counts as deaf after this many checks in a row that find the page behind without news.
 */
const DEAF_AFTER_CHECKS = 2;
const RESTART_EVERY_MS = 5_000;

export class Pages {
  /** Requests the heads of pages, for all parts of the instance. */
  readonly heads: Heads;
  readonly #store: Store;
  readonly #clock: Clock;
  readonly #fanOut: FanOut;
  readonly #observer: PagesObserver;
  readonly #held: SharedHubs<Hub>;
  #deaf: PageRef[] = [];
  #restartedMs = Number.NEGATIVE_INFINITY;

  constructor(store: Store, clock: Clock, fanOut: FanOut, observer: PagesObserver) {
    this.#store = store;
    this.#clock = clock;
    this.#fanOut = fanOut;
    this.#observer = observer;
    this.#held = new SharedHubs(clock);
    this.heads = new Heads(store, clock, observer);
    this.heads.read({
      due: (nowMs) => this.#due(nowMs),
      asking: (page, name) => this.#asking(page, name),
      judged: () => this.#restartDeaf(),
    });
  }

  get size(): number {
    return this.#held.size;
  }

  hubs(): Iterable<Hub> {
    return this.#held.hubs();
  }

  /** The hub of a held page, by the page's name. */
  hub(name: string): Hub | undefined {
    return this.#held.get(name);
  }

  /** The follower of a held page, if it is up to date as far as known. */
  peek(ref: PageRef): Follower | undefined {
    const follower = this.#held.get(pageName(ref))?.follower;
    return follower?.isReady ? follower : undefined;
  }

  /** Holds a page until it is released. The page must exist on the board. */
  use(board: HostedBoard, page: number): HubUse<Hub> {
    const ref = { board: board.name, page };
    return this.#held.use(pageName(ref), () => this.#open(board, ref));
  }

  /** Whether this is the hub of its page, and not one that was closed. */
  isHeld(hub: Hub): boolean {
    return this.#held.get(pageName(hub.follower.ref)) === hub;
  }

  /** Closes the pages of another size than the board's. The next user opens them again. */
  resized(board: HostedBoard): void {
    for (const { follower } of [...this.#held.hubs()]) {
      const { ref, replica } = follower;
      const isFit = replica.cells === cellsInPage(board.size, ref.page);
      if (ref.board === board.name && !isFit) this.#held.drop(pageName(ref));
    }
  }

  close(): void {
    this.heads.close();
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
    const { caughtUp } = this.#observer;
    const hub = new Hub(board.handle, follower, this.#store, this.#fanOut, this.#clock, caughtUp);
    return hub;
  }

  *#due(nowMs: number): Iterable<PageRef> {
    for (const { follower } of this.#held.hubs()) {
      const { isReady, verifiedMs, checkedMs, headMs, ref } = follower;
      const isIdle = verifiedMs === checkedMs;
      const checkAtMs = Math.max(verifiedMs, checkedMs) + (isIdle ? IDLE_CHECK_MS : HOT_CHECK_MS);
      if (isReady && (checkAtMs <= nowMs || headMs + IDLE_CHECK_MS <= nowMs)) yield ref;
    }
  }

  #asking(page: PageRef, name: string): ((head: PageHead) => void) | undefined {
    const follower = this.#held.get(name)?.follower;
    if (!follower?.isReady) return undefined;
    const before = follower.replica.position;
    const now = this.#clock.now();
    // Another reader may have requested this head soon after a delta. A commit whose news is on its
    // way must not look lost.
    const isProven = follower.verifiedMs + HOT_CHECK_MS > now;
    return ({ position }) => {
      follower.headMs = now;
      if (isProven) return;
      follower.checkedMs = now;
      // A replica that moved meanwhile gets its news. The next check judges it.
      if (follower.replica.position !== before) return;
      if (samePosition(position, before)) {
        follower.verifiedMs = now;
        follower.missedChecks = 0;
        return;
      }
      follower.missedChecks++;
      if (follower.missedChecks >= DEAF_AFTER_CHECKS) this.#deaf.push(page);
      void follower.catchUp("check");
    };
  }

  #restartDeaf(): void {
    const deaf = this.#deaf;
    const now = this.#clock.now();
    this.#deaf = [];
    if (deaf.length === 0 || now - this.#restartedMs <= RESTART_EVERY_MS) return;
    this.#restartedMs = now;
    this.#store.restartSubscriptions(deaf);
  }
}
