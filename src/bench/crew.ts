/*
 * The workers as one. They are threads rather than processes: threads share the probes' memory and
 * one clock, and hand over Node's histograms, which processes cannot.
 */

import { Worker } from "node:worker_threads";
import type { Report, Share, TallyReport } from "./messages.js";
import { Probes } from "./probes.js";
import type { Scenario } from "./scenario.js";
import type { Call, Swarm } from "./swarm.js";

/** Next to the compiled code or, when run from sources, in dist: a thread does not compile. */
const WORKER = new URL(import.meta.url.endsWith(".ts") ? "../../dist/bench/worker.js" : "./worker.js", import.meta.url);

type Answer<Name extends Call["name"]> = Awaited<ReturnType<Swarm[Name]>>;

export class Crew {
  readonly #workers: readonly Worker[];
  readonly #failed: Promise<never>;

  constructor(scenario: Scenario, cells: number, take: (worker: number, report: TallyReport) => void) {
    const probes = Probes.memory(cells);
    this.#workers = Array.from({ length: scenario.workers }, (_, worker) => {
      const workerData: Share = { scenario, worker, cells, probes };
      const thread = new Worker(WORKER, { workerData, execArgv: [] });
      thread.on("message", (report: Report) => {
        if (report.kind === "tally") take(worker, report);
      });
      return thread;
    });
    this.#failed = new Promise((_, fail) => {
      for (const worker of this.#workers) worker.once("error", fail);
    });
    this.#failed.catch(() => undefined);
  }

  /** Calls a method of every worker's swarm; rejects if a worker fails. One call at a time. */
  call<Name extends Call["name"]>(name: Name, ...args: Parameters<Swarm[Name]>): Promise<Answer<Name>[]> {
    const answers = this.#workers.map(
      (worker) =>
        new Promise<Answer<Name>>((done) => {
          const listen = (report: Report) => {
            if (report.kind !== "answer") return;
            worker.off("message", listen);
            done(report.answer as Answer<Name>);
          };
          worker.on("message", listen);
          worker.postMessage({ name, args } satisfies Call);
        }),
    );
    return Promise.race([Promise.all(answers), this.#failed]);
  }

  /** Disconnects the clients first if the workers still answer. */
  async close(isOrderly: boolean): Promise<void> {
    if (isOrderly) await this.call("close");
    await Promise.all(this.#workers.map((worker) => worker.terminate()));
  }
}
