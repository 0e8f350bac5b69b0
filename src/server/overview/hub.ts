/*
 * Sends the watchers of a board's overview the number of checked cells of each page. A client that
 * joins gets all pages. After that, all clients get one frame with the changed pages, at most every
 * FLUSH_EVERY_MS. The numbers are absolute, so a client that does not read is skipped. When its
 * buffer has drained, it gets all pages.
 */

import type { Cancel, Clock } from "../../protocol/clock.js";
import { encodeCounts, encodeOverview, type PageCount } from "../../protocol/overview-codec.js";
import type { FanOut } from "../pages/fan-out.js";
import type { Frame, Recipient } from "../pages/recipient.js";
import type { OverviewFollower } from "./follower.js";

const FLUSH_EVERY_MS = 500;
const DRAINED_CHECK_MS = 250;
/** If a larger share of the pages has changed, the whole overview is smaller. */
const CHANGED_PART_MAX = 0.4;

export class OverviewHub {
  readonly #handle: number;
  readonly #follower: OverviewFollower;
  readonly #fanOut: FanOut;
  readonly #clock: Clock;
  readonly #members = new Set<Recipient>();
  /** Recipients that do not read fast enough. */
  readonly #lagging = new Set<Recipient>();
  readonly #changed = new Set<number>();
  #whole: Frame | undefined;
  #looking: Frame | undefined;
  #nextFlush: Cancel | undefined;
  #nextCheck: Cancel | undefined;
  #flushedMs = Number.NEGATIVE_INFINITY;

  constructor(handle: number, follower: OverviewFollower, fanOut: FanOut, clock: Clock) {
    this.#handle = handle;
    this.#follower = follower;
    this.#fanOut = fanOut;
    this.#clock = clock;
  }

  get watchers(): number {
    return this.#members.size + this.#lagging.size;
  }

  /** Resolves once all counts have been sent to the recipient. */
  async watch(recipient: Recipient): Promise<void> {
    // Claims the place immediately, so that an unwatch meanwhile can revoke it.
    this.#members.delete(recipient);
    this.#lagging.add(recipient);
    await this.#follower.ready;
    if (this.#lagging.has(recipient)) this.#join(recipient);
  }

  unwatch(recipient: Recipient): void {
    this.#members.delete(recipient);
    this.#lagging.delete(recipient);
  }

  /** The page's count has changed. */
  changed(page: number): void {
    this.#whole = undefined;
    if (this.#members.size === 0) return;
    this.#changed.add(page);
    if (this.#nextFlush) return;
    const waitMs = this.#flushedMs + FLUSH_EVERY_MS - this.#clock.now();
    // Even the first flush is delayed, to gather all changes of one message.
    this.#nextFlush = this.#clock.after(Math.max(0, waitMs), () => this.#fanOut.request(this));
  }

  /** Sends the pages with the most watchers on all instances. */
  looked(pages: readonly PageCount[]): void {
    this.#looking = { kind: "looking", looking: { handle: this.#handle, pages } };
    for (const member of this.#members) if (!member.backlogged) member.send(this.#looking);
  }

  flush(): number {
    this.#nextFlush = undefined;
    this.#flushedMs = this.#clock.now();
    if (this.#changed.size === 0) return 0;
    const frame = this.#frame();
    this.#changed.clear();
    let sent = 0;
    for (const member of this.#members) {
      if (member.backlogged) this.#setLagging(member);
      else {
        member.send(frame);
        sent++;
      }
    }
    return sent;
  }

  close(): void {
    this.#fanOut.forget(this);
    this.#nextFlush?.();
    this.#nextCheck?.();
    this.#follower.close();
  }

  #join(recipient: Recipient): void {
    if (recipient.backlogged) this.#setLagging(recipient);
    else {
      this.#lagging.delete(recipient);
      this.#members.add(recipient);
      recipient.send(this.#wholeFrame());
      if (this.#looking) recipient.send(this.#looking);
    }
  }

  #setLagging(recipient: Recipient): void {
    this.#members.delete(recipient);
    this.#lagging.add(recipient);
    this.#nextCheck ??= this.#clock.after(DRAINED_CHECK_MS, () => {
      this.#nextCheck = undefined;
      if (!this.#follower.isReady) return;
      for (const lagging of [...this.#lagging]) this.#join(lagging);
    });
  }

  #frame(): Frame {
    const { counts } = this.#follower;
    if (this.#changed.size > Math.max(1, counts.length * CHANGED_PART_MAX)) return this.#wholeFrame();
    const pages = [...this.#changed].sort((a, b) => a - b).map((page): PageCount => [page, counts[page] ?? 0]);
    return { kind: "counts", bytes: encodeCounts(this.#handle, pages) };
  }

  #wholeFrame(): Frame {
    this.#whole ??= { kind: "overview", bytes: encodeOverview(this.#handle, this.#follower.counts) };
    return this.#whole;
  }
}
