/*
 * Decides whether an instance lets writes gather briefly before it commits them. Many small commits
 * are expensive for every instance that holds the page, while nobody notices ten milliseconds. The
 * instance paces itself while it commits often and this makes its batches grow. Batches do not grow
 * if one client waits for each answer, so pacing then stops. Pure: the time is passed in.
 */

/** Minimum time between the starts of two batches of one page. */
const PACE_MS = 10;
const WINDOW_MS = 100;
/** Commits per second at which pacing begins, and below which it ends. */
const BEGIN_PER_SECOND = 150;
const END_PER_SECOND = 60;
/** Writes per batch that make pacing worthwhile. With fewer, pacing stops for STOPPED_MS. */
const WRITES_MIN = 1.5;
const STOPPED_MS = 1_000;

export class Pace {
  #windowStartMs = Number.NEGATIVE_INFINITY;
  #commits = 0;
  #writes = 0;
  #isOn = false;
  #stoppedUntilMs = Number.NEGATIVE_INFINITY;

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

  restMs(startedMs: number, nowMs: number): number {
    return this.#isOn ? Math.max(0, startedMs + PACE_MS - nowMs) : 0;
  }

  #judge(elapsedMs: number, nowMs: number): void {
    if (this.#isOn && this.#writes < this.#commits * WRITES_MIN) this.#stoppedUntilMs = nowMs + STOPPED_MS;
    const perSecond = (this.#commits * 1_000) / elapsedMs;
    const isOften = perSecond > (this.#isOn ? END_PER_SECOND : BEGIN_PER_SECOND);
    this.#isOn = isOften && nowMs >= this.#stoppedUntilMs;
  }
}
