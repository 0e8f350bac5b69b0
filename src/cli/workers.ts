/*
 * `socketscaler serve --workers N`: one instance in each of N processes on one port, so that they
 * use all cores of the machine. The primary starts the workers, replaces those that die, and passes
 * signals on. It serves no clients itself.
 */

import cluster, { type Worker } from "node:cluster";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { backOffMs, type Cancel, realClock } from "../protocol/clock.js";
import type { Config } from "../server/config.js";
import type { WorkerPlace } from "../server/sockets/neighbours.js";
import { createLog, type Log } from "../server/telemetry/log.js";
import { Seldom } from "../server/telemetry/seldom.js";
import { MachineMetrics } from "./machine-metrics.js";
import { endSoon, untilSignal } from "./signals.js";

const RESTART_MS_FIRST = 250;
const RESTART_MS_MAX = 15_000;
/** A worker that has run this long did not fail at its start. */
const SETTLED_MS = 30_000;

export async function serveByWorkers(config: Config): Promise<void> {
  const log = createLog(config.logLevel);
  const folder = mkdtempSync(join(tmpdir(), "socketscaler-"));
  const metrics = new MachineMetrics();
  const keepers = Array.from({ length: config.workers }, (_, index) => {
    return new Keeper({ number: index + 1, folder }, log, (worker) => metrics.add(worker));
  });
  try {
    const failed = Promise.race(keepers.map((keeper) => keeper.failed));
    const signal = untilSignal(log).then(() => undefined);
    const code = await Promise.race([failed, signal]);
    await Promise.all(keepers.map((keeper) => keeper.end()));
    if (code !== undefined) process.exitCode = code;
  } finally {
    rmSync(folder, { recursive: true, force: true });
    endSoon();
  }
}

/** In a worker: its place, and a promise of the request to end. */
export async function placeOfWorker(): Promise<{ readonly place: WorkerPlace; readonly asked: Promise<true> }> {
  // A terminal and systemd send signals to every process. Only the primary acts on them.
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.on(signal, () => undefined);
  const place = heard((order) => order.place);
  // The request may arrive while the worker is still starting.
  const asked = heard((order) => order.end);
  // An order sent before the worker listens would be lost, so the worker asks for it.
  process.send?.({ asks: true } satisfies Question, undefined, undefined, () => undefined);
  return { place: await place, asked };
}

/** From a keeper to its worker. */
interface Order {
  readonly place?: WorkerPlace;
  readonly end?: true;
}

interface Question {
  readonly asks: true;
}

/** The first result of `find`. A loader may send other messages. */
function heard<Found>(find: (order: Order) => Found | undefined): Promise<Found> {
  return new Promise((done) => {
    const hear = (message: unknown) => {
      const found = typeof message === "object" && message !== null ? find(message) : undefined;
      if (found === undefined) return;
      process.off("message", hear);
      done(found);
    };
    process.on("message", hear);
  });
}

/** A worker that is gone gets no order; its `exit` event follows. */
function order(worker: Worker, what: Order): void {
  worker.send(what, () => undefined);
}

/** Keeps a worker running in one place. */
class Keeper {
  /** The exit code of a worker that never served: it has logged why, and would fail again. */
  readonly failed: Promise<number>;
  readonly #place: WorkerPlace;
  readonly #log: Log;
  readonly #started: (worker: Worker) => void;
  #worker: Worker;
  #isEnding = false;
  #hasServed = false;
  #restarts = 0;
  #fail: (code: number) => void = () => undefined;
  #cancelRestart: Cancel = () => undefined;
  readonly #failures = new Seldom();

  /** `started` is called with each new worker. */
  constructor(place: WorkerPlace, log: Log, started: (worker: Worker) => void) {
    this.#place = place;
    this.#log = log;
    this.#started = started;
    this.failed = new Promise((done) => {
      this.#fail = done;
    });
    this.#worker = this.#start();
  }

  async end(): Promise<void> {
    this.#isEnding = true;
    this.#cancelRestart();
    const worker = this.#worker;
    if (worker.isDead()) return;
    await new Promise<void>((done) => {
      worker.once("exit", () => done());
      order(worker, { end: true });
    });
  }

  #start(): Worker {
    const worker = cluster.fork();
    this.#started(worker);
    const startedMs = performance.now();
    worker.on("message", (message: unknown) => {
      const isQuestion = typeof message === "object" && message !== null && "asks" in message;
      if (!isQuestion) return;
      const place: Order = { place: this.#place };
      order(worker, this.#isEnding ? { ...place, end: true } : place);
    });
    worker.once("listening", () => {
      this.#hasServed = true;
    });
    const gone = (code: number, signal: string) => {
      if (this.#isEnding) return;
      if (!this.#hasServed) return this.#fail(code || 1);
      if (performance.now() - startedMs >= SETTLED_MS) this.#restarts = 0;
      const waitMs = this.#startLater();
      this.#log.error({ worker: this.#place.number, code, signal, waitMs }, "a worker ended and is being replaced");
    };
    worker.once("exit", gone);
    // The machine ran out of descriptors or processes. Without a listener the primary would end.
    worker.on("error", (error) => {
      if (worker.process.pid !== undefined) return;
      worker.off("exit", gone);
      if (this.#hasServed) this.#failedToStart(error);
      else this.#fail(1);
    });
    return worker;
  }

  #failedToStart(error: unknown): void {
    if (this.#isEnding) return;
    const waitMs = this.#startLater();
    const times = this.#failures.take("start", performance.now());
    if (times === undefined) return;
    this.#log.error(
      { worker: this.#place.number, err: error, times, waitMs },
      "a worker could not be started: the next attempt follows automatically",
    );
  }

  /** Returns the pause before the restart. */
  #startLater(): number {
    const waitMs = backOffMs(realClock, this.#restarts++, RESTART_MS_FIRST, RESTART_MS_MAX);
    this.#cancelRestart = realClock.after(waitMs, () => {
      try {
        this.#worker = this.#start();
      } catch (error) {
        this.#failedToStart(error);
      }
    });
    return waitMs;
  }
}
