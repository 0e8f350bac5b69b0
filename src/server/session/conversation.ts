/*
 * What every conversation with an untrusted peer needs, whatever its protocol: answers to requests that fail, a bound on
 * the rate of requests and on those under way, turns with everybody else, and an end for a peer that only sends rubbish.
 * The bounds are those of the connection (allowance.ts), whatever number of conversations it carries.
 */

import { type ErrorBody, type ErrorCode, Refusal, refusalOf } from "../../protocol/errors.js";
import type { Instance } from "../instance/instance.js";
import type { Allowance } from "../limits/allowance.js";

/**
 * What a peer in good faith may run into counts so much beside a bad request: it is too fast, or an
 * app forbids some cells of a write without naming them, and the library looks for them.
 */
const LIGHT_STRIKE = 0.1;
const LIGHT: ReadonlySet<ErrorCode> = new Set(["RATE_LIMITED", "FORBIDDEN"]);
const UNDER_WAY_MAX = 256;

export class Conversation {
  readonly #instance: Instance;
  readonly #allowance: Allowance;
  readonly #end: (error: ErrorBody) => void;
  #underWay = 0;
  #isFinishing = false;
  #finished: () => void = () => undefined;
  #isEnded = false;

  /** `end` closes the connection with a reason. */
  constructor(instance: Instance, allowance: Allowance, end: (error: ErrorBody) => void) {
    this.#instance = instance;
    this.#allowance = allowance;
    this.#end = end;
  }

  /** Runs one request; gives its result or the error to answer with. Never rejects. */
  async answer<Result>(request: () => Promise<Result>): Promise<Result | { error: ErrorBody }> {
    this.#underWay++;
    this.#allowance.underWay++;
    try {
      if (this.#isFinishing) throw new Refusal("GOING_AWAY");
      const waitMs = this.#allowance.requests.take(1, this.#instance.clock.now());
      if (waitMs > 0) throw new Refusal("RATE_LIMITED", { retryAfterMs: waitMs });
      if (this.#allowance.underWay > UNDER_WAY_MAX) throw new Refusal("BUSY", { retryAfterMs: 1_000 });
      const turn = this.#allowance.turns.take();
      if (turn) await turn;
      return await request();
    } catch (error) {
      return { error: this.#refuse(error) };
    } finally {
      this.#underWay--;
      this.#allowance.underWay--;
      if (this.#isFinishing && this.#underWay === 0) this.#finished();
    }
  }

  /** Refuses what comes from now on with GOING_AWAY; resolves when what is under way has its answer. */
  finish(): Promise<void> {
    this.#isFinishing = true;
    return new Promise((done) => {
      this.#finished = done;
      if (this.#underWay === 0) done();
    });
  }

  /** Counts something that cannot even be answered. */
  reject(detail: string): ErrorBody {
    return this.#refuse(new Refusal("BAD_REQUEST", { detail }));
  }

  #refuse(error: unknown): ErrorBody {
    const refusal = refusalOf(error);
    if (refusal.code === "INTERNAL") this.#instance.failed(error, "a request failed");
    this.#instance.metrics.refused(refusal.code);
    if (this.#allowance.strikes.take(strikeOf(refusal), this.#instance.clock.now()) > 0) this.#giveUp();
    return refusal.toBody();
  }

  #giveUp(): void {
    if (this.#isEnded) return;
    this.#isEnded = true;
    this.#instance.admission.offended(this.#allowance.address);
    this.#end(new Refusal("TOO_MANY_ERRORS").toBody());
  }
}

function strikeOf({ code, rule }: Refusal): number {
  if (LIGHT.has(code)) return LIGHT_STRIKE;
  return rule.retry ? 0 : 1;
}
