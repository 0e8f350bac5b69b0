/*
 * A fleet whose clients live in a process of their own. If many systems are running at once, the
 * overloaded clients of one must not keep those of another from answering their servers' pings.
 */

import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import type { Correctness } from "./correctness.js";
import type { FleetOptions, Run } from "./fleet.js";
import type { System } from "./system.js";

export type FleetCall = readonly ["run", rate: number, seconds: number] | readonly ["judge" | "stop"];
export type FleetAnswer = { readonly result: unknown } | { readonly failure: string };

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
      // JSON would turn NaN, which stands for "not measured", into null.
      serialization: "advanced",
    });
    const fleet = new HostedFleet(system, child);
    try {
      await fleet.#answer();
      return fleet;
    } catch (error) {
      child.kill();
      throw error;
    }
  }

  run(rate: number, seconds: number): Promise<Run> {
    return this.#call("run", rate, seconds);
  }

  judge(): Promise<Correctness> {
    return this.#call("judge");
  }

  async stop(): Promise<void> {
    if (!this.#child.connected) return;
    await this.#call("stop");
    this.#child.disconnect();
  }

  #call<Result>(...call: FleetCall): Promise<Result> {
    this.#child.send(call);
    return this.#answer();
  }

  async #answer<Result>(): Promise<Result> {
    const answered = new AbortController();
    const ended = once(this.#child, "exit", { signal: answered.signal }).then(() => {
      throw new Error(`the process of ${this.system.name} ended`);
    });
    ended.catch(() => undefined);
    try {
      const [{ result, failure }] = await Promise.race([once(this.#child, "message"), ended]);
      if (failure !== undefined) throw new Error(failure);
      return result;
    } finally {
      answered.abort();
    }
  }
}
