/*
 * Recipients that do not read fast enough, each with the position of the last frame sent to it.
 * Each costs a map entry and no queue. A recipient whose buffer drains is handed back. If the
 * buffer does not drain within LAGGING_MS_MAX, the recipient is closed.
 */

import type { Position } from "../../board/position.js";
import type { Cancel, Clock } from "../../protocol/clock.js";
import type { Recipient } from "./recipient.js";

const CHECK_MS = 25;
const LAGGING_MS_MAX = 60_000;

export class Lagging {
  readonly #clock: Clock;
  readonly #drained: (recipient: Recipient, position: Position) => void;
  readonly #entries = new Map<Recipient, { position: Position; sinceMs: number }>();
  #cancel: Cancel | undefined;

  constructor(clock: Clock, drained: (recipient: Recipient, position: Position) => void) {
    this.#clock = clock;
    this.#drained = drained;
  }

  get size(): number {
    return this.#entries.size;
  }

  add(recipient: Recipient, position: Position): void {
    this.#entries.set(recipient, { position, sinceMs: this.#clock.now() });
    this.#cancel ??= this.#clock.after(CHECK_MS, () => this.#check());
  }

  delete(recipient: Recipient): void {
    this.#entries.delete(recipient);
  }

  close(): void {
    this.#entries.clear();
    this.#cancel?.();
  }

  #check(): void {
    this.#cancel = undefined;
    const now = this.#clock.now();
    for (const [recipient, { position, sinceMs }] of this.#entries) {
      if (!recipient.backlogged) {
        this.#entries.delete(recipient);
        this.#drained(recipient, position);
      } else if (now - sinceMs > LAGGING_MS_MAX) {
        this.#entries.delete(recipient);
        recipient.giveUp();
      }
    }
    if (this.#entries.size > 0) this.#cancel ??= this.#clock.after(CHECK_MS, () => this.#check());
  }
}
