/* One address at which an instance runs, is killed, and is started again: the real `Instance`, over the modelled store. */

import { type Logger, pino } from "pino";
import type { Clock } from "../../src/protocol/clock.js";
import { Instance } from "../../src/server/instance/instance.js";
import { FAN_OUT_LIMITS } from "../support/fan-out-limits.js";
import type { Plan } from "./plan.js";
import { ProcessClock } from "./process-clock.js";
import type { StoreLink } from "./store-link.js";

/** A running instance with the parts of the world that are its own. */
export interface Running {
  readonly instance: Instance;
  readonly link: StoreLink;
  readonly clock: ProcessClock;
}

export class Host {
  readonly name: string;
  /** When a request to the store last failed. */
  troubledMs = Number.NEGATIVE_INFINITY;
  startedMs = Number.POSITIVE_INFINITY;
  readonly #plan: Plan;
  readonly #clock: Clock;
  readonly #openLink: (host: Host) => StoreLink;
  readonly #log: Logger;
  readonly #died = new Set<() => void>();
  #running: Running | undefined;

  constructor(
    name: string,
    plan: Plan,
    clock: Clock,
    openLink: (host: Host) => StoreLink,
    logged: (line: string) => void,
  ) {
    this.name = name;
    this.#plan = plan;
    this.#clock = clock;
    this.#openLink = openLink;
    this.#log = pino({ level: "warn", base: null, timestamp: false }, { write: logged });
  }

  get running(): Running | undefined {
    return this.#running;
  }

  start(): void {
    const { boards, claims, writeWaitMs, writesPerSecond, queuedChangesMax } = this.#plan;
    const clock = new ProcessClock(this.#clock);
    const link = this.#openLink(this);
    const instance = new Instance({
      name: this.name,
      boards,
      claims,
      store: link,
      clock,
      log: this.#log,
      admission: {
        writes: { perSecond: writesPerSecond, burst: writesPerSecond },
        requests: { perSecond: 1_000, burst: 1_000 },
        watches: { perSecond: 1_000, burst: 1_000 },
        connectionsPerAddress: 1_000,
        connects: { perSecond: 1_000, burst: 1_000 },
      },
      writer: { waitMs: writeWaitMs, queuedChangesMax },
      fanOut: FAN_OUT_LIMITS,
      watchedPagesMax: 100,
    });
    this.#running = { instance, link, clock };
    this.startedMs = clock.now();
  }

  /** As SIGKILL does it: nothing is closed in order. */
  kill(): void {
    const running = this.#running;
    if (!running) return;
    this.#running = undefined;
    running.clock.kill();
    running.link.die();
    for (const tell of this.#died) tell();
    this.#died.clear();
  }

  /** Calls `tell` when the running instance dies, unless the returned function was called before. */
  onDeath(tell: () => void): () => void {
    this.#died.add(tell);
    return () => this.#died.delete(tell);
  }
}
