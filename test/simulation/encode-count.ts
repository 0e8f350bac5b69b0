/*
 * I7: a frame is encoded once for all who get it. At one moment, an instance may send one delta as at most two frames: the
 * flush's to all members, and another to those who join there and lack just the same.
 */

import type { Clock } from "../../src/protocol/clock.js";
import type { Frame } from "../../src/server/pages/recipient.js";

const FRAMES_MAX = 2;

export class EncodeCount {
  readonly #clock: Clock;
  readonly #fail: (reason: string) => void;
  readonly #frames = new Map<string, Set<Frame>>();
  #atMs = 0;

  constructor(clock: Clock, fail: (reason: string) => void) {
    this.#clock = clock;
    this.#fail = fail;
  }

  sent(instance: string, frame: Frame): void {
    if (frame.kind !== "delta") return;
    const now = this.#clock.now();
    if (now !== this.#atMs) this.#frames.clear();
    this.#atMs = now;
    const key = `${instance} ${frame.text}`;
    const frames = this.#frames.get(key) ?? new Set();
    this.#frames.set(key, frames.add(frame));
    if (frames.size > FRAMES_MAX) this.#fail(`${instance} encodes one delta ${frames.size} times`);
  }
}
