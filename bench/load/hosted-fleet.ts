/*
 * A fleet whose clients live in a process of their own. Where many systems are up at once, the clients of one that is
 * overwhelmed must not keep those of the others from answering their servers' pings.
 */

import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import type { Correctness } from "./correctness.js";
import type { FleetOptions, Run } from "./fleet.js";
import type { System } from "./system.js";

export type FleetCall =
  | { readonly name: "run"; readonly rate: number; readonly seconds: number }
  | { readonly name: "judge" }
  | { readonly name: "stop" };

export type FleetAnswer =
  | { readonly kind: "started" }
  | { readonly kind: "ran"; readonly run: Run }
  | { readonly kind: "judged"; readonly correctness: Correctness }
  | { readonly kind: "stopped" }
  | { readonly kind: "failed"; readonly reason: string };

const HOST = fileURLToPath(new URL("fleet-host.ts", import.meta.url));

export class HostedFleet {
  readonly system: System;
  readonly #child: ChildProcess;

  private constructor(system: System, child: ChildProcess) {
    this.system = system;
    this.#child = child;
  }

  /** `system` is one of `comparedSystems`. */
  static async start(system: System, options: FleetOptions): Promise<HostedFleet> {
    const child = fork(HOST, [system.name, JSON.stringify(options)], {
      execArgv: ["--import", "tsx"],
      // JSON would make null of what was not measured, which is NaN.
      serialization: "advanced",
    });
    const fleet = new HostedFleet(system, child);
    try {
      await fleet.#answer("started");
      return fleet;
    } catch (error) {
      child.kill();
      throw error;
    }
  }

  async run(rate: number, seconds: number): Promise<Run> {
    this.#child.send({ name: "run", rate, seconds } satisfies FleetCall);
    return (await this.#answer("ran")).run;
  }

  async judge(): Promise<Correctness> {
    this.#child.send({ name: "judge" } satisfies FleetCall);
    return (await this.#answer("judged")).correctness;
  }

  async stop(): Promise<void> {
    if (!this.#child.connected) return;
    this.#child.send({ name: "stop" } satisfies FleetCall);
    await this.#answer("stopped");
    this.#child.disconnect();
  }

  async #answer<Kind extends FleetAnswer["kind"]>(kind: Kind): Promise<FleetAnswer & { kind: Kind }> {
    const ending = new AbortController();
    const ended = once(this.#child, "exit", { signal: ending.signal }).then(() => {
      throw new Error(`the process of ${this.system.name} ended`);
    });
    ended.catch(() => undefined);
    try {
      const [answer]: FleetAnswer[] = await Promise.race([once(this.#child, "message"), ended]);
      if (isOf(answer, kind)) return answer;
      throw new Error(answer?.kind === "failed" ? answer.reason : `${answer?.kind} instead of ${kind}`);
    } finally {
      ending.abort();
    }
  }
}

function isOf<Kind extends FleetAnswer["kind"]>(
  answer: FleetAnswer | undefined,
  kind: Kind,
): answer is FleetAnswer & { kind: Kind } {
  return answer?.kind === kind;
}
