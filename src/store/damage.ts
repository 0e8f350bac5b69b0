/*
 * Pages whose stored data is not as a store writes it, as after an edit by hand or half a restore.
 * Such a page is refused, and the others keep working. It is reported once, and again when valid.
 */

import { type PageRef, pageName } from "../board/geometry.js";
import { keepNewest } from "../board/keep-newest.js";

/** The stored data of a page is not valid. Every request fails until it is repaired. */
export class DamagedPage extends Error {
  constructor(message: string, cause?: unknown) {
    super(message, { cause });
    this.name = "DamagedPage";
  }
}

/** The parts of a page do not fit each other, as after an eviction. It can be repaired. */
export class MisfitPage extends Error {
  constructor(message: string, cause?: unknown) {
    super(message, { cause });
    this.name = "MisfitPage";
  }
}

/** For requests that concern no page: DamagedPage would count as reported. */
export function ofNoPage(key: string): (error: unknown) => never {
  return (error) => {
    if (!(error instanceof DamagedPage)) throw error;
    throw new Error(`the data stored at ${key} is not valid: delete it`, { cause: error.cause });
  };
}

/** Damages remembered as reported. With more, the oldest may be reported again. */
const REPORTED_MAX = 1_000;

export class Damages {
  readonly #incident: (message: string, cause?: unknown) => void;
  readonly #reported = new Map<string, true>();

  constructor(incident: (message: string, cause?: unknown) => void) {
    this.#incident = incident;
  }

  /** Notes whether `what` of a page, or of something else with a name, was found valid. */
  found(of: PageRef | string, what: string, isValid: boolean, cause?: unknown): void {
    const name = `${what} of ${typeof of === "string" ? of : `page ${pageName(of)}`}`;
    if (isValid) {
      if (this.#reported.delete(name)) this.#incident(`the ${name} is valid again`);
      return;
    }
    if (this.#reported.has(name)) return;
    this.#reported.set(name, true);
    keepNewest(this.#reported, REPORTED_MAX);
    this.#incident(`the ${name} is not valid in the store and is left out: restore or delete it`, cause);
  }
}
