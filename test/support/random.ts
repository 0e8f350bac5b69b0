/* Chance from a seed: Mulberry32, a small generator that passes the usual tests. */

export class Random {
  #state: number;

  constructor(seed: number) {
    this.#state = seed >>> 0;
  }

  /** 0 ≤ x < 1. */
  next(): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let mixed = this.#state;
    mixed = Math.imul(mixed ^ (mixed >>> 15), mixed | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  }

  /** min ≤ x < max. */
  between(min: number, max: number): number {
    return min + this.next() * (max - min);
  }

  /** A whole number, min ≤ n ≤ max. */
  whole(min: number, max: number): number {
    return Math.floor(this.between(min, max + 1));
  }

  chance(probability: number): boolean {
    return this.next() < probability;
  }

  pick<Item>(items: readonly Item[]): Item {
    const picked = items[Math.floor(this.next() * items.length)];
    if (picked === undefined) throw new RangeError("nothing to pick from");
    return picked;
  }

  shuffle<Item>(items: readonly Item[]): Item[] {
    const keyed = items.map((item) => ({ item, key: this.next() }));
    return keyed.sort((a, b) => a.key - b.key).map(({ item }) => item);
  }

  /** Another generator, so that what one part draws does not shift what another gets. */
  fork(): Random {
    return new Random(this.whole(0, 2 ** 32 - 1));
  }
}

/** The generator as a function, where nothing but its numbers is wanted. */
export function mulberry(seed: number): () => number {
  const random = new Random(seed);
  return () => random.next();
}
