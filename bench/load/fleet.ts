/*
 * One system under the harness: its own Valkey, its servers as processes, its clients in this
 * process, dealt to the servers in turn. `run` writes at a rate, waits until every change has
 * reached every client, and returns the cost.
 *
 * Cells are written in a fixed order, each again only after all others, and every write is a
 * change. So each arrival can be timed, and the final state of the store and of every client is
 * known.
 */

import { setTimeout as pause } from "node:timers/promises";
import { pace } from "../../src/bench/pace.js";
import type { ServerProcess } from "../../test/support/valkey-server.js";
import { type Correctness, judge } from "./correctness.js";
import { Delays } from "./delays.js";
import { cpuSeconds, type Running, startSystem, startValkey } from "./processes.js";
import type { BoardClient, System } from "./system.js";

export interface FleetOptions {
  readonly servers: number;
  readonly clients: number;
  readonly cells: number;
  /** The index of the server whose clients write; by default all clients write. */
  readonly writersOn?: number;
}

export interface Run {
  readonly writes: number;
  /** Changes that reached a client, and changes that should have. */
  readonly delivered: number;
  readonly expected: number;
  readonly serversCpuSeconds: number;
  readonly valkeyCpuSeconds: number;
  /** CPU of the clients' process, which is the harness itself. */
  readonly clientsCpuSeconds: number;
  /** Codes of refused writes, each once. */
  readonly refusals: readonly string[];
  /** Seconds until the last change arrived. */
  readonly seconds: number;
  /** Milliseconds from a click to its change at a client. */
  readonly p50: number;
  readonly p99: number;
  readonly frames: number;
  readonly bytes: number;
}

/** Servers run for weeks: V8 must have compiled the hot code before anything is measured. */
export const WARM_SECONDS = 16;
/** Coprime to every number of cells used, so that successive writes are not neighbours. */
const STEP = 7_919;
/** A run ends if nothing has arrived for this long, or after DRAIN_MS_MAX. */
const SILENT_MS = 1_500;
const DRAIN_MS_MAX = 40_000;
const CONNECT_AT_ONCE = 20;

export class Fleet {
  readonly system: System;
  readonly options: FleetOptions;
  readonly valkey: ServerProcess;
  readonly servers: readonly Running[];
  readonly clients: BoardClient[] = [];
  readonly #writtenMs: Float64Array;
  readonly #shown = new Delays();
  /** The time of the frame being handled; undefined between frames. */
  #frameMs: number | undefined;
  #delivered = 0;
  #deliveredMs = 0;
  #writes = 0;

  private constructor(system: System, options: FleetOptions, valkey: ServerProcess, servers: readonly Running[]) {
    this.system = system;
    this.options = options;
    this.valkey = valkey;
    this.servers = servers;
    this.#writtenMs = new Float64Array(options.cells);
  }

  static async start(system: System, options: FleetOptions): Promise<Fleet> {
    const valkey = await startValkey();
    const servers: Running[] = [];
    const fleet = new Fleet(system, options, valkey, servers);
    try {
      const starting = Array.from({ length: options.servers }, async () => {
        servers.push(await startSystem(system, valkey, options.cells));
      });
      await Promise.all(starting);
      await fleet.#connect();
      return fleet;
    } catch (error) {
      // A system that cannot take part must not take CPU from the others.
      await fleet.stop();
      throw error;
    }
  }

  /** CPU seconds used so far. */
  get cpu(): { readonly servers: number; readonly valkey: number } {
    return { servers: cpuSeconds(this.servers.map(({ pid }) => pid)), valkey: cpuSeconds([this.valkey.pid]) };
  }

  get received(): { readonly frames: number; readonly bytes: number } {
    return this.clients.reduce(
      (sum, { received }) => ({ frames: sum.frames + received.frames, bytes: sum.bytes + received.bytes }),
      { frames: 0, bytes: 0 },
    );
  }

