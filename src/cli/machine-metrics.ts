/*
 * Metrics of all workers as one, however a request for them is handed out. The primary adds up, as it outlives the workers:
 *
 *     /metrics ── any worker ──wants──► primary ──counts?──► every worker
 *                      ◄──metrics───── (adds up) ◄──counted──
 *
 * Counters never go back: what a worker that died had counted, as it told last, stays in the sums. What it held is gone with
 * it. A worker that does not answer soon counts with what it told last.
 */

import type { Worker } from "node:cluster";
import { type MetricParts, mergeMetrics, processParts } from "../server/telemetry/process-metrics.js";

const COUNT_MS_MAX = 1_000;
const METRICS_MS_MAX = 3_000;

/** What the primary says to a worker, and a worker to the primary. */
type ToWorker = { readonly counts: true } | { readonly metrics: string; readonly to: number };
type ToPrimary = { readonly counted: MetricParts } | { readonly wants: number };

/** In the primary. */
export class MachineMetrics {
  /** Those that serve, with what each told last. */
  readonly #workers = new Map<Worker, MetricParts>();
  readonly #waiting = new Map<Worker, () => void>();
  #ended: MetricParts[] = [];
  #adding: Promise<string> | undefined;

  /** A worker was started. */
  add(worker: Worker): void {
    worker.once("listening", () => this.#workers.set(worker, []));
    worker.on("message", (message: unknown) => this.#hear(worker, message));
    worker.once("exit", () => this.#left(worker));
  }

  /** As Prometheus reads it. */
  text(): Promise<string> {
    this.#adding ??= this.#add().finally(() => {
      this.#adding = undefined;
    });
    return this.#adding;
  }

  async #add(): Promise<string> {
    await Promise.all(Array.from(this.#workers.keys(), (worker) => this.#count(worker)));
    const ended = this.#ended.splice(0);
    const kept = ended.length > 1 ? [(await mergeMetrics(ended)).parts] : ended;
    this.#ended.push(...kept);
    const { text } = await mergeMetrics([...this.#workers.values(), ...kept, await processParts()]);
    return text;
  }

  async #count(worker: Worker): Promise<void> {
    let late: NodeJS.Timeout | undefined;
    await new Promise<void>((done) => {
      late = setTimeout(done, COUNT_MS_MAX);
      this.#waiting.set(worker, done);
      send(worker, { counts: true });
    });
    clearTimeout(late);
    this.#waiting.delete(worker);
  }

  #hear(worker: Worker, message: unknown): void {
    if (typeof message !== "object" || message === null) return;
    if ("counted" in message && Array.isArray(message.counted) && this.#workers.has(worker)) {
      this.#workers.set(worker, message.counted);
      this.#waiting.get(worker)?.();
    }
    if ("wants" in message && typeof message.wants === "number") {
      const to = message.wants;
      // Without an answer the worker says after a while that there are none: the primary must outlive whatever fails here.
      this.text().then(
        (metrics) => send(worker, { metrics, to }),
        () => undefined,
      );
    }
  }

  #left(worker: Worker): void {
    const told = this.#workers.get(worker);
    this.#workers.delete(worker);
    this.#waiting.get(worker)?.();
    if (told) this.#ended.push(told.filter((metric) => "type" in metric && metric.type !== "gauge"));
  }
}

/** In a worker: gives `own` whenever the primary counts. Returns what asks for the metrics of all. */
export function joinMachine(own: () => Promise<MetricParts>): () => Promise<string> {
  const waiting = new Map<number, (metrics: string) => void>();
  let asked = 0;
  process.on("message", (message: unknown) => {
    if (typeof message !== "object" || message === null) return;
    if ("counts" in message) {
      own().then(
        (counted) => tell({ counted }),
        () => undefined,
      );
    }
    if ("metrics" in message && typeof message.metrics === "string" && "to" in message) {
      waiting.get(Number(message.to))?.(message.metrics);
    }
  });
  return async () => {
    const wants = asked++;
    let late: NodeJS.Timeout | undefined;
    try {
      return await new Promise<string>((done, fail) => {
        late = setTimeout(() => fail(new Error("the primary does not answer")), METRICS_MS_MAX);
        waiting.set(wants, done);
        tell({ wants });
      });
    } finally {
      clearTimeout(late);
      waiting.delete(wants);
    }
  };
}

/** Whoever is gone is told nothing. */
function send(worker: Worker, message: ToWorker): void {
  if (worker.isConnected()) worker.send(message, () => undefined);
}

function tell(message: ToPrimary): void {
  process.send?.(message, undefined, undefined, () => undefined);
}
