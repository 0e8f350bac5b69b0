/*
 * I7: a frame is encoded once for all who get it, and once more as a continuation. At one moment, an instance may send one
 * delta as at most two frames: the flush's to all members, and another to those who join there and lack just the same.
 */

import { formatPosition } from "../../src/board/position.js";
import type { Clock } from "../../src/protocol/clock.js";
import type { Message } from "../../src/server/lane/message.js";
import type { Frame } from "../../src/server/pages/recipient.js";

const FRAMES_MAX = 2;
const MESSAGES_MAX = 2;

export class EncodeCount {
  readonly #clock: Clock;
  readonly #fail: (reason: string) => void;
  readonly #frames = new Map<string, Set<Frame>>();
  readonly #messages = new WeakMap<Frame, Set<Message>>();
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
    const { page, from, to } = frame.delta;
    const key = `${instance} ${frame.handle}:${page} ${formatPosition(from)} ${formatPosition(to)}`;
    const frames = this.#frames.get(key) ?? new Set();
    this.#frames.set(key, frames.add(frame));
    if (frames.size > FRAMES_MAX) this.#fail(`${instance} encodes one delta ${frames.size} times`);
  }

  encoded(frame: Frame, message: Message): void {
    const messages = this.#messages.get(frame) ?? new Set();
    this.#messages.set(frame, messages.add(message));
    if (messages.size > MESSAGES_MAX) this.#fail(`a ${frame.kind} is encoded ${messages.size} times`);
  }
}
