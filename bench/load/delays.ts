/*
 * A histogram of delays in tenths of a millisecond, up to 60 s; longer ones count as 60 s. It must
 * be very cheap: the harness records millions per second on the machine of the systems that it
 * measures.
 */

const PER_MS = 10;
const TENTHS_MAX = 60_000 * PER_MS;

export class Delays {
  readonly #counts = new Uint32Array(TENTHS_MAX + 1);
  #count = 0;

  record(ms: number): void {
    this.#count++;
    const tenth = Math.min(TENTHS_MAX, Math.max(0, Math.round(ms * PER_MS)));
    this.#counts[tenth] = (this.#counts[tenth] ?? 0) + 1;
  }

  get count(): number {
    return this.#count;
  }

  /** Pairs of a tenth and its count, for another process. */
  get counts(): [tenth: number, count: number][] {
    return Array.from(this.#counts.entries()).filter(([, count]) => count > 0);
  }

  add(counts: readonly (readonly [tenth: number, count: number])[]): void {
    for (const [tenth, count] of counts) {
      this.#counts[tenth] = (this.#counts[tenth] ?? 0) + count;
      this.#count += count;
    }
  }

  /** Milliseconds; NaN if nothing was recorded. `part` from 0 to 100. */
  percentile(part: number): number {
    let left = Math.ceil((this.#count * part) / 100);
    for (let tenth = 0; tenth <= TENTHS_MAX && left > 0; tenth++) {
      left -= this.#counts[tenth] ?? 0;
      if (left <= 0) return tenth / PER_MS;
    }
    return Number.NaN;
  }

  clear(): void {
    this.#counts.fill(0);
    this.#count = 0;
  }
}
