/*
 * How much is published to a connection. Where it is much, leaving it unread for a while would hold it back: a doze is read
 * in one piece of 64 KiB, and what the kernel does not keep waits in the server, which ends a subscriber that is too far
 * behind. There, waking up is not what costs anyway.
 *
 * Pure: the time is passed in.
 */

const WINDOW_MS = 200;
/** Characters a second: of a doze of 60 ms no more than the kernel keeps, by far. */
const NARROW_PER_SECOND = 262_144;

export class Stream {
  #windowStartMs = 0;
  #characters = 0;
  #isBroad = false;

  heard(characters: number): void {
    this.#characters += characters;
  }

  /** As the last window was. */
  isBroad(nowMs: number): boolean {
    const elapsedMs = nowMs - this.#windowStartMs;
    if (elapsedMs >= WINDOW_MS) {
      this.#isBroad = (this.#characters * 1_000) / elapsedMs > NARROW_PER_SECOND;
      this.#windowStartMs = nowMs;
      this.#characters = 0;
    }
    return this.#isBroad;
  }
}
