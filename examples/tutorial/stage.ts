/*
 * Starts the servers and instances of a step on free ports, and stops all of them however the step
 * ends. Quick is the short form that the tests play.
 */

import { rmSync } from "node:fs";
import { NO_LIMITS } from "../../bench/load/ours.js";
import { type Running, startSystem, startValkey } from "../../bench/load/processes.js";
import type { System } from "../../bench/load/system.js";
import { findServer } from "../../src/cli/lab/servers.js";
import type { Store } from "../../src/store/store.js";
import { ValkeyStore } from "../../src/store/valkey/valkey-store.js";
import { type LocalInstance, startInstance } from "../../test/support/instances.js";
import { TcpProxy } from "../../test/support/tcp-proxy.js";
import { until } from "../../test/support/until.js";
import type { ServerProcess } from "../../test/support/valkey-server.js";
import type { Exercise, StartNaive } from "./exercise.js";
import type { NaiveInstance } from "./naive/web-server.js";

/** Something is missing on this machine; the message says what to do. */
export class Missing extends Error {}

export class Stage {
  readonly isQuick: boolean;
  /** Reports progress. */
  readonly tell: (line: string) => void;
  readonly #ends: (() => unknown)[] = [];
  readonly #folders: string[] = [];
  readonly #sweep = () => {
    for (const folder of this.#folders) rmSync(folder, { recursive: true, force: true });
  };

  /** The learner's server, which plays the part of the naive one. */
  readonly exercise: Exercise | undefined;

  constructor(isQuick: boolean, tell: (line: string) => void, exercise?: Exercise) {
    this.isQuick = isQuick;
    this.exercise = exercise;
    this.tell = tell;
    // Processes then end by themselves (bench/load/processes.ts), but their files remain.
    process.on("exit", this.#sweep);
  }

  /** Calls `end` after the step, the last one registered first. */
  after(end: () => unknown): void {
    this.#ends.push(end);
  }

  /** Removes a folder with the stage, even if the process ends early. */
  sweeps(folder: string): void {
    this.#folders.push(folder);
  }

  async valkey(): Promise<ServerProcess> {
    if (findServer() === undefined) {
      const what = "No valkey-server or redis-server of version 7 or later was found on your PATH.";
      throw new Missing(`${what} Install one; this command starts it for you.`);
    }
    const valkey = await startValkey(["--repl-diskless-sync-delay", "0"]);
    this.sweeps(valkey.directory);
    this.after(() => valkey.stop());
    return valkey;
  }

  /** A network link to a server, which a step can break. */
  async link(target: ServerProcess): Promise<TcpProxy> {
    const proxy = await TcpProxy.start(target.port);
    this.after(() => proxy.close());
    return proxy;
  }

  /** An instance of a naive version in this process, or of the learner's. */
  open<Instance extends NaiveInstance>(
    start: StartNaive<Instance>,
    valkeyUrl: string,
    cells: number,
  ): Promise<Instance> {
    // An exercise keeps what its original exports and returns.
    const chosen = this.exercise ? (this.exercise.start as StartNaive<Instance>) : start;
    return this.naive(chosen(valkeyUrl, cells));
  }

  /** Closes an instance of a naive version after the step. */
  async naive<Instance extends { close(): Promise<void> }>(starting: Promise<Instance>): Promise<Instance> {
    const instance = await starting;
    this.after(() => instance.close());
    return instance;
  }

  /** An instance of SocketScaler in this process, with its own port and connections. */
  async ours(valkeyUrl: string, cells: number): Promise<LocalInstance> {
    const instance = await startInstance({ ...NO_LIMITS, VALKEY_URL: valkeyUrl, BOARDS: `main=${cells}` });
    this.after(() => instance.stop());
    return instance;
  }

  /** The same, with `front` between it and its store. */
  async oursBehind<Front extends Store>(front: (store: Store) => Front, valkeyUrl: string, cells: number) {
    const store = front(await ValkeyStore.open({ url: valkeyUrl }));
    this.after(() => store.close());
    const instance = await startInstance({ ...NO_LIMITS, BOARDS: `main=${cells}` }, store);
    this.after(() => instance.stop());
    return { store, instance };
  }

  /** An instance as a process of its own, to kill or measure. */
  async process(system: System, valkey: ServerProcess, cells: number): Promise<Running> {
    const running = await startSystem(system, valkey, cells);
    this.after(() => running.stop());
    return running;
  }

  async close(): Promise<void> {
    const failed: unknown[] = [];
    for (const end of this.#ends.splice(0).reverse()) {
      try {
        await end();
      } catch (error) {
        failed.push(error);
      }
    }
    this.#sweep();
    process.off("exit", this.#sweep);
    if (failed.length > 0) throw failed[0];
  }
}

/** Milliseconds until the condition holds; undefined if that takes longer than `withinMs`. */
export async function msUntil(isSo: () => boolean, withinMs: number): Promise<number | undefined> {
  const startMs = performance.now();
  return until("the condition holds", isSo, withinMs).then(
    () => performance.now() - startMs,
    () => undefined,
  );
}
