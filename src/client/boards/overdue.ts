/*
 * Once a second: gives up changes that cannot be delivered, and committed changes whose delta does
 * not come. On a silent connection that delta may still be on its way. So the wait counts only if
 * the instance was heard, or answers now. The next second does not wait for that answer.
 */

import { type Cancel, type Clock, every } from "../../protocol/clock.js";
import type { CellChange } from "../api/board.js";
import type { Joiner } from "../watching/joiner.js";
import type { WatchedPages } from "../watching/watched-pages.js";
import type { Opening } from "./opening.js";
import type { UserChanges } from "./user-changes.js";

const TICK_MS = 1_000;

interface Parts {
  readonly changes: UserChanges;
  readonly pages: WatchedPages;
  readonly joiner: Joiner;
  readonly opening: Opening;
  changed(changes: readonly CellChange[]): void;
}

export class Overdue {
  readonly stop: Cancel;
  readonly #parts: Parts;
  /** Whether the instance has been heard from since the last tick. */
  #isHeard = false;

  constructor(parts: Parts, clock: Clock) {
    this.#parts = parts;
    this.stop = every(clock, TICK_MS, () => this.#tick());
  }

  heard(): void {
    this.#isHeard = true;
  }

  #tick(): void {
    const { changes, opening, changed } = this.#parts;
    changes.expire();
    const isHeard = this.#isHeard;
    this.#isHeard = false;
    if (this.#awaited().length === 0) return;
    const waited = () => changed(changes.shown.waited(this.#awaited()));
    if (isHeard) waited();
    else {
      opening.isAnswered((isAnswered) => {
        if (isAnswered) waited();
      });
    }
  }

  /** The pages that are followed, and whose replicas still lack a committed change. */
  #awaited(): number[] {
    const { changes, pages, joiner } = this.#parts;
    return pages.numbers.filter((page) => joiner.isJoined(page) && changes.outbox.isAwaited(page));
  }
}
