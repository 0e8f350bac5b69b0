/*
 * The guard between an instance and code of the app around it: a hook may be slow, throw, or never answer, and what is
 * lost by that is this one answer. A Refusal that a hook throws is told to the peer as it is; anything else is told as
 * UNDECIDED and is a line in the log.
 *
 * A hook that blocks the event loop blocks the instance with it: nothing here can help that.
 */

import type { Clock } from "../../protocol/clock.js";
import { Refusal } from "../../protocol/errors.js";

/** What went wrong, for the log. */
export type HookFailed = (hook: string, error: unknown) => void;

/** A hook that is asked for a decision has so long for it. */
export const DECISION_MS_MAX = 5_000;
const RETRY_MS = 1_000;

export class Guard {
  readonly #clock: Clock;
  readonly #failed: HookFailed;

  constructor(clock: Clock, failed: HookFailed) {
    this.#clock = clock;
    this.#failed = failed;
  }

  /** What the hook decides; rejects with a Refusal and with nothing else. */
  async decide<Decision>(hook: string, ask: () => Decision | Promise<Decision>): Promise<Decision> {
    let cancel = () => {};
    const late = new Promise<never>((_, fail) => {
      cancel = this.#clock.after(DECISION_MS_MAX, () => fail(new Error(`no answer within ${DECISION_MS_MAX} ms`)));
    });
    try {
      return await Promise.race([ask(), late]);
    } catch (error) {
      if (error instanceof Refusal) throw error;
      this.#failed(hook, error);
      throw new Refusal("UNDECIDED", { retryAfterMs: RETRY_MS, cause: error });
    } finally {
      cancel();
    }
  }
}
