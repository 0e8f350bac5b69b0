/*
 * The metrics of an instance, for GET /metrics. Each instance has its own registry, so that several
 * in one process stay apart. Only this file and process-metrics.ts import prom-client.
 *
 * A field counts events as they happen, and may have a label. `totals` has plain numbers for events
 * that occur for each packet or delta, and for /cluster. A sampled metric is read at each scrape
 * from the part that holds the state.
 */

import { Counter, Gauge, Histogram, Registry } from "prom-client";
import type { ResyncCause } from "../pages/follower.js";
import type { PageFrame } from "../pages/recipient.js";
import { LoopDelay } from "./loop-delay.js";
import { type MetricParts, sampledCounter, sampledGauge, sampleProcess } from "./process-metrics.js";
import { VERSION } from "./version.js";

/** Most values that wait to be taken into a histogram. */
const GATHERED_MAX = 256;

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

export class Metrics {
  readonly registry = new Registry();
  readonly #connections = this.#gauge("socketscaler_connections", "Connections open");
  readonly #batches = this.#histogram(
    "socketscaler_batch_writes",
    "Writes in one commit; the sum counts all writes",
    [1, 2, 5, 10, 50, 100, 500, 1_000],
  );
  readonly #checks = this.#histogram(
    "socketscaler_check_seconds",
    "Time the store took to report positions: its latency, even without writes",
    [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 1],
  );
  readonly #commits = this.#histogram(
    "socketscaler_commit_seconds",
    "Duration of one commit, from sending the batch to its answer",
    [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 1, 5],
  );
  readonly #flushes = this.#histogram(
    "socketscaler_flush_seconds",
    "Event loop time taken by one flush of one page",
    [0.0001, 0.0005, 0.001, 0.005, 0.01, 0.05, 0.1, 0.5],
  );
  readonly #resyncs = this.#counter(
    "socketscaler_resyncs_total",
    "Times a replica asked the store for missed changes, by cause",
    "cause",
  );
  readonly #catchUps = this.#counter(
    "socketscaler_catch_ups_total",
    "Clients that joined a page, by the frame that brought them up to date: a delta, a snapshot, or nothing",
    "by",
  );
  readonly #catchUpBytes = this.#counter(
    "socketscaler_catch_up_bytes_total",
    "Bytes of the frames that brought clients up to date",
    "by",
  );
  readonly #refusals = this.#counter(
    "socketscaler_refusals_total",
    "Requests and handshakes refused, by error code",
    "code",
  );
  readonly #relayCalls = this.#counter(
    "socketscaler_relay_calls_total",
    "Calls that relays made to this instance, by call",
    "call",
  );
  readonly #hookFailures = this.#counter(
    "socketscaler_hook_failures_total",
    "Times a hook of the host app threw or did not answer in time, by hook",
    "hook",
  );

  /**
   * Totals since the start. Plain numbers, because counting each packet and delta must be cheap.
   */
  readonly totals = { writes: 0, changes: 0, deltas: 0, sentBytes: 0, sentPackets: 0, httpRequests: 0 };
  /** Number of links to relays. */
  relays = 0;
  readonly gauged: () => Gauged;
  readonly loop = new LoopDelay();

  constructor(gauged: () => Gauged) {
    this.gauged = gauged;
    const { registry, totals, loop } = this;
    const gauge = (name: string, help: string, read: (now: Gauged) => number, merge?: "min" | "max") =>
      sampledGauge(registry, name, help, () => read(gauged()), { merge });
    gauge("socketscaler_pages_held", "Pages of which this instance holds a replica", ({ pages }) => pages);
    gauge("socketscaler_watches", "Pages watched, summed over clients", ({ watchers }) => watchers);
    gauge("socketscaler_lagging", "Watches of clients that do not read fast enough", ({ lagging }) => lagging);
    gauge("socketscaler_overview_watches", "Overviews watched, summed over clients", (now) => now.overviewWatchers);
    gauge(
      "socketscaler_flush_interval_seconds",
      "Current interval between flushes",
      ({ flushMs }) => flushMs / 1000,
      "max",
    );
    gauge("socketscaler_relays", "Relays connected to this instance", () => this.relays);
    gauge("socketscaler_store_available", "1 while the store answers", (now) => Number(now.storeAvailable), "min");
    gauge(
      "socketscaler_store_may_lose_data",
      "1 while the store's eviction policy may lose data; /cluster has details",
      ({ storeMayLose = false }) => Number(storeMayLose),
      "max",
    );
    const counter = (name: string, help: string, read: () => number) => sampledCounter(registry, name, help, read);
    counter(
      "socketscaler_store_failures_total",
      "Failed requests to the store and failed attempts to connect to it",
      () => gauged().storeFailures,
    );
    counter("socketscaler_changes_total", "Changes committed", () => totals.changes);
    counter(
      "socketscaler_deltas_total",
      "Deltas that replicas applied, whether published or fetched",
      () => totals.deltas,
    );
    counter("socketscaler_sent_packets_total", "Packets of every kind sent to clients", () => totals.sentPackets);
    counter("socketscaler_sent_bytes_total", "Bytes of packets sent to clients", () => totals.sentBytes);
    counter("socketscaler_http_requests_total", "HTTP requests that arrived, of any kind", () => totals.httpRequests);
    sampledGauge(
      registry,
      "socketscaler_event_loop_delay_seconds",
      "Delay of the event loop since the last scrape: median, 99th percentile and maximum",
      () => {
        const delays = { 0.5: loop.percentileMs(50) / 1e3, 0.99: loop.percentileMs(99) / 1e3, 1: loop.mostMs / 1e3 };
        loop.reset();
        return delays;
      },
      { merge: "max", label: "quantile" },
    );
    sampleProcess(registry);
    sampledGauge(registry, "socketscaler_build_info", "Always 1; the label is the version", () => ({ [VERSION]: 1 }), {
      merge: "max",
      label: "version",
    });
  }

  hookFailed(hook: string): void {
    this.#hookFailures.inc({ hook });
  }

  called(call: string): void {
    this.#relayCalls.inc({ call });
  }

  connected(count: number): void {
    this.#connections.set(count);
  }

  requested(): void {
    this.totals.httpRequests++;
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

  /** Values are taken in many at a time, because one alone takes 8 µs. */
  #histogram(name: string, help: string, buckets: number[]): { observe(value: number): void } {
    const values: number[] = [];
    const collect = () => {
      for (const value of values.splice(0)) histogram.observe(value);
    };
    const histogram = new Histogram({ name, help, buckets, registers: [this.registry], collect });
    const observe = (value: number) => {
      values.push(value);
      if (values.length === GATHERED_MAX) collect();
    };
    return { observe };
  }
}
