/*
 * The sequence numbers that each page has taken from sessions (seen.ts). A page remembers sessions
 * in two generations. When the newer one is old enough or full, the older one is dropped.
 */

import type { Database, Key, RootDatabase } from "lmdb";
import { type PageRef, pageName } from "../../board/geometry.js";
import { NOTHING_SEEN, type Seen, takeSeq } from "../seen.js";
import type { StoreLimits, Write, WriteOutcome } from "../store.js";

/** Both in milliseconds: `now` since 1970, `elapsed` by a clock that never jumps. */
type Clocks = Readonly<Record<"now" | "elapsed", () => number>>;

export class Sessions {
  readonly #seen: Database<Seen, Key>;
  readonly #limits: StoreLimits;
  readonly #clocks: Clocks;
  /**
   * Page -> its current generation, with its start by `elapsed`. After a restart its age counts
   * from the first commit, so a generation may live longer, never shorter.
   */
  readonly #generations = new Map<string, { sessions: number; sinceMs: number }>();

  constructor(root: RootDatabase, limits: StoreLimits, clocks: Clocks) {
    this.#seen = root.openDB({ name: "seen" });
    this.#limits = limits;
    this.#clocks = clocks;
  }

  take(ref: PageRef, generation: number, { session, seq }: Write, isFrozen: boolean): WriteOutcome {
    if (session === "") return isFrozen ? "frozen" : "accepted";
    const newer = [ref.board, ref.page, generation, session];
    const older = [ref.board, ref.page, 1 - generation, session];
    const current = this.#seen.get(newer);
    const seen = current ?? this.#seen.get(older) ?? NOTHING_SEEN;
    const after = takeSeq(seen, seq);
    if (after.outcome === "accepted" && isFrozen) return "frozen";
    if (after.seen === seen) return after.outcome;
    this.#seen.put(newer, after.seen);
    const counted = this.#generations.get(pageName(ref));
    if (!current && counted) counted.sessions++;
    return after.outcome;
  }

  /** Begins a new generation of the page if it is due. True if it did. */
  rotate(ref: PageRef, page: { generation: number; generationStart: number }): boolean {
    const now = this.#clocks.elapsed();
    const range = (generation: number) => ({
      start: [ref.board, ref.page, generation],
      end: [ref.board, ref.page, generation + 1],
    });
    const name = pageName(ref);
    // Counted once per page and process, then updated by `take`.
    const current = this.#generations.get(name) ?? {
      sessions: this.#seen.getKeysCount(range(page.generation)),
      sinceMs: now,
    };
    this.#generations.set(name, current);
    const { seenMs, seenSessionsMax } = this.#limits;
    if (now - current.sinceMs <= seenMs && current.sessions <= seenSessionsMax) return false;
    this.#generations.set(name, { sessions: 0, sinceMs: now });
    page.generation = 1 - page.generation;
    page.generationStart = this.#clocks.now();
    for (const key of this.#seen.getKeys(range(page.generation))) this.#seen.remove(key);
    return true;
  }

  /** Makes the sessions of this page, or of all pages, be counted again. */
  forgetCounts(ref?: PageRef): void {
    if (ref) this.#generations.delete(pageName(ref));
    else this.#generations.clear();
  }
}
