/*
 * The roll of instances. Each instance announces itself every few seconds and gets the records of
 * all others in return. An instance that is silent for GONE_MS is removed. The roll only informs
 * people; nothing else depends on it.
 */

export interface Announced {
  readonly id: string;
  /** The text that the instance wrote. */
  readonly record: string;
  /** Milliseconds since the instance last announced itself. */
  readonly ageMs: number;
}

export interface Roll {
  /**
   * Stores the record of an instance, or removes the instance if the record is empty. Returns all
   * records.
   */
  enroll(id: string, record: string): Promise<Announced[]>;
}

/** An id that no instance has. It lists the others without joining them. */
export const NOBODY = "-";
export const GONE_MS = 7_000;
/** Beyond this, the instances that announced themselves least recently are removed. */
export const INSTANCES_MAX = 1_000;

/** A roll in memory, for the instances in one process. */
export class LocalRoll implements Roll {
  readonly #now: () => number;
  readonly #records = new Map<string, { record: string; heardMs: number }>();

  constructor(now: () => number) {
    this.#now = now;
  }

  async enroll(id: string, record: string): Promise<Announced[]> {
    const now = this.#now();
    this.#records.delete(id);
    if (record !== "") this.#records.set(id, { record, heardMs: now });
    for (const [each, { heardMs }] of this.#records) {
      if (now - heardMs >= GONE_MS || this.#records.size > INSTANCES_MAX) this.#records.delete(each);
    }
    return Array.from(this.#records, ([each, said]) => ({ id: each, record: said.record, ageMs: now - said.heardMs }));
  }
}
