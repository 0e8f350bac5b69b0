/*
 * Leaves a subscriber connection unread for a moment, so that the messages of that moment wake the
 * process once. What arrives waits in the kernel.
 *
 * A connection with much traffic is always read. A doze is read in one piece of 64 KiB, and what
 * exceeds the kernel's buffer waits in the server, which ends a subscriber that falls too far
 * behind. With that much traffic, waking up is not the cost anyway.
 */

import { type Cancel, realClock } from "../../protocol/clock.js";
import { leaveUnread, type Unread } from "./unread.js";

const WINDOW_MS = 200;
/** Far below what the kernel keeps of a doze of 60 ms. */
const CHARACTERS_PER_SECOND_MAX = 262_144;

export class Doze {
  #unread: Unread | undefined;
  #cancel: Cancel | undefined;
  #windowStartMs = 0;
  #characters = 0;
  #isBusy = false;

  heard(characters: number): void {
    this.#characters += characters;
  }

  begin(socket: object, ms: number): void {
    if (this.#measure()) return;
    this.#cancel?.();
    this.#unread ??= leaveUnread(socket);
    if (this.#unread) this.#cancel = realClock.after(ms, () => this.end());
  }

  end(): void {
    this.#cancel?.();
    const unread = this.#unread;
    this.#unread = undefined;
    unread?.read();
  }

  /** Whether the last whole window had much traffic. */
  #measure(): boolean {
    const elapsedMs = realClock.now() - this.#windowStartMs;
    if (elapsedMs >= WINDOW_MS) {
      this.#isBusy = (this.#characters * 1_000) / elapsedMs > CHARACTERS_PER_SECOND_MAX;
      this.#windowStartMs += elapsedMs;
      this.#characters = 0;
    }
    return this.#isBusy;
  }
}
