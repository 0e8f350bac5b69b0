/*
 * What an instance counts, for GET /metrics. Every instance has a registry of its own, so that several in one process
 * stay apart. With process-metrics.ts the door to prom-client.
 */

import { Counter, Gauge, Histogram, Registry } from "prom-client";
import type { ResyncCause } from "../pages/follower.js";
import type { PageFrame } from "../pages/recipient.js";
import { LoopDelay } from "./loop-delay.js";
import { countProcess, type MetricParts } from "./process-metrics.js";

export interface Gauged {
  readonly pages: number;
  readonly flushMs: number;
  readonly watchers: number;
  readonly lagging: number;
  readonly overviewWatchers: number;
  readonly storeAvailable: boolean;
  readonly storeMayLose?: boolean;
  readonly storeFailures: number;
}

export class Metrics {
  readonly registry = new Registry();
  readonly #connections: Gauge;
  readonly #changes: Counter;
  readonly #batches: Histogram;
  readonly #checks: Histogram;
  readonly #commits: Histogram;
  readonly #flushes: Histogram;
  readonly #resyncs: Counter<"cause">;
  readonly #catchUps: Counter<"by">;
  readonly #catchUpBytes: Counter<"by">;
  readonly #refusals: Counter<"code">;
  readonly #hookFailures: Counter<"hook">;

  // Counted on every packet and delta: plain numbers cost nothing there.
  #writes = 0;
  #changed = 0;
  #sentBytes = 0;
  #sentPackets = 0;
  #applied = 0;
  readonly #loop = new LoopDelay();

  readonly gauged: () => Gauged;

  constructor(gauged: () => Gauged) {
    this.gauged = gauged;
    const registers = [this.registry];
    const gauge = (name: string, help: string, read: (all: Gauged) => number, aggregator: "sum" | "min" | "max") =>
      new Gauge({
        name,
        help,
        registers,
        aggregator,
        collect() {
          this.set(read(gauged()));
        },
      });
    gauge("socketscaler_pages_held", "Pages this instance holds a replica of", (all) => all.pages, "sum");
    gauge("socketscaler_watches", "Pages watched, summed over clients", (all) => all.watchers, "sum");
    gauge("socketscaler_lagging", "Watches of clients that do not read fast enough", (all) => all.lagging, "sum");
    gauge(
      "socketscaler_overview_watches",
      "Overviews watched, summed over clients",
      (all) => all.overviewWatchers,
      "sum",
    );
    gauge(
      "socketscaler_flush_interval_seconds",
      "Present interval between flushes",
      (all) => all.flushMs / 1000,
      "max",
    );
    gauge("socketscaler_store_available", "1 while the store answers", (all) => Number(all.storeAvailable), "min");
    gauge(
      "socketscaler_store_may_lose_data",
      "1 while the store's eviction policy may lose data; /cluster has details",
      (all) => Number(all.storeMayLose === true),
      "max",
    );
    const counter = (name: string, help: string, read: () => number) =>
      new Counter({
        name,
        help,
        registers,
        collect() {
          this.reset();
          this.inc(read());
        },
      });
    counter(
      "socketscaler_store_failures_total",
      "Requests to the store and attempts to connect to it that failed",
      () => gauged().storeFailures,
    );
    counter("socketscaler_deltas_total", "Deltas that replicas applied as they were published", () => this.#applied);
    counter("socketscaler_sent_packets_total", "Packets sent to clients, of every kind", () => this.#sentPackets);
    counter("socketscaler_sent_bytes_total", "Bytes of these packets", () => this.#sentBytes);
    countProcess(registers);
    const loop = this.#loop;
    new Gauge({
      name: "socketscaler_event_loop_delay_seconds",
      help: "How late the event loop was since the last scrape: half of the time, 99 of 100 times, at most",
      labelNames: ["quantile"],
      registers,
      aggregator: "max",
      collect() {
        this.set({ quantile: "0.5" }, loop.percentileMs(50) / 1e3);
        this.set({ quantile: "0.99" }, loop.percentileMs(99) / 1e3);
        this.set({ quantile: "1" }, loop.mostMs / 1e3);
        loop.reset();
      },
    });
    this.#connections = new Gauge({ name: "socketscaler_connections", help: "Sockets connected", registers });
    this.#changes = new Counter({ name: "socketscaler_changes_total", help: "Changes committed", registers });
    this.#batches = new Histogram({
      name: "socketscaler_batch_writes",
      help: "Writes in one commit; its sum counts all writes",
      buckets: [1, 2, 5, 10, 50, 100, 500, 1_000],
      registers,
    });
    this.#checks = new Histogram({
      name: "socketscaler_check_seconds",
      help: "Time the store took to tell positions: its latency, also when nobody writes",
      buckets: [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 1],
      registers,
    });
    this.#commits = new Histogram({
      name: "socketscaler_commit_seconds",
      help: "Time of one commit, from sending the batch to its answer",
      buckets: [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 1, 5],
      registers,
    });
    this.#flushes = new Histogram({
      name: "socketscaler_flush_seconds",
      help: "Time of the event loop that one flush of one page took",
      buckets: [0.0001, 0.0005, 0.001, 0.005, 0.01, 0.05, 0.1, 0.5],
      registers,
    });
    this.#resyncs = new Counter({
      name: "socketscaler_resyncs_total",
      help: "Times a replica asked the store what it missed, by cause",
      labelNames: ["cause"],
      registers,
    });
    this.#catchUps = new Counter({
      name: "socketscaler_catch_ups_total",
      help: "Clients that joined a page, by what made them level: a delta, a snapshot, or nothing",
      labelNames: ["by"],
      registers,
    });
    this.#catchUpBytes = new Counter({
      name: "socketscaler_catch_up_bytes_total",
      help: "Bytes of the frames that made clients level",
      labelNames: ["by"],
      registers,
    });
    this.#refusals = new Counter({
      name: "socketscaler_refusals_total",
      help: "Requests refused, by error code",
      labelNames: ["code"],
      registers,
    });
    this.#hookFailures = new Counter({
      name: "socketscaler_hook_failures_total",
      help: "Times a hook of the app around threw, or did not answer in time, by hook",
      labelNames: ["hook"],
      registers,
    });
  }

  hookFailed(hook: string): void {
    this.#hookFailures.inc({ hook });
  }

  connected(count: number): void {
    this.#connections.set(count);
  }

  /** Measures the event loop until the returned function is called. */
  measureLoop(): () => void {
    this.#loop.start();
    return () => this.#loop.stop();
  }

  /** Since the start. */
  get totals() {
    return { writes: this.#writes, changes: this.#changed, deltas: this.#applied, sentBytes: this.#sentBytes };
  }

  sent(bytes: number): void {
    this.#sentPackets++;
    this.#sentBytes += bytes;
  }

  applied(): void {
    this.#applied++;
  }

  checked(ms: number): void {
    this.#checks.observe(ms / 1000);
  }

  committed(batch: { readonly writes: number; readonly changes: number; readonly ms: number }): void {
    this.#writes += batch.writes;
    this.#changed += batch.changes;
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
}
