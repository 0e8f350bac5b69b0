/*
 * A whole cluster in one process, on one clock and one seed: real instances and clients, with the real ends of the lane.
 * Only networks, Valkey and timers are modelled. First a storm, in which users click and things break; then quiet, in which
 * all must come level.
 *
 *     users ── LaneLink ── bytes ── LaneConnection · Instance (writer, followers, hubs) ── store link ── store server
 *        every frame, answer and commit on the way ──► judge
 */

import { bitmapBytes } from "../../src/board/bitmap.js";
import { PAGE_CELLS, type PageRef, pageCount, pageName } from "../../src/board/geometry.js";
import { formatPosition } from "../../src/board/position.js";
import { ANYBODY, type Visitor } from "../../src/server/access/access.js";
import { VirtualClock } from "../support/virtual-clock.js";
import { ClaimsJudge } from "./claims-judge.js";
import { Deadlines } from "./deadlines.js";
import { Desk } from "./desk.js";
import { EncodeCount } from "./encode-count.js";
import { Host } from "./host.js";
import { Judge } from "./judge.js";
import { type Plan, planFor, randomOf } from "./plan.js";
import { StoreLink } from "./store-link.js";
import { type Entry, StoreServer } from "./store-server.js";
import { Storm } from "./storm.js";
import { Trace } from "./trace.js";
import { User } from "./user.js";
import { judgeEnd, unlevel } from "./verdict.js";

export interface RunResult {
  readonly seed: number;
  readonly plan: Plan;
  /** What was wrong; undefined if nothing was. */
  readonly failure: string | undefined;
  /** What happened, if it was asked for. */
  readonly trace: readonly string[];
  /** The commits that survived, and how many were lost. */
  readonly commits: readonly Entry[];
  readonly lost: number;
}

const STEP_MS = 50;
/** By when all must be level; the longest waits are of a second or two, as errors' retryAfterMs ask for. */
const QUIET_MS_MAX = 10_000;
/** For how many of its times a lease is watched while its user is there. */
const LEASES = 1.6;

/** Lives through one seed. */
export async function simulate(seed: number, options: { trace: boolean } = { trace: false }): Promise<RunResult> {
  const world = new World(seed, options.trace);
  const unhandled = (error: unknown) => world.judge.fail(`unhandled rejection: ${error}`);
  const { now } = Date;
  process.on("unhandledRejection", unhandled);
  try {
    Date.now = () => world.nowMs;
    await world.run();
  } finally {
    Date.now = now;
    process.off("unhandledRejection", unhandled);
    world.close();
  }
  const { plan, judge, trace, server } = world;
  const { entries, lost } = server;
  return { seed, plan, failure: judge.failure, trace: trace.lines, commits: entries, lost: lost.length };
}

class World {
  readonly plan: Plan;
  readonly judge: Judge;
  readonly trace: Trace;
  readonly server: StoreServer;
  readonly #clock: VirtualClock;
  readonly #hosts: readonly Host[];
  readonly #users: readonly User[];
  readonly #storm: Storm;
  readonly #desk: Desk;
  readonly #deadlines: Deadlines;
  readonly #claimsJudge: ClaimsJudge;

