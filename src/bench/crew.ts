/*
 * The workers as one. Threads rather than processes: they share the probes' memory and one clock, and Node's own
 * histograms can be handed from thread to thread, which they cannot between processes.
 */

import { Worker } from "node:worker_threads";
import type { Answers, Command, Report, Share } from "./messages.js";
import { Probes } from "./probes.js";
import type { Scenario } from "./scenario.js";
import type { Tallied } from "./tally.js";

/** Beside the compiled code, or, when run from sources, in dist: a thread does not compile. */
const WORKER = new URL(import.meta.url.endsWith(".ts") ? "../../dist/bench/worker.js" : "./worker.js", import.meta.url);

export interface CrewListener {
  tally(worker: number, tallied: Tallied, live: number, busy: number): void;
}

export class Crew {
  readonly #workers: readonly Worker[];
  readonly #failed: Promise<never>;

  constructor(scenario: Scenario, cells: number, listener: CrewListener) {
    const probes = Probes.memory(cells);
    this.#workers = Array.from({ length: scenario.workers }, (_, worker) => {
      const workerData: Share = { scenario, worker, cells, probes };
      const thread = new Worker(WORKER, { workerData, execArgv: [] });
      thread.on("message", (report: Report) => {
        if (report.kind === "tally") listener.tally(worker, report.tallied, report.live, report.busy);
      });
      return thread;
    });
    this.#failed = new Promise((_, fail) => {
      for (const worker of this.#workers) worker.once("error", fail);
    });
    this.#failed.catch(() => undefined);
  }

  connect(withinMs: number): Promise<Answers["connect"][]> {
    return this.#askAll<"connect">({ name: "connect", withinMs });
  }

  load(rate: number, durationMs: number): Promise<unknown> {
    return this.#askAll<"load">({ name: "load", rate, durationMs });
  }

  settle(withinMs: number): Promise<Answers["settle"][]> {
    return this.#askAll<"settle">({ name: "settle", withinMs });
  }

  compare(pages: Extract<Command, { name: "compare" }>["pages"]): Promise<Answers["compare"][]> {
    return this.#askAll<"compare">({ name: "compare", pages });
  }

  /** Orderly where the workers still answer, at once where they do not. */
  async close(isOrderly: boolean): Promise<void> {
    if (isOrderly) await this.#askAll<"close">({ name: "close" });
    await Promise.all(this.#workers.map((worker) => worker.terminate()));
  }

  /** Asks every worker the same; rejects if one of them fails. One command at a time. */
  #askAll<Name extends Command["name"]>(command: Command & { name: Name }): Promise<Answers[Name][]> {
    const answers = this.#workers.map(
      (worker) =>
        new Promise<Answers[Name]>((done) => {
          const listen = (report: Report) => {
            if (report.kind !== "answer") return;
            worker.off("message", listen);
            done(report.answer as Answers[Name]);
          };
          worker.on("message", listen);
          worker.postMessage(command);
        }),
    );
    return Promise.race([Promise.all(answers), this.#failed]);
  }
}
