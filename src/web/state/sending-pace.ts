/* Says how long the changes that wait will take. */

/** Long enough to even out single writes. */
const WINDOW_MS = 5_000;
/** A pace that is known for a shorter time is no pace. */
const KNOWN_MS = 1_000;

/** How fast waiting changes leave, judged by how many wait at each moment. */
export class SendingPace {
  readonly #left: { readonly ms: number; readonly count: number }[] = [];
  #waiting = 0;
  #sinceMs: number | undefined;

  /** So many changes wait now. New ones may have come meanwhile, so only falls count. */
  note(waiting: number, nowMs: number): void {
    if (waiting === 0) {
      this.#sinceMs = undefined;
      this.#left.length = 0;
    } else {
      this.#sinceMs ??= nowMs;
      // The time that the first changes took is unknown.
      if (waiting < this.#waiting && nowMs > this.#sinceMs)
        this.#left.push({ ms: nowMs, count: this.#waiting - waiting });
      while ((this.#left[0]?.ms ?? nowMs) <= nowMs - WINDOW_MS) this.#left.shift();
    }
    this.#waiting = waiting;
  }

  /** Seconds until nothing waits; undefined while that is not known. */
  secondsToGo(nowMs: number): number | undefined {
    if (this.#sinceMs === undefined || nowMs - this.#sinceMs < KNOWN_MS) return undefined;
    const left = this.#left.reduce((sum, { count }) => sum + count, 0);
    const seconds = Math.min(WINDOW_MS, nowMs - this.#sinceMs) / 1_000;
    return left === 0 ? undefined : Math.ceil((this.#waiting * seconds) / left);
  }
}
