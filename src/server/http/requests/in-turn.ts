/* Runs one reading after the other, with a bound on those that wait. */

import { Refusal } from "../../../protocol/errors.js";

export class InTurn {
  readonly #waitingMax: number;
  #waiting = 0;
  #last: Promise<unknown> = Promise.resolve();

  constructor(waitingMax: number) {
    this.#waitingMax = waitingMax;
  }

  /** Rejects with BUSY if too many wait. */
  async run<Answer>(read: () => Promise<Answer>): Promise<Answer> {
    if (this.#waiting >= this.#waitingMax) throw new Refusal("BUSY", { retryAfterMs: 1_000 });
    this.#waiting++;
    const answer = this.#last.then(read);
    this.#last = answer.catch(() => undefined);
    try {
      return await answer;
    } finally {
      this.#waiting--;
    }
  }
}
