/*
 * Bursts decide when an instance sends its next batch of one page, if many instances write to that
 * page. The store sends every commit to every instance that holds the page. If 100 instances commit
 * 50 times a second each, every one of them receives 5,000 messages a second. Sent one by one, each
 * message costs the store a system call per subscriber. So all commit at the same moments:
 *
 *     store's clock   0 ms                       56 ms                      112 ms
 *     instance a      |█ · · ·  writes gather  · |█ · · · · · · · · · · · · |█
 *     instance b      |█ · · · · · · · · · · · · |█ · · · · · · · · · · · · |█
 *                      └ one burst: the store sends a subscriber all its messages in one call
 *
 * **How busy the page is.** Each delta raises the page's version by one. So the versions in the
 * answers to an instance's own commits show how many messages all instances caused since. Messages
 * that are received late or left unread cannot distort this.
 *
 * **How long the interval is.** It grows with the number of instances that write: all messages,
 * divided by those of our own commits. There is no interval for a page with few writers or few
 * messages.
 *
 * **When the moments are.** They are multiples of the interval on the store's clock, which each
 * answer contains. A wrong clock costs the store CPU and nothing else. Longer intervals are
 * multiples of shorter ones, so instances with different intervals still meet.
 *
 * Pure: the time is passed in.
 */

/**
 * A click waits for an interval once, and then for the flush. None equals the longest flush that
 * nobody notices (60 ms): a flush would come just before the burst each time.
 */
const INTERVALS_MS = [56, 28, 14] as const;
/** Messages per second of a page at which bursts begin, and below which they end. */
const BEGIN_PER_SECOND = 500;
const END_PER_SECOND = 200;
const WINDOW_MS = 250;
/** A judgement is not used for longer. So the first write after a quiet time leaves immediately. */
const VALID_MS = 2_000;

/** The answer to a commit. */
export interface Answer {
  readonly version: number;
  /** The store's clock at the commit, if the store has one. */
  readonly storeMs: number | undefined;
}

export class Bursts {
  readonly #phaseMs: number;
  // The first answer only begins a window: it shows no messages.
  #windowStartMs = Number.NEGATIVE_INFINITY;
  #windowVersion = Number.POSITIVE_INFINITY;
  #commits = 0;
  /** The least that the store's clock was ahead when it ran a commit, counted from its sending. */
  #windowAheadMs = Number.POSITIVE_INFINITY;
  #aheadMs: number | undefined;
  #intervalMs = 0;
  #judgedMs = Number.NEGATIVE_INFINITY;
  #startedMs = Number.NEGATIVE_INFINITY;

  /** `phase`, 0 to 1, moves the moments of this page, so that pages take turns. */
  constructor(phase = 0) {
    // The same for all intervals, so that the moments of longer ones are moments of shorter ones.
    this.#phaseMs = phase * INTERVALS_MS[0];
  }

  /** How long the next batch must wait. */
  waitMs(nowMs: number): number {
    const intervalMs = nowMs - this.#judgedMs < VALID_MS ? this.#intervalMs : 0;
    if (intervalMs === 0) return 0;
    if (this.#aheadMs === undefined) return Math.max(0, this.#startedMs + intervalMs - nowMs);
    // A timer may fire a moment early, and one moment must not be used twice.
    const earliestMs = Math.max(nowMs, this.#startedMs + intervalMs / 2);
    const firstMs = this.#phaseMs - this.#aheadMs;
    return firstMs + Math.ceil((earliestMs - firstMs) / intervalMs) * intervalMs - nowMs;
  }

  /** A batch that was sent at `startedMs` has been committed. */
  committed({ version, storeMs }: Answer, startedMs: number, nowMs: number): void {
    this.#startedMs = startedMs;
    this.#commits++;
    if (storeMs !== undefined) this.#windowAheadMs = Math.min(this.#windowAheadMs, storeMs - startedMs);
    const elapsedMs = nowMs - this.#windowStartMs;
    if (elapsedMs < WINDOW_MS) return;
    this.#judge(version - this.#windowVersion, elapsedMs);
    this.#judgedMs = nowMs;
    this.#windowStartMs = nowMs;
    this.#windowVersion = version;
    this.#commits = 0;
    this.#windowAheadMs = Number.POSITIVE_INFINITY;
  }

  #judge(messages: number, elapsedMs: number): void {
    this.#aheadMs = Number.isFinite(this.#windowAheadMs) ? this.#windowAheadMs : undefined;
    const perSecond = (messages * 1_000) / elapsedMs;
    const isBusy = perSecond > (this.#intervalMs > 0 ? END_PER_SECOND : BEGIN_PER_SECOND);
    const writers = messages / this.#commits;
    const wantedMs = (writers * 1_000) / BEGIN_PER_SECOND;
    this.#intervalMs = isBusy ? (INTERVALS_MS.find((ms) => ms <= wantedMs) ?? 0) : 0;
  }
}