  async run(rate: number, seconds: number): Promise<Run> {
    const startMs = performance.now();
    const before = { cpu: this.cpu, received: this.received, writes: this.#writes, refused: this.#refusedCounts() };
    const clientsBefore = process.cpuUsage();
    this.#shown.clear();
    this.#delivered = 0;
    await pace(rate, seconds * 1_000, () => this.#write());
    const writes = this.#writes - before.writes;
    const expected = writes * this.clients.length;
    const deadlineMs = performance.now() + DRAIN_MS_MAX;
    this.#deliveredMs = performance.now();
    while (this.#delivered < expected) {
      const now = performance.now();
      if (now > deadlineMs || now - this.#deliveredMs > SILENT_MS) break;
      await pause(5);
    }
    const cpu = this.cpu;
    const clientsCpu = process.cpuUsage(clientsBefore);
    const received = this.received;
    return {
      writes,
      delivered: this.#delivered,
      expected,
      serversCpuSeconds: cpu.servers - before.cpu.servers,
      valkeyCpuSeconds: cpu.valkey - before.cpu.valkey,
      clientsCpuSeconds: (clientsCpu.user + clientsCpu.system) / 1e6,
      refusals: this.#refusalsSince(before.refused),
      seconds: (performance.now() - startMs) / 1_000,
      p50: this.#shown.percentile(50),
      p99: this.#shown.percentile(99),
      frames: received.frames - before.received.frames,
      bytes: received.bytes - before.received.bytes,
    };
  }

  async judge(): Promise<Correctness> {
    const { cells } = this.options;
    const stored = await this.system.stored(this.valkey, this.servers[0]?.url ?? "", cells);
    return judge({ cells, last: this.#lastWritten(), stored }, this.clients);
  }

  async stop(): Promise<void> {
    for (const client of this.clients) client.close();
    await Promise.all(this.servers.map((server) => server.stop()));
    await this.valkey.stop();
  }

  async #connect(): Promise<void> {
    const { clients, cells } = this.options;
    while (this.clients.length < clients) {
      const first = this.clients.length;
      const some = Array.from({ length: Math.min(CONNECT_AT_ONCE, clients - first) }, (_, index) => {
        const { url = "" } = this.servers[(first + index) % this.servers.length] ?? {};
        return this.system.connect(url, cells, (cell) => this.#changed(cell));
      });
      this.clients.push(...(await Promise.all(some)));
    }
  }

  #changed(cell: number): void {
    const now = this.#frameTime();
    this.#delivered++;
    this.#deliveredMs = now;
    this.#shown.record(now - (this.#writtenMs[cell] ?? now));
  }

  /** All changes of a frame arrive together, so one reading of the clock serves them all. */
  #frameTime(): number {
    if (this.#frameMs !== undefined) return this.#frameMs;
    queueMicrotask(() => {
      this.#frameMs = undefined;
    });
    this.#frameMs = performance.now();
    return this.#frameMs;
  }

  #write(): void {
    const write = this.#writes++;
    const cell = this.#cellOf(write);
    this.#writtenMs[cell] = performance.now();
    this.#writerOf(write)?.set(cell, this.#valueOf(write));
  }

  #refusedCounts(): readonly number[] {
    return this.clients.map(({ refused }) => refused?.length ?? 0);
  }

  #refusalsSince(counts: readonly number[]): string[] {
    const since = this.clients.flatMap(({ refused }, index) => refused?.slice(counts[index]) ?? []);
    return [...new Set(since.map(({ code }) => code))];
  }

  *#lastWritten(): Iterable<readonly [number, boolean]> {
    for (let write = Math.max(0, this.#writes - this.options.cells); write < this.#writes; write++) {
      yield [this.#cellOf(write), this.#valueOf(write)];
    }
  }

  #writerOf(write: number): BoardClient | undefined {
    const { servers, writersOn } = this.options;
    // Clients are dealt to the servers in turn.
    const index = writersOn === undefined ? write : write * servers + writersOn;
    return this.clients[index % this.clients.length];
  }

  #cellOf(write: number): number {
    return (write * STEP) % this.options.cells;
  }

  #valueOf(write: number): boolean {
    return Math.floor(write / this.options.cells) % 2 === 0;
  }
}
