/* The transports that are left alone for a time, at each URL, because they led nowhere. */

import type { Clock } from "../../protocol/clock.js";

/** A transport that hung is avoided for this long. */
export const HUNG_MS = 600_000;
/** If the lane led nowhere, or only Socket.IO got through, the lane is avoided for this long. */
export const NO_LANE_MS = 60_000;

type Transport = "feed" | "lane" | "websocket";

export class Avoided {
  readonly #clock: Clock;
  /** Transport and URL -> until when. */
  readonly #untilMs = new Map<string, number>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  has(transport: Transport, url: string): boolean {
    return this.#clock.now() < this.#untilOf(transport, url);
  }

  /** Unless it is avoided for longer already. */
  add(transport: Transport, url: string, ms: number): void {
    const untilMs = Math.max(this.#untilOf(transport, url), this.#clock.now() + ms);
    this.#untilMs.set(`${transport} ${url}`, untilMs);
  }

  #untilOf(transport: Transport, url: string): number {
    return this.#untilMs.get(`${transport} ${url}`) ?? 0;
  }
}
