/*
 * The metrics of an instance, for GET /metrics. SAMPLED holds those that are read at each scrape;
 * the fields of Metrics hold those that are counted as things happen. Each instance has its own
 * registry, so that several in one process stay apart. With process-metrics.ts the door to
 * prom-client.
 */

import { Counter, Gauge, Histogram, Registry } from "prom-client";
import type { ResyncCause } from "../pages/follower.js";
import type { PageFrame } from "../pages/recipient.js";
import { LoopDelay } from "./loop-delay.js";
import { type MetricParts, type Sampled, sample, sampleProcess } from "./process-metrics.js";

interface Gauged {
  readonly pages: number;
  readonly flushMs: number;
  readonly watchers: number;
  readonly lagging: number;
  readonly overviewWatchers: number;
  readonly storeAvailable: boolean;
  readonly storeMayLose?: boolean;
  readonly storeFailures: number;
}

const SAMPLED: readonly Sampled<Metrics>[] = [
  {
    name: "socketscaler_pages_held",
    kind: "gauge",
    help: "Pages this instance holds a replica of",
    read: ({ gauged }) => gauged().pages,
  },
  {
    name: "socketscaler_watches",
    kind: "gauge",
    help: "Pages watched, summed over clients",
    read: ({ gauged }) => gauged().watchers,
  },
  {
    name: "socketscaler_lagging",
    kind: "gauge",
    help: "Watches of clients that do not read fast enough",
    read: ({ gauged }) => gauged().lagging,
  },
  {
    name: "socketscaler_overview_watches",
    kind: "gauge",
    help: "Overviews watched, summed over clients",
    read: ({ gauged }) => gauged().overviewWatchers,
  },
  {
    name: "socketscaler_flush_interval_seconds",
    kind: "gauge",
    merge: "max",
    help: "Current interval between flushes",
    read: ({ gauged }) => gauged().flushMs / 1000,
  },
  {
    name: "socketscaler_store_available",
    kind: "gauge",
    merge: "min",
    help: "1 while the store answers",
    read: ({ gauged }) => Number(gauged().storeAvailable),
  },
  {
    name: "socketscaler_store_may_lose_data",
    kind: "gauge",
    merge: "max",
    help: "1 while the store's eviction policy may lose data; /cluster has details",
    read: ({ gauged }) => Number(gauged().storeMayLose === true),
  },
  {
    name: "socketscaler_store_failures_total",
    kind: "counter",
    help: "Requests to the store and attempts to connect to it that failed",
    read: ({ gauged }) => gauged().storeFailures,
  },
  {
    name: "socketscaler_deltas_total",
    kind: "counter",
    help: "Deltas that replicas applied as they were published",
    read: ({ totals }) => totals.deltas,
  },
  {
    name: "socketscaler_sent_packets_total",
    kind: "counter",
    help: "Packets sent to clients, of every kind",
    read: ({ totals }) => totals.sentPackets,
  },
  {
    name: "socketscaler_sent_bytes_total",
    kind: "counter",
    help: "Bytes of these packets",
    read: ({ totals }) => totals.sentBytes,
  },
  {
    name: "socketscaler_event_loop_delay_seconds",
    kind: "gauge",
    merge: "max",
    label: "quantile",
    help: "How late the event loop was since the last scrape: half of the time, 99 of 100 times, at most",
    read: ({ loop }) => {
      const delays = { 0.5: loop.percentileMs(50) / 1e3, 0.99: loop.percentileMs(99) / 1e3, 1: loop.mostMs / 1e3 };
      loop.reset();
      return delays;
    },
  },
];

export class Metrics {
  readonly registry = new Registry();
  readonly #connections = this.#gauge("socketscaler_connections", "Connections open");
  readonly #changes = this.#counter("socketscaler_changes_total", "Changes committed");
  readonly #batches = this.#histogram(
    "socketscaler_batch_writes",
    "Writes in one commit; its sum counts all writes",
    [1, 2, 5, 10, 50, 100, 500, 1_000],
  );
  readonly #checks = this.#histogram(
    "socketscaler_check_seconds",
    "Time the store took to report positions: its latency, even without writes",
    [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 1],
  );
  readonly #commits = this.#histogram(
    "socketscaler_commit_seconds",
    "Time of one commit, from sending the batch to its answer",
    [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 1, 5],
  );
  readonly #flushes = this.#histogram(
    "socketscaler_flush_seconds",
    "Time of the event loop that one flush of one page took",
    [0.0001, 0.0005, 0.001, 0.005, 0.01, 0.05, 0.1, 0.5],
  );
  readonly #resyncs = this.#counter(
    "socketscaler_resyncs_total",
    "Times a replica asked the store for what it missed, by cause",
    "cause",
  );
  readonly #catchUps = this.#counter(
    "socketscaler_catch_ups_total",
    "Clients that joined a page, by what brought them up to date: a delta, a snapshot, or nothing",
    "by",
  );
  readonly #catchUpBytes = this.#counter(
    "socketscaler_catch_up_bytes_total",
    "Bytes of the frames that brought clients up to date",
    "by",
  );
  readonly #refusals = this.#counter("socketscaler_refusals_total", "Requests refused, by error code", "code");
  readonly #hookFailures = this.#counter(
    "socketscaler_hook_failures_total",
    "Times a hook of the app threw, or did not answer in time, by hook",
    "hook",
  );

  /** Since the start. Plain numbers, because counting each packet and delta must cost nothing. */
  readonly totals = { writes: 0, changes: 0, deltas: 0, sentBytes: 0, sentPackets: 0 };
  readonly gauged: () => Gauged;
  readonly loop = new LoopDelay();

  constructor(gauged: () => Gauged) {
    this.gauged = gauged;
    sample(SAMPLED, this, this.registry);
    sampleProcess(this.registry);
  }

  hookFailed(hook: string): void {
    this.#hookFailures.inc({ hook });
  }

  connected(count: number): void {
    this.#connections.set(count);
  }

  sent(bytes: number): void {
    this.totals.sentPackets++;
    this.totals.sentBytes += bytes;
  }

  applied(): void {
    this.totals.deltas++;
  }

  checked(ms: number): void {
    this.#checks.observe(ms / 1000);
  }

  committed(batch: { readonly writes: number; readonly changes: number; readonly ms: number }): void {
    this.totals.writes += batch.writes;
    this.totals.changes += batch.changes;
    this.#changes.inc(batch.changes);
    this.#batches.observe(batch.writes);
    this.#commits.observe(batch.ms / 1000);
  }

  flushed(ms: number): void {
    this.#flushes.observe(ms / 1000);
  }

  resynced(cause: ResyncCause): void {
    this.#resyncs.inc({ cause });
  }

  caughtUp(frame: PageFrame | undefined): void {
    const by = frame?.kind ?? "nothing";
    this.#catchUps.inc({ by });
    if (frame) this.#catchUpBytes.inc({ by }, frame.kind === "delta" ? frame.text.length : frame.bytes.length);
  }

  refused(code: string): void {
    this.#refusals.inc({ code });
  }

  parts(): Promise<MetricParts> {
    return this.registry.getMetricsAsJSON();
  }

  text(): Promise<string> {
    return this.registry.metrics();
  }

  #gauge(name: string, help: string): Gauge {
    return new Gauge({ name, help, registers: [this.registry] });
  }

  #counter<Label extends string>(name: string, help: string, ...labelNames: Label[]): Counter<Label> {
    return new Counter({ name, help, labelNames, registers: [this.registry] });
  }

  #histogram(name: string, help: string, buckets: number[]): Histogram {
    return new Histogram({ name, help, buckets, registers: [this.registry] });
  }
}
