/*
 * One server process of the lab, with its wire to Valkey. It can be killed and started again on the
 * same port, and it can be stopped and continued.
 */

import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import type { PartState } from "../../protocol/lab.js";
import { killed } from "../children.js";
import { BEAT_MS, type ProcessOptions, type ProcessReport, type Resync } from "./process-messages.js";
import type { Wire } from "./wire.js";

/** As a balancer's health check: no beat for this long, and no new connection. */
const SILENT_MS_MAX = 4 * BEAT_MS;
const START_MS_MAX = 20_000;

interface PartWatch {
  changed(): void;
  resynced(resync: Resync): void;
}

export class Part {
  readonly number: number;
  readonly wire: Wire;
  state: PartState = "starting";
  position: string | undefined;
  port = 0;
  readonly #options: Omit<ProcessOptions, "port" | "valkeyPort">;
  readonly #watch: PartWatch;
  #child: ChildProcess | undefined;
  #heardMs = 0;

  constructor(wire: Wire, options: Omit<ProcessOptions, "port" | "valkeyPort">, watch: PartWatch) {
    this.number = options.number;
    this.wire = wire;
    this.#options = options;
    this.#watch = watch;
  }

  /** Whether a balancer would send a client here. */
  get isHealthy(): boolean {
    return this.state === "up" && performance.now() - this.#heardMs < SILENT_MS_MAX;
  }

  /** Resolves when the process serves. Rejects if it ends instead. */
  async start(): Promise<void> {
    const options: ProcessOptions = { ...this.#options, port: this.port, valkeyPort: this.wire.port };
    // The program of this process, with its loader if it runs from sources.
    const child = fork(process.argv[1] ?? "", ["lab-process", JSON.stringify(options)], {
      // A naive server writes of every lost connection.
      stdio: ["ignore", "ignore", this.#options.naive ? "ignore" : "inherit", "ipc"],
    });
    this.#child = child;
    this.#set("starting");
    child.on("message", (report: ProcessReport) => this.#hear(child, report));
    child.on("error", () => undefined);
    child.on("exit", () => {
      if (this.#child !== child) return;
      this.position = undefined;
      this.#set("down");
    });
    const late = setTimeout(() => child.kill("SIGKILL"), START_MS_MAX);
    const first = await Promise.race([once(child, "message"), once(child, "exit")]);
    clearTimeout(late);
    // An exit has a code and a signal, a message has a handle that is always undefined.
    if (typeof first[0] !== "object" || first[0] === null)
      throw new Error("a server of the lab ended while it was starting");
  }

  hang(): void {
    if (this.state !== "up") return;
    this.#child?.kill("SIGSTOP");
    this.#set("hung");
  }

  resume(): void {
    if (this.state !== "hung") return;
    this.#child?.kill("SIGCONT");
    this.#heardMs = performance.now();
    this.#set("up");
  }

  kill(): Promise<void> {
    return killed(this.#child);
  }

  async close(): Promise<void> {
    await this.kill();
    this.wire.close();
  }

  #hear(child: ChildProcess, { port, position, resync }: ProcessReport): void {
    if (this.#child !== child) return;
    this.#heardMs = performance.now();
    const hasMoved = position !== this.position;
    this.port = port;
    this.position = position;
    if (resync) this.#watch.resynced(resync);
    if (this.state === "starting") this.#set("up");
    else if (hasMoved) this.#watch.changed();
  }

  #set(state: PartState): void {
    if (this.state === state) return;
    this.state = state;
    this.#watch.changed();
  }
}
