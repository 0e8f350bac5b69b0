/* Measures the load of an instance between two samples. */

import type { InstanceRecord } from "../input/requests.js";
import type { Instance } from "../instance/instance.js";
import { LoopDelay } from "../telemetry/loop-delay.js";
import { residentBytes } from "../telemetry/process-metrics.js";
import { VERSION } from "../telemetry/version.js";

interface Totals {
  readonly writes: number;
  readonly changes: number;
  readonly deltas: number;
  readonly sentBytes: number;
  readonly cpuSeconds: number;
}

export class Load {
  readonly #instance: Instance;
  readonly #online: () => number;
  readonly #startedMs = performance.now();
  readonly #loop = new LoopDelay();
  #before: { readonly ms: number; readonly totals: Totals };
  #memoryBytes = 0;

  /** `online` returns the number of sockets on the instance. */
  constructor(instance: Instance, online: () => number) {
    this.#instance = instance;
    this.#online = online;
    this.#loop.start();
    this.#before = { ms: performance.now(), totals: totalsOf(instance) };
  }

  sample(): InstanceRecord {
    const instance = this.#instance;
    const { watchers, lagging, flushMs } = instance.metrics.gauged();
    const ms = performance.now();
    const totals = totalsOf(instance);
    const { ms: beforeMs, totals: before } = this.#before;
    const seconds = Math.max(0.001, (ms - beforeMs) / 1_000);
    const rate = (name: keyof Totals) => rounded((totals[name] - before[name]) / seconds);
    this.#before = { ms, totals };
    // Falls back to the last value, because other instances ignore a record without it.
    this.#memoryBytes = residentBytes() ?? this.#memoryBytes;
    const loopDelayMs = this.#loop.percentileMs(99);
    this.#loop.reset();
    return {
      name: instance.name,
      engine: instance.store.engine,
      version: VERSION,
      upSeconds: Math.round((ms - this.#startedMs) / 1_000),
      clients: this.#online(),
      watches: watchers,
      lagging,
      pages: instance.pages.size,
      storeAvailable: instance.store.available,
      writesPerSecond: rate("writes"),
      changesPerSecond: rate("changes"),
      deltasPerSecond: rate("deltas"),
      sentBytesPerSecond: rate("sentBytes"),
      cores: rate("cpuSeconds"),
      memoryBytes: this.#memoryBytes,
      flushMs: rounded(flushMs),
      loopDelayMs: rounded(loopDelayMs),
    };
  }

  close(): void {
    this.#loop.stop();
  }
}

function totalsOf({ metrics }: Instance): Totals {
  const { user, system } = process.cpuUsage();
  return { ...metrics.totals, cpuSeconds: (user + system) / 1e6 };
}

function rounded(value: number): number {
  return Math.round(value * 100) / 100;
}
