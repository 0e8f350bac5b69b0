/*
 * The metrics of all workers combined, no matter which worker serves the request. The primary adds
 * them up, because it outlives the workers:
 *
 *     /metrics ── any worker ──wants──► primary ──counts──► every worker
 *                      ◄──metrics───── (adds up) ◄──counted──
 *
 * A counter never goes back, so the last counts of a dead worker stay in the sums. Its gauges are
 * dropped. A worker that does not answer in time contributes its last counts.
 */

import type { Worker } from "node:cluster";
import { realClock, within } from "../protocol/clock.js";
import { type MetricParts, mergeMetrics, processParts } from "../server/telemetry/process-metrics.js";

const COUNT_MS_MAX = 1_000;
const METRICS_MS_MAX = 3_000;

type ToWorker = { readonly counts: true } | { readonly metrics: string };
type ToPrimary = { readonly counted: MetricParts } | { readonly wants: true };

/** The part in the primary. */
export class MachineMetrics {
  /** Serving workers -> the last counts of each. */
  readonly #workers = new Map<Worker, MetricParts>();
  readonly #waiting = new Map<Worker, () => void>();
  #ended: MetricParts[] = [];
  #adding: Promise<string> | undefined;

  add(worker: Worker): void {
    worker.once("listening", () => this.#workers.set(worker, []));
    worker.on("message", (message: unknown) => this.#hear(worker, message));
    worker.once("exit", () => this.#left(worker));
  }

  /** All metrics, in the Prometheus text format. */
  text(): Promise<string> {
    this.#adding ??= this.#add().finally(() => {
      this.#adding = undefined;
    });
    return this.#adding;
  }

  async #add(): Promise<string> {
    await Promise.all(Array.from(this.#workers.keys(), (worker) => this.#count(worker)));
    if (this.#ended.length > 1) {
      const ended = this.#ended.splice(0);
      this.#ended.push((await mergeMetrics(ended)).parts);
    }
    return (await mergeMetrics([...this.#workers.values(), ...this.#ended, await processParts()])).text;
  }

  async #count(worker: Worker): Promise<void> {
    const counted = new Promise<void>((done) => this.#waiting.set(worker, done));
    send(worker, { counts: true });
    await within(realClock, COUNT_MS_MAX, counted, () => new Error("no answer")).catch(() => undefined);
    this.#waiting.delete(worker);
  }

  #hear(worker: Worker, message: unknown): void {
    if (typeof message !== "object" || message === null) return;
    if ("counted" in message && Array.isArray(message.counted) && this.#workers.has(worker)) {
      this.#workers.set(worker, message.counted);
      this.#waiting.get(worker)?.();
    }
    // The primary must outlive any failure here. The worker reports the missing answer by itself.
    if ("wants" in message) {
      this.text().then(
        (metrics) => send(worker, { metrics }),
        () => undefined,
      );
    }
  }

  #left(worker: Worker): void {
    const counted = this.#workers.get(worker);
    this.#workers.delete(worker);
    this.#waiting.get(worker)?.();
    if (counted) this.#ended.push(counted.filter((metric) => "type" in metric && metric.type !== "gauge"));
  }
}

/**
 * In a worker: sends `own` when the primary counts. Returns a function that fetches the metrics of
 * all workers.
 */
export function joinMachine(own: () => Promise<MetricParts>): () => Promise<string> {
  let asking: Promise<string> | undefined;
  let answer: (metrics: string) => void = () => undefined;
  process.on("message", (message: unknown) => {
    if (typeof message !== "object" || message === null) return;
    if ("counts" in message) {
      own().then(
        (counted) => sendToPrimary({ counted }),
        () => undefined,
      );
    }
    if ("metrics" in message && typeof message.metrics === "string") answer(message.metrics);
  });
  return () => {
    asking ??= within(
      realClock,
      METRICS_MS_MAX,
      new Promise<string>((done) => {
        answer = done;
        sendToPrimary({ wants: true });
      }),
      () => new Error("the primary does not answer"),
    ).finally(() => {
      asking = undefined;
    });
    return asking;
  };
}

function send(worker: Worker, message: ToWorker): void {
  if (worker.isConnected()) worker.send(message, () => undefined);
}

function sendToPrimary(message: ToPrimary): void {
  process.send?.(message, undefined, undefined, () => undefined);
}