  constructor(seed: number, isTraced: boolean) {
    const clock = new VirtualClock(seed);
    const random = randomOf(seed);
    const plan = planFor(random);
    const trace = new Trace(clock, isTraced);
    const judge = new Judge(() => this.server, trace);
    this.plan = plan;
    this.judge = judge;
    this.trace = trace;
    this.#clock = clock;
    trace.say(() => `seed ${seed}: ${plan.instances} instances, ${plan.users} users, ${[...plan.faults].join(", ")}`);
    this.server = new StoreServer(
      {
        pageBytes: pageBytes(plan),
        logMax: plan.logMax,
        tagFor: tagsInOrder(),
        claims: plan.claims,
        now: () => clock.now(),
      },
      {
        committed: (entry, position) => {
          const { ref, batch, outcomes } = entry;
          trace.say(() => {
            const writes = batch.writes.map(({ session, seq }, index) => `${session}${seq} ${outcomes[index]}`);
            const owned = Array.from(this.server.held(ref), ([offset, held]) => ` ${offset}:${held.owner.slice(0, 4)}`);
            return `store  ${pageName(ref)} ${formatPosition(position)} ${writes.join(", ")}${owned.join("")}`;
          });
          judge.committed(entry);
          this.#claimsJudge.committed(entry);
          this.#deadlines.committed(this.#hosts, this.#users, ref, position);
        },
        published: (name, delta, claims) => {
          for (const { running } of this.#hosts) running?.link.news.publish(name, delta, claims);
        },
        lostTail: () => this.#claimsJudge.lostTail(),
        confused: (name, position) => judge.fail(`two states of ${name} at ${formatPosition(position)}`),
      },
    );
    const { server } = this;
    this.#deadlines = new Deadlines(clock, server, judge);
    this.#claimsJudge = new ClaimsJudge(plan.claims, clock, server, () => this.#hosts, judge);
    const openLink = (host: Host) => this.#openLink(host);
    const logged = (line: string) => judge.fail(`an instance logs ${line}`);
    this.#hosts = Array.from({ length: plan.instances }, (_, i) => new Host(`i${i}`, plan, clock, openLink, logged));
    const hosts = this.#hosts;
    const encodeCount = new EncodeCount(clock, (reason) => judge.fail(reason));
    this.#users = Array.from({ length: plan.users }, (_, index) => {
      const parts = { name: `u${index}`, visitor: visitorOf(plan, index), plan, clock, random, hosts, server };
      return new User({ ...parts, judge, claimsJudge: this.#claimsJudge, trace, encodeCount });
    });
    this.#desk = new Desk({ plan, clock, random, hosts, trace });
    this.#storm = new Storm({ plan, clock, random, trace, server, hosts, users: this.#users });
    for (const host of hosts) host.start();
  }

  async run(): Promise<void> {
    this.#storm.rage();
    for (const user of this.#users) user.live(this.plan.stormMs);
    this.#desk.live(this.plan.stormMs);
    for (let ms = 0; ms < this.plan.stormMs; ms += STEP_MS) if (!(await this.#pass())) return;
    this.#storm.end();
    for (const user of this.#users) for (const screen of user.screens) screen.watchAll();
    if (!(await this.#settle())) return;
    const leaseMs = leaseMsOf(this.plan);
    if (leaseMs > 0 && !(await this.#judgeRenewals(leaseMs))) return;
    judgeEnd(this.judge, this.server, this.#users, this.plan.cells);
    if (leaseMs === 0) return;
    for (const user of this.#users) user.client.close();
    while (this.#claimsJudge.isAnyEnding && (await this.#pass()));
  }

  /** Leases last while their users are there. False if something is wrong. */
  async #judgeRenewals(leaseMs: number): Promise<boolean> {
    const owners = new Set(this.#users.flatMap(({ screens }) => screens.flatMap(({ owner }) => owner ?? [])));
    const before = this.#claimsJudge.leasesOf(owners);
    for (let ms = 0; ms < leaseMs * LEASES; ms += STEP_MS) if (!(await this.#pass())) return false;
    const after = this.#claimsJudge.leasesOf(owners);
    for (const lease of before) if (!after.has(lease)) this.judge.fail(`${lease} was not renewed`);
    return this.#settle();
  }

  get nowMs(): number {
    return this.#clock.now();
  }

  /** Until all are level, and all holds have ended that are to end soon. False if something is wrong. */
  async #settle(): Promise<boolean> {
    let reason: string | undefined;
    for (let ms = 0; ms < QUIET_MS_MAX; ms += STEP_MS) {
      if (!(await this.#pass())) return false;
      reason = this.#desk.isWaiting
        ? "the app waits for an answer"
        : unlevel(this.server, this.#hosts, this.#users, this.plan.cells);
      if (!reason && (leaseMsOf(this.plan) > 0 || !this.#claimsJudge.isAnyEnding)) return true;
    }
    this.judge.fail(`not level ${QUIET_MS_MAX} ms after the storm: ${reason ?? "there are holds still"}`);
    return false;
  }

  close(): void {
    for (const user of this.#users) user.client.close();
    for (const host of this.#hosts) host.kill();
  }

  /** Lets a little time pass; false if something went wrong in it. */
  async #pass(): Promise<boolean> {
    await this.#clock.pass(STEP_MS);
    for (const host of this.#hosts) this.judge.checkInstance(host);
    return this.judge.failure === undefined;
  }

  #openLink(host: Host): StoreLink {
    const refs = new Map<string, PageRef>();
    for (const [board, size] of Object.entries(this.plan.boards)) {
      for (let page = 0; page < pageCount(size); page++) refs.set(pageName({ board, page }), { board, page });
    }
    return new StoreLink(this.server, this.#clock, this.#storm, {
      troubled: () => {
        host.troubledMs = this.#clock.now();
      },
      heard: (name, delta) => {
        const ref = refs.get(name);
        if (ref) this.#deadlines.heard(host, ref, delta.to);
      },
      resumed: (name) => {
        const ref = refs.get(name);
        if (ref) this.#deadlines.resumed(host, ref);
      },
    });
  }
}

/** 0 if there are no leases. */
function leaseMsOf({ claims }: Plan): number {
  return Math.max(0, ...Array.from(claims.boards.values(), (rule) => (rule?.isLease ? rule.ms : 0)));
}

/** Who a user is on boards with claims: one of few visitors, or just its sessions. */
function visitorOf({ visitors }: Plan, index: number): Visitor {
  return visitors === 0 ? ANYBODY : { grant: undefined, id: `visitor ${index % visitors}` };
}

/** As much as the largest page needs, and a little that the board does not have. */
function pageBytes({ boards }: Plan): number {
  const largest = Math.max(...Object.values(boards));
  return Math.min(bitmapBytes(PAGE_CELLS), bitmapBytes(largest) + 3);
}

/** Names real tags, which are drawn at random, by the order in which they come. */
function tagsInOrder(): (tag: string) => string {
  const names = new Map<string, string>();
  return (tag) => {
    const name = names.get(tag) ?? `tag${String(names.size).padStart(5, "0")}`;
    names.set(tag, name);
    return name;
  };
}
