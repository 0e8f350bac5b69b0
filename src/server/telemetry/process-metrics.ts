/*
 * Metrics that are read at each scrape, including those of the process, and the merging of metrics
 * from several processes. Counters and histograms are summed; each gauge has its own rule.
 */

import { AggregatorRegistry, Counter, Gauge, Registry } from "prom-client";
import { standardOutput } from "./log-output.js";

/** The metrics of one process, in the form in which they are sent to another. */
export type MetricParts = readonly object[];

/** Registers a counter whose total is read at each scrape. */
export function sampledCounter(registry: Registry, name: string, help: string, read: () => number): void {
  new Counter({
    name,
    help,
    registers: [registry],
    collect() {
      this.reset();
      this.inc(read());
    },
  });
}

interface GaugeOptions {
  /** How the values of several processes are merged. Default: `sum`. */
  readonly merge?: "sum" | "min" | "max" | undefined;
  readonly label?: string;
}

/**
 * `read` returns one value, one value per value of `label`, or undefined if it cannot be read now.
 */
export function sampledGauge(
  registry: Registry,
  name: string,
  help: string,
  read: () => number | undefined | Readonly<Record<string, number>>,
  { merge: aggregator = "sum", label }: GaugeOptions = {},
): void {
  new Gauge({
    name,
    help,
    registers: [registry],
    aggregator,
    labelNames: label === undefined ? [] : [label],
    collect() {
      const value = read();
      if (typeof value === "number") this.set(value);
      else if (value && label) for (const [of, each] of Object.entries(value)) this.set({ [label]: of }, each);
    },
  });
}

export function sampleProcess(registry: Registry): void {
  sampledCounter(registry, "process_cpu_seconds_total", "CPU time used by the process", () => {
    const { user, system } = process.cpuUsage();
    return (user + system) / 1e6;
  });
  sampledCounter(
    registry,
    "socketscaler_log_lines_dropped_total",
    "Log lines that could not be written",
    () => standardOutput.dropped,
  );
  sampledGauge(registry, "process_resident_memory_bytes", "Resident memory of the process", residentBytes);
}

/** The metrics of a process without an instance. */
export function processParts(): Promise<MetricParts> {
  const registry = new Registry();
  sampleProcess(registry);
  return registry.getMetricsAsJSON();
}

export async function mergeMetrics(all: readonly MetricParts[]): Promise<{ text: string; parts: MetricParts }> {
  const merged = AggregatorRegistry.aggregate([...all]);
  return { text: await merged.metrics(), parts: await merged.getMetricsAsJSON() };
}

/** Undefined if no descriptor is left, because Node reads this from a file. */
export function residentBytes(): number | undefined {
  try {
    return process.memoryUsage.rss();
  } catch {
    return undefined;
  }
}
