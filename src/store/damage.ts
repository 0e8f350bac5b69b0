/*
 * Pages whose stored data is not what a store writes, for example after a manual edit or a partial
 * restore. Requests for such a page are refused; other pages keep working. The damage is reported
 * once, and so is its repair.
 */

import { type PageRef, pageName } from "../board/geometry.js";
import { keepNewest } from "../board/keep-newest.js";

/** The stored data of a page is invalid. Every request for the page fails until it is repaired. */
export class DamagedPage extends Error {
  constructor(message: string, cause?: unknown) {
    super(message, { cause });
    this.name = "DamagedPage";
  }
}

/**
 * The parts of a page are inconsistent, for example after an eviction. The page can be repaired.
 */
export class MisfitPage extends Error {
  constructor(message: string, cause?: unknown) {
    super(message, { cause });
    this.name = "MisfitPage";
  }
}

/** For requests that do not concern a page, because a DamagedPage counts as reported already. */
export function ofNoPage(key: string): (error: unknown) => never {
  return (error) => {
    if (!(error instanceof DamagedPage)) throw error;
    throw new Error(`the data stored at ${key} is not valid: delete it`, { cause: error.cause });
  };
}

/** Damages remembered as reported. Beyond this, the oldest may be reported again. */
const REPORTED_MAX = 1_000;

export class Damages {
  readonly #incident: (message: string, cause?: unknown) => void;
  readonly #reported = new Map<string, true>();

  constructor(incident: (message: string, cause?: unknown) => void) {
    this.#incident = incident;
  }

  /** Records by the outcome of `read` whether `what` of a page is valid. Settles as `read` does. */
  judge<Result>(page: PageRef, what: string, read: Promise<Result>): Promise<Result> {
    return read.then(
      (result) => {
        this.found(page, what, true);
        return result;
      },
      (error: unknown) => {
        if (error instanceof DamagedPage) this.found(page, what, false, error);
        throw error;
      },
    );
  }

  /** Records whether `what` of a page, or of another named thing, is valid. */
  found(of: PageRef | string, what: string, isValid: boolean, cause?: unknown): void {
    if (isValid && this.#reported.size === 0) return;
    const name = `${what} of ${typeof of === "string" ? of : `page ${pageName(of)}`}`;
    if (isValid) {
      if (this.#reported.delete(name)) this.#incident(`the ${name} is valid again`);
      return;
    }
    this.#once(name, `the ${name} is not valid in the store and is ignored: restore or delete it`, cause);
  }

  /** Reports that a channel delivered something other than the messages of a store. */
  strayMessage(channel: string): void {
    const text = `a message on the ${channel} is not valid and was ignored: check which program publishes there`;
    this.#once(`channel ${channel}`, text);
  }

  #once(key: string, message: string, cause?: unknown): void {
    if (this.#reported.has(key)) return;
    this.#reported.set(key, true);
    keepNewest(this.#reported, REPORTED_MAX);
    this.#incident(message, cause);
  }
}
