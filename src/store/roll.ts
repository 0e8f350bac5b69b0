/*
 * The roll of instances. Each announces itself every few seconds, and gets the records of all
 * others in return. An instance that is silent for GONE_MS is removed. The roll only informs
 * people.
 */

export interface Announced {
  readonly id: string;
  /** As the instance wrote it. */
  readonly record: string;
  /** Since it was heard. */
  readonly ageMs: number;
}

export interface Roll {
  /** Notes the record of an instance; an empty one means that it goes. Returns all records. */
  enroll(id: string, record: string): Promise<Announced[]>;
}

export const GONE_MS = 7_000;
/** The instances heard least recently go first. */
export const INSTANCES_MAX = 1_000;

/** The roll of one process. */
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
