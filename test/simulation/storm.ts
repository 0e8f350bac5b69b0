/* The faults: which strikes when, chosen by the seed. What it breaks it mends after a while, and all of it at the end. */

import type { Clock } from "../../src/protocol/clock.js";
import type { Random } from "../support/random.js";
import type { Host } from "./host.js";
import { type Plan, STRIKES, type Strike } from "./plan.js";
import type { StoreServer } from "./store-server.js";
import type { Trace } from "./trace.js";
import type { User } from "./user.js";
import type { Weather } from "./weather.js";

export interface StormParts {
  readonly plan: Plan;
  readonly clock: Clock;
  readonly random: Random;
  readonly trace: Trace;
  readonly server: StoreServer;
  readonly hosts: readonly Host[];
  readonly users: readonly User[];
}

const LOSE_NEWS = 0.15;
const REPEAT_NEWS = 0.15;
const SLOW_NEWS_MS_MAX = 200;
const NEWS_AFTER_STORM_MS = 400;

export class Storm implements Weather {
  readonly #parts: StormParts;
  readonly #strikes: readonly Strike[];
  #isOver = false;
  /** News go astray a little longer: so that it may be the last change of all of which an instance does not hear. */
  #newsMs = Number.POSITIVE_INFINITY;

  constructor(parts: StormParts) {
    this.#parts = parts;
    this.#strikes = STRIKES.filter((strike) => parts.plan.faults.has(strike));
  }

  delayMs(): number {
    return this.#parts.random.between(0.1, this.#parts.plan.delayMsMax);
  }

  newsMs(): number {
    const isSlow = this.#rages("slow news", 0.3);
    return isSlow ? this.#parts.random.between(0, SLOW_NEWS_MS_MAX) : this.delayMs();
  }

  losesNews(): boolean {
    return this.#rages("lose news", LOSE_NEWS);
  }

  repeatMs(): number | undefined {
    return this.#rages("repeat news", REPEAT_NEWS) ? this.#parts.random.between(0, SLOW_NEWS_MS_MAX) : undefined;
  }

  reconnectMs(): number {
    return this.#parts.random.between(5, 150);
  }

  /** Strikes again and again until it is over. */
  rage(): void {
    if (this.#strikes.length === 0) return;
    const { clock, random, plan } = this.#parts;
    clock.after(random.between(0, plan.strikeEveryMs * 2), () => {
      if (this.#isOver) return;
      this.#strike(random.pick(this.#strikes));
      this.rage();
    });
  }

  /** Nothing more breaks, and what was broken is whole. A deaf subscriber stays deaf: it has to be found. */
  end(): void {
    this.#isOver = true;
    this.#newsMs = this.#parts.clock.now() + NEWS_AFTER_STORM_MS;
    const { server, hosts, users, trace } = this.#parts;
    trace.say(() => "── the storm is over");
    this.#resume();
    server.resume();
    for (const host of hosts) if (!host.running) host.start();
    for (const user of users) {
      user.release();
      user.line.comeBack();
    }
  }

  #rages(fault: "lose news" | "repeat news" | "slow news", probability: number): boolean {
    const { clock, plan, random } = this.#parts;
    return clock.now() < this.#newsMs && plan.faults.has(fault) && random.chance(probability);
  }

  #strike(strike: Strike): void {
    const { random, hosts, users, server } = this.#parts;
    const host = random.pick(hosts);
    const user = random.pick(users);
    switch (strike) {
      case "interrupt":
        this.#say(`${host.name}'s news are interrupted`);
        host.running?.link.news.interrupt();
        break;
      case "deafen":
        this.#say(`${host.name} goes deaf`);
        host.running?.link.news.deafen();
        break;
      case "cut store link":
        this.#say(`${host.name}'s connection to the store breaks`);
        host.running?.link.cut(random.chance(0.5));
        break;
      case "mute store link":
        this.#say(`${host.name} and the store do not hear each other`);
        host.running?.link.mute(random.pick(["requests", "answers"]));
        break;
      case "hang":
        this.#hang(random.between(20, 700));
        break;
      case "fail over":
        this.#loseTail(random.whole(0, 6), "a replica takes over");
        break;
      case "restore dump":
        this.#loseTail(random.whole(5, 60), "an older dump is restored");
        break;
      case "trim logs":
        this.#say("the logs are trimmed");
        server.trimLogs();
        break;
      case "crash":
        this.#crash(host, random.between(10, 500));
        break;
      case "cut line":
        this.#cutLine(user);
        break;
      case "stall":
        this.#stall(user, random.between(20, 600));
        break;
    }
  }

  #hang(ms: number): void {
    const { server, clock } = this.#parts;
    if (server.isHung) return;
    this.#say(`the store hangs for ${ms.toFixed()} ms`);
    server.hang();
    clock.after(ms, () => this.#resume());
  }

  #resume(): void {
    const { server, hosts, clock } = this.#parts;
    if (!server.isHung) return;
    for (const host of hosts) host.troubledMs = clock.now();
    server.resume();
  }

  #loseTail(count: number, why: string): void {
    const { server, hosts, random } = this.#parts;
    this.#say(`${why}: the last ${Math.min(count, server.entries.length)} commits are lost`);
    const wasHung = server.isHung;
    server.die();
    server.loseTail(count);
    for (const { running } of hosts) {
      running?.link.cut(false);
      // News of the lost server may still be on the way when the instances have turned to the new one.
      if (wasHung || random.chance(0.8)) running?.link.news.interrupt();
    }
  }

  #crash(host: Host, ms: number): void {
    if (!host.running) return;
    this.#say(`${host.name} is killed`);
    host.kill();
    this.#parts.clock.after(ms, () => {
      if (!host.running) host.start();
    });
  }

  #cutLine(user: User): void {
    const { random, clock } = this.#parts;
    this.#say(`${user.name}'s connection breaks`);
    if (random.chance(0.5)) user.client.reconnect();
    else {
      user.line.goAway();
      clock.after(random.between(50, 800), () => user.line.comeBack());
    }
  }

  #stall(user: User, ms: number): void {
    this.#say(`${user.name} does not read for ${ms.toFixed()} ms`);
    user.stall();
    this.#parts.clock.after(ms, () => user.release());
  }

  #say(line: string): void {
    this.#parts.trace.say(() => `── ${line}`);
  }
}
