/*
 * Metrics that are read at each scrape, those of the process among them, and the merging of several
 * processes' metrics into one. Merging adds up counters and histograms; a gauge says itself how it
 * is merged.
 */

import { AggregatorRegistry, Counter, Gauge, Registry } from "prom-client";
import { standardOutput } from "./log-output.js";

/** The metrics of one process, as they are sent to another. */
export type MetricParts = readonly object[];

export type Sampled<Source> = { readonly name: string; readonly help: string } & (
  | { readonly kind: "counter"; readonly read: (source: Source) => number }
  | {
      readonly kind: "gauge";
      /** How the values of several processes become one. Default: their sum. */
      readonly merge?: "sum" | "min" | "max";
      /** The value, or one for each value of `label`; undefined if it cannot be read now. */
      readonly read: (source: Source) => number | undefined | Readonly<Record<string, number>>;
      readonly label?: string;
    }
);

const PROCESS: readonly Sampled<NodeJS.Process>[] = [
  {
    name: "process_cpu_seconds_total",
    kind: "counter",
    help: "CPU that the process used",
    read: (process) => {
      const { user, system } = process.cpuUsage();
      return (user + system) / 1e6;
    },
  },
  {
    name: "socketscaler_log_lines_dropped_total",
    kind: "counter",
    help: "Lines of the log that could not be written",
    read: () => standardOutput.dropped,
  },
  {
    name: "process_resident_memory_bytes",
    kind: "gauge",
    help: "Memory that the process has",
    read: residentBytes,
  },
];

export function sample<Source>(metrics: readonly Sampled<Source>[], source: Source, registry: Registry): void {
  const registers = [registry];
  for (const metric of metrics) {
    const { name, help } = metric;
    if (metric.kind === "counter") {
      new Counter({
        name,
        help,
        registers,
        collect() {
          this.reset();
          this.inc(metric.read(source));
        },
      });
      continue;
    }
    const { label, merge: aggregator = "sum", read } = metric;
    new Gauge({
      name,
      help,
      registers,
      aggregator,
      labelNames: label === undefined ? [] : [label],
      collect() {
        const value = read(source);
        if (typeof value === "number") this.set(value);
        else if (value && label) for (const [of, each] of Object.entries(value)) this.set({ [label]: of }, each);
      },
    });
  }
}

export function sampleProcess(registry: Registry): void {
  sample(PROCESS, process, registry);
}

/** The metrics of a process that runs no instance. */
export function processParts(): Promise<MetricParts> {
  const registry = new Registry();
  sampleProcess(registry);
  return registry.getMetricsAsJSON();
}

export async function mergeMetrics(all: readonly MetricParts[]): Promise<{ text: string; parts: MetricParts }> {
  const merged = AggregatorRegistry.aggregate([...all]);
  return { text: await merged.metrics(), parts: await merged.getMetricsAsJSON() };
}

/** Undefined if no descriptor is left: Node opens a file to find out. */
export function residentBytes(): number | undefined {
  try {
    return process.memoryUsage.rss();
  } catch {
    return undefined;
  }
}
