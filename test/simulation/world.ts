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
import { Random } from "../support/random.js";
import { VirtualClock } from "../support/virtual-clock.js";
import { Deadlines } from "./deadlines.js";
import { EncodeCount } from "./encode-count.js";
import { Host } from "./host.js";
import { Judge } from "./judge.js";
import { type Plan, planFor } from "./plan.js";
import { StoreLink } from "./store-link.js";
import { StoreServer } from "./store-server.js";
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
  readonly commits: number;
  readonly lost: number;
}

const STEP_MS = 50;
/** By when all must be level; the longest waits are of a second or two, as errors' retryAfterMs ask for. */
const QUIET_MS_MAX = 10_000;

/** Lives through one seed. */
export async function simulate(seed: number, options: { trace: boolean } = { trace: false }): Promise<RunResult> {
  const world = new World(seed, options.trace);
  const unhandled = (error: unknown) => world.judge.fail(`unhandled rejection: ${error}`);
  process.on("unhandledRejection", unhandled);
  try {
    await world.run();
  } finally {
    process.off("unhandledRejection", unhandled);
    world.close();
  }
  const { plan, judge, trace, server } = world;
  const { entries, lost } = server;
  return { seed, plan, failure: judge.failure, trace: trace.lines, commits: entries.length, lost: lost.length };
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
  readonly #deadlines: Deadlines;

  constructor(seed: number, isTraced: boolean) {
    const clock = new VirtualClock(seed);
    const random = new Random(~seed);
    const plan = planFor(random);
    const trace = new Trace(clock, isTraced);
    const judge = new Judge(() => this.server, trace);
    this.plan = plan;
    this.judge = judge;
    this.trace = trace;
    this.#clock = clock;
    trace.say(() => `seed ${seed}: ${plan.instances} instances, ${plan.users} users, ${[...plan.faults].join(", ")}`);
    this.server = new StoreServer(
      { pageBytes: pageBytes(plan), logMax: plan.logMax, tagFor: tagsInOrder() },
      {
        committed: (entry, position) => {
          const { ref, batch, outcomes } = entry;
          trace.say(() => {
            const writes = batch.writes.map(({ session, seq }, index) => `${session}${seq} ${outcomes[index]}`);
            return `store  ${pageName(ref)} ${formatPosition(position)} ${writes.join(", ")}`;
          });
          judge.committed(entry);
          this.#deadlines.committed(this.#hosts, this.#users, ref, position);
        },
        published: (name, delta, claims) => {
          for (const { running } of this.#hosts) running?.link.news.publish(name, delta, claims);
        },
        confused: (name, position) => judge.fail(`two states of ${name} at ${formatPosition(position)}`),
      },
    );
    const { server } = this;
    this.#deadlines = new Deadlines(clock, server, judge);
    const openLink = (host: Host) => this.#openLink(host);
    const logged = (line: string) => judge.fail(`an instance logs ${line}`);
    this.#hosts = Array.from({ length: plan.instances }, (_, i) => new Host(`i${i}`, plan, clock, openLink, logged));
    const hosts = this.#hosts;
    const encodeCount = new EncodeCount(clock, (reason) => judge.fail(reason));
    this.#users = Array.from({ length: plan.users }, (_, index) => {
      return new User({ name: `u${index}`, plan, clock, random, hosts, server, judge, trace, encodeCount });
    });
    this.#storm = new Storm({ plan, clock, random, trace, server, hosts, users: this.#users });
    for (const host of hosts) host.start();
  }

  async run(): Promise<void> {
    this.#storm.rage();
    for (const user of this.#users) user.live(this.plan.stormMs);
    for (let ms = 0; ms < this.plan.stormMs; ms += STEP_MS) if (!(await this.#pass())) return;
    this.#storm.end();
    for (const user of this.#users) for (const screen of user.screens) screen.watchAll();
    let reason: string | undefined;
    for (let ms = 0; ms < QUIET_MS_MAX; ms += STEP_MS) {
      if (!(await this.#pass())) return;
      reason = unlevel(this.server, this.#hosts, this.#users, this.plan.cells);
      if (!reason) break;
    }
    if (reason) this.judge.fail(`not level ${QUIET_MS_MAX} ms after the storm: ${reason}`);
    else judgeEnd(this.judge, this.server, this.#users, this.plan.cells);
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
