/*
 * Decides how long an instance lets writes gather before it commits them. Two things set its pace:
 *
 * - What it commits itself. Many small commits are expensive for every instance that holds the
 *   page, while nobody notices ten milliseconds. The instance rests between batches while it
 *   commits often and this makes its batches grow. Batches do not grow if one client waits for each
 *   answer, so resting then stops.
 * - What all instances commit, for each page (bursts.ts).
 *
 * Pure: the time is passed in.
 */

import { type PageRef, pageName } from "../../board/geometry.js";
import { keepNewest } from "../../board/keep-newest.js";
import { type Answer, Bursts } from "./bursts.js";

/** Minimum time between the starts of two batches of one page. */
const PACE_MS = 10;
const WINDOW_MS = 100;
/** Commits per second at which pacing begins, and below which it ends. */
const BEGIN_PER_SECOND = 150;
const END_PER_SECOND = 60;
/** Writes per batch that make pacing worthwhile. With fewer, pacing stops for STOPPED_MS. */
const WRITES_MIN = 1.5;
const STOPPED_MS = 1_000;
/** Most pages whose messages are counted: those committed to last. */
const PAGES_MAX = 1_024;
/** Successive multiples of it are spread evenly between whole numbers. */
const GOLDEN_RATIO = (1 + Math.sqrt(5)) / 2;

export class Pace {
  readonly #pages = new Map<string, Bursts>();
  #windowStartMs = Number.NEGATIVE_INFINITY;
  #commits = 0;
  #writes = 0;
  #isOn = false;
  #stoppedUntilMs = Number.NEGATIVE_INFINITY;

  /** How long the next batch of a page must wait before it is sent. */
  waitMs(page: PageRef, nowMs: number): number {
    return this.#pages.get(pageName(page))?.waitMs(nowMs) ?? 0;
  }

  /** A batch of this many writes is being sent. */
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

  /** The batch that was sent at `startedMs` has been committed. */
  committed(page: PageRef, answer: Answer, startedMs: number, nowMs: number): void {
    const name = pageName(page);
    const bursts = this.#pages.get(name) ?? new Bursts((page.page * GOLDEN_RATIO) % 1);
    // Inserted again, as the newest.
    this.#pages.delete(name);
    this.#pages.set(name, bursts);
    keepNewest(this.#pages, PAGES_MAX);
    bursts.committed(answer, startedMs, nowMs);
  }

  /** How long to rest after a batch that was sent at `startedMs`, even if no write waits. */
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
