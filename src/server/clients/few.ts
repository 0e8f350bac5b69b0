/*
 * A map that is small while it has one entry. Most clients have one board open and watch one page
 * of it. A Map for one entry would take four times as much memory.
 */

export class Few<Key, Value> {
  #key: Key | undefined;
  #value: Value | undefined;
  /** All entries, once there was more than one. */
  #all: Map<Key, Value> | undefined;

  get size(): number {
    if (this.#all) return this.#all.size;
    return this.#key === undefined ? 0 : 1;
  }

  get(key: Key): Value | undefined {
    if (this.#all) return this.#all.get(key);
    return this.#key === key ? this.#value : undefined;
  }

  set(key: Key, value: Value): void {
    if (this.#all) this.#all.set(key, value);
    else if (this.#key === undefined || this.#key === key) {
      this.#key = key;
      this.#value = value;
    } else {
      this.#all = new Map();
      if (this.#value !== undefined) this.#all.set(this.#key, this.#value);
      this.#all.set(key, value);
      this.#key = undefined;
      this.#value = undefined;
    }
  }

  delete(key: Key): void {
    if (this.#all) this.#all.delete(key);
    else if (this.#key === key) {
      this.#key = undefined;
      this.#value = undefined;
    }
  }

  /** A copy, so entries may be deleted meanwhile. */
  keys(): Key[] {
    if (this.#all) return [...this.#all.keys()];
    return this.#key === undefined ? [] : [this.#key];
  }
}
