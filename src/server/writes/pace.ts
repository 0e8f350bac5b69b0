/*
 * Whether an instance should let writes gather a little before it commits them. A commit costs every instance that holds
 * the page, so many small ones are dear; ten milliseconds are not seen. It paces itself while it commits often and
 * pacing helps: where the batches do not grow by it, as with one writer who waits for each answer, it leaves off.
 *
 * Pure: the time is passed in.
 */

/** Between the starts of two batches of one page. */
const PACE_MS = 10;
const WINDOW_MS = 100;
/** Commits a second at which pacing begins, and under which it ends. */
const BEGIN_PER_SECOND = 150;
const END_PER_SECOND = 60;
/** Writes in a batch that make pacing worth while, and how long it is left off where there were fewer. */
const WRITES_MIN = 1.5;
const LEFT_OFF_MS = 1_000;

export class Pace {
  #windowStartMs = Number.NEGATIVE_INFINITY;
  #commits = 0;
  #writes = 0;
  #isOn = false;
  #leftOffUntilMs = Number.NEGATIVE_INFINITY;

  /** A batch of `writes` starts. */
  started(writes: number, nowMs: number): void {
    const elapsedMs = nowMs - this.#windowStartMs;
    if (elapsedMs >= WINDOW_MS) {
      this.#judge(elapsedMs, nowMs);
      this.#windowStartMs = nowMs;
      this.#commits = 0;
      this.#writes = 0;
    }
    this.#commits++;
    this.#writes += writes;
  }

  /** How long the next batch of the page should wait. */
  restMs(startedMs: number, nowMs: number): number {
    return this.#isOn ? Math.max(0, startedMs + PACE_MS - nowMs) : 0;
  }

  #judge(elapsedMs: number, nowMs: number): void {
    if (this.#isOn && this.#writes < this.#commits * WRITES_MIN) this.#leftOffUntilMs = nowMs + LEFT_OFF_MS;
    const perSecond = (this.#commits * 1_000) / elapsedMs;
    const isOften = perSecond > (this.#isOn ? END_PER_SECOND : BEGIN_PER_SECOND);
    this.#isOn = isOften && nowMs >= this.#leftOffUntilMs;
  }
}
