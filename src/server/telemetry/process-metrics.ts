/*
 * What a process counts of itself, and how the counts of several become one: counters and histograms are added up; of a gauge
 * that is no sum the worst is taken, as its `aggregator` in metrics.ts says.
 */

import { AggregatorRegistry, Counter, Gauge, Registry } from "prom-client";
import { standardOutput } from "./log-output.js";

/** What one process counts, as it goes to another. */
export type MetricParts = readonly object[];

/** Adds up what several processes count, and of the gauges that are no sums takes what is worst. */
export async function mergeMetrics(all: readonly MetricParts[]): Promise<{ text: string; parts: MetricParts }> {
  const merged = AggregatorRegistry.aggregate([...all]);
  return { text: await merged.metrics(), parts: await merged.getMetricsAsJSON() };
}

/** The part of a process that is no instance. */
export function processParts(): Promise<MetricParts> {
  const registry = new Registry();
  countProcess([registry]);
  return registry.getMetricsAsJSON();
}

/** Undefined if the system does not say: it opens a file for that, and descriptors may have run out. */
export function residentBytes(): number | undefined {
  try {
    return process.memoryUsage.rss();
  } catch {
    return undefined;
  }
}

export function countProcess(registers: Registry[]): void {
  new Counter({
    name: "process_cpu_seconds_total",
    help: "CPU that the process used",
    registers,
    collect() {
      const { user, system } = process.cpuUsage();
      this.reset();
      this.inc((user + system) / 1e6);
    },
  });
  new Counter({
    name: "socketscaler_log_lines_dropped_total",
    help: "Lines of the log that could not be written",
    registers,
    collect() {
      this.reset();
      this.inc(standardOutput.dropped);
    },
  });
  new Gauge({
    name: "process_resident_memory_bytes",
    help: "Memory that the process has",
    registers,
    collect() {
      const bytes = residentBytes();
      if (bytes !== undefined) this.set(bytes);
    },
  });
}
