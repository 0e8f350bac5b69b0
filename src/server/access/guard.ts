/*
 * Protects an instance from the hooks of its host app. If a hook is slow, throws or never answers,
 * only that one answer is lost. A Refusal from a hook is sent to the peer unchanged. Any other
 * error is sent as UNDECIDED and logged. It cannot help against a hook that blocks the event loop.
 */

import { type Clock, within } from "../../protocol/clock.js";
import { Refusal } from "../../protocol/errors.js";

export type HookFailed = (hook: string, error: unknown) => void;

export const DECISION_MS_MAX = 5_000;
const RETRY_MS = 1_000;

export class Guard {
  readonly #clock: Clock;
  readonly #failed: HookFailed;

  constructor(clock: Clock, failed: HookFailed) {
    this.#clock = clock;
    this.#failed = failed;
  }

  /** Rejects only with a Refusal. */
  async decide<Decision>(hook: string, ask: () => Decision | Promise<Decision>): Promise<Decision> {
    const late = () => new Error(`no answer within ${DECISION_MS_MAX} ms`);
    try {
      return await within(this.#clock, DECISION_MS_MAX, Promise.resolve(ask()), late);
    } catch (error) {
      if (error instanceof Refusal) throw error;
      this.#failed(hook, error);
      throw new Refusal("UNDECIDED", { retryAfterMs: RETRY_MS, cause: error });
    }
  }
}
