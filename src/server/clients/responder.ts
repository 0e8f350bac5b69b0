/*
 * Answers the requests of one client, in either protocol. It turns failures into answers, bounds
 * the rate and number of requests, and closes a connection that keeps sending bad requests. The
 * bounds belong to the connection (allowance.ts), so several responders on one connection share
 * them.
 */

import { type ErrorBody, type ErrorCode, Refusal, refusalOf } from "../../protocol/errors.js";
import type { Reply } from "../../protocol/events.js";
import type { Instance } from "../instance/instance.js";
import type { Allowance } from "../limits/allowance.js";

/**
 * Weights of refusals that a well-behaved client may cause. Others weigh 1, or nothing if the same
 * request may succeed later.
 */
const WEIGHTS: Partial<Record<ErrorCode, number>> = {
  // The client may be too fast.
  RATE_LIMITED: 0.1,
  // A host app refuses some cells of a write without naming them. The library searches for them.
  FORBIDDEN: 0.1,
  // Others may take every cell that a user tries. The rate of writes bounds how often.
  TAKEN: 0,
  PARTLY_TAKEN: 0,
};
const IN_PROGRESS_MAX = 256;

/** Throws, or calls `settle` once: with its result, or with what went wrong. */
export type Request<Result> = (settle: (outcome: Result | Error) => void) => void;

/** For a request whose result may be late. */
export function settleWith<Result>(result: Promise<Result>, settle: (outcome: Result | Error) => void): void {
  result.then(settle, (error: unknown) => settle(errorOf(error)));
}

function run<Result>(request: Request<Result>, settle: (outcome: Result | Error) => void): void {
  try {
    request(settle);
  } catch (error) {
    settle(errorOf(error));
  }
}

function errorOf(error: unknown): Error {
  return error instanceof Error ? error : new Error(String(error));
}

interface Ending {
  /** Tells the client why its connection ends, and ends it. */
  goodbye(error: ErrorBody): void;
}

export class Responder {
  readonly #instance: Instance;
  readonly #allowance: Allowance;
  readonly #end: Ending;
  #inProgress = 0;
  #isFinishing = false;
  #finished: (() => void) | undefined;
  #isEnded = false;

  constructor(instance: Instance, allowance: Allowance, end: Ending) {
    this.#instance = instance;
    this.#allowance = allowance;
    this.#end = end;
  }

  /**
   * Runs a request and calls `reply` once: with its result, or with the error to answer with. A
   * request that neither waits for its turn nor for anything else is answered before this returns.
   */
  answer<Result>(request: Request<Result>, reply: (reply: Reply<Result>) => void): void {
    const { requests, turns } = this.#allowance;
    this.#inProgress++;
    this.#allowance.inProgress++;
    let isSettled = false;
    const settle = (outcome: Result | Error) => {
      // A request that throws after it was answered must not be counted twice.
      if (isSettled) return;
      isSettled = true;
      this.#inProgress--;
      this.#allowance.inProgress--;
      reply(outcome instanceof Error ? { error: this.#refuse(outcome) } : outcome);
      if (this.#isFinishing && this.#inProgress === 0) this.#finished?.();
    };
    if (this.#isFinishing) {
      settle(new Refusal("GOING_AWAY"));
      return;
    }
    const waitMs = requests.take(1, this.#instance.clock.now());
    if (waitMs > 0) {
      settle(new Refusal("RATE_LIMITED", { retryAfterMs: waitMs }));
      return;
    }
    if (this.#allowance.inProgress > IN_PROGRESS_MAX) {
      settle(new Refusal("BUSY", { retryAfterMs: 1_000 }));
      return;
    }
    const turn = turns.take();
    if (turn) void turn.then(() => run(request, settle));
    else run(request, settle);
  }

  /** Refuses further requests with GOING_AWAY. Resolves when the others have been answered. */
  finish(): Promise<void> {
    this.#isFinishing = true;
    return new Promise((done) => {
      this.#finished = done;
      if (this.#inProgress === 0) done();
    });
  }

  /** Counts a message that cannot be answered, and returns the error for it. */
  reject(detail: string): ErrorBody {
    return this.#refuse(new Refusal("BAD_REQUEST", { detail }));
  }

  #refuse(error: unknown): ErrorBody {
    const refusal = refusalOf(error);
    if (refusal.code === "INTERNAL") this.#instance.failed(error, "a request failed");
    this.#instance.metrics.refused(refusal.code);
    const strike = WEIGHTS[refusal.code] ?? Number(!refusal.rule.retry);
    if (this.#allowance.strikes.take(strike, this.#instance.clock.now()) > 0) this.#giveUp();
    return refusal.toBody();
  }

  #giveUp(): void {
    if (this.#isEnded) return;
    this.#isEnded = true;
    this.#instance.admission.offended(this.#allowance.address);
    this.#end.goodbye(new Refusal("TOO_MANY_ERRORS").toBody());
  }
}
