/*
 * What is said of the whole cluster at GET /cluster: every instance samples its own load every ANNOUNCE_MS, announces it
 * on the store's roll and hears of the others by the same call. Asking costs the store nothing: what was heard last is
 * told.
 */

import { randomBytes } from "node:crypto";
import { type Announced, GONE_MS, hasRoll } from "../../store/roll.js";
import { StoreAway } from "../../store/store.js";
import { type InstanceRecord, instanceRecord } from "../input/requests.js";
import type { Instance } from "../instance/instance.js";
import { LoopDelay } from "../telemetry/loop-delay.js";
import { residentBytes } from "../telemetry/process-metrics.js";

const ANNOUNCE_MS = 2_000;

export interface ClusterState {
  /** The id of the instance that answers. */
  readonly self: string;
  readonly storeAvailable: boolean;
  /** How the store is set up so that it may lose data. */
  readonly storeWarning?: string | undefined;
  /** Sorted by name. An instance that has not been heard for a while is gone from it. */
  readonly instances: readonly (InstanceRecord & { readonly id: string; readonly heardMsAgo: number })[];
}

export class ClusterReport {
  readonly #instance: Instance;
  readonly #clients: () => number;
  readonly #id = randomBytes(8).toString("hex");
  readonly #startedMs = performance.now();
  readonly #loop = new LoopDelay();
  readonly #timer: NodeJS.Timeout;
  #before: { readonly ms: number; readonly totals: Totals };
  #heard: { readonly ms: number; readonly all: readonly Announced[] } | undefined;
  #last: InstanceRecord;
  #memoryBytes = 0;
  #announcing: Promise<void> = Promise.resolve();
  #isClosed = false;

  /** `clients` counts the sockets of the instance. */
  constructor(instance: Instance, clients: () => number) {
    this.#instance = instance;
    this.#clients = clients;
    this.#loop.start();
    this.#before = { ms: performance.now(), totals: totalsOf(instance) };
    this.#last = this.#sample();
    this.#announce();
    this.#timer = setInterval(() => {
      this.#last = this.#sample();
      this.#announce();
    }, ANNOUNCE_MS);
    this.#timer.unref();
  }

  state(): ClusterState {
    const now = performance.now();
    const heard = this.#heard;
    const others = (heard?.all ?? []).flatMap(({ id, record, ageMs }) => {
      const heardMsAgo = Math.round(ageMs + now - (heard?.ms ?? now));
      const read = id === this.#id || heardMsAgo >= GONE_MS ? undefined : readRecord(record);
      return read ? [{ ...read, id, heardMsAgo }] : [];
    });
    const self = { ...this.#last, name: this.#instance.name, clients: this.#clients(), id: this.#id, heardMsAgo: 0 };
    const instances = [self, ...others].sort((a, b) => a.name.localeCompare(b.name) || a.id.localeCompare(b.id));
    const { available: storeAvailable, warning: storeWarning } = this.#instance.store;
    return { self: this.#id, storeAvailable, storeWarning, instances };
  }

  /** Resolves when the others have been told that it goes, or cannot be. */
  async close(): Promise<void> {
    this.#isClosed = true;
    clearInterval(this.#timer);
    this.#loop.stop();
    const { store } = this.#instance;
    await this.#announcing;
    if (hasRoll(store) && store.available) await store.enroll(this.#id, "").catch(() => undefined);
  }

  #announce(): void {
    const { store } = this.#instance;
    if (!hasRoll(store) || !store.available) return;
    this.#announcing = store.enroll(this.#id, JSON.stringify(this.#last)).then(
      (all) => {
        if (!this.#isClosed) this.#heard = { ms: performance.now(), all };
      },
      (error: unknown) => {
        // While the store is away, that is said elsewhere.
        if (!(error instanceof StoreAway)) this.#instance.failed(error, "the instance could not be announced");
      },
    );
  }

  #sample(): InstanceRecord {
    const instance = this.#instance;
    const { watchers, lagging, flushMs } = instance.metrics.gauged();
    const ms = performance.now();
    const totals = totalsOf(instance);
    const { ms: beforeMs, totals: before } = this.#before;
    const seconds = Math.max(0.001, (ms - beforeMs) / 1_000);
    const rate = (name: keyof Totals) => rounded((totals[name] - before[name]) / seconds);
    this.#before = { ms, totals };
    // Or as it was measured last: other instances leave out a record without it.
    this.#memoryBytes = residentBytes() ?? this.#memoryBytes;
    const loopDelayMs = this.#loop.percentileMs(99);
    this.#loop.reset();
    return {
      name: instance.name,
      engine: instance.store.engine,
      upSeconds: Math.round((ms - this.#startedMs) / 1_000),
      clients: this.#clients(),
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
}

interface Totals {
  readonly writes: number;
  readonly changes: number;
  readonly deltas: number;
  readonly sentBytes: number;
  readonly cpuSeconds: number;
}

function totalsOf({ metrics }: Instance): Totals {
  const { user, system } = process.cpuUsage();
  return { ...metrics.totals, cpuSeconds: (user + system) / 1e6 };
}

function rounded(value: number): number {
  return Math.round(value * 100) / 100;
}

/** Whoever has access to Valkey can write a record: what is none is left out. */
function readRecord(text: string): InstanceRecord | undefined {
  try {
    return instanceRecord.safeParse(JSON.parse(text)).data;
  } catch {
    return undefined;
  }
}
