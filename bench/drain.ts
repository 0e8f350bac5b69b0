/*
 * Question: one of three instances is taken out while a thousand clients watch and 200 changes a second are made. Is a
 * change lost, how long is each client without service, and what do the other instances go through?
 *
 * Three instances as processes over one Valkey; each client knows all three URLs, a third of them begins at each. SIGTERM
 * goes to the first. Two rounds: clients told over DRAIN_MS as it comes, and, for comparison, all at once. Every change goes
 * to a cell of its own; at the end each that was acknowledged is looked for in the store, and all clients are compared
 * with it. A gap is the time in which a client's board is not live. The crowd is in one process, whose gaps include what its
 * own work makes them wait (its delay is shown); PROBES of those who move are in a process of their own, and show what a browser of its
 * own would.
 *
 *     npm run bench:drain -- [clients] [changes a second]
 */

import { fork } from "node:child_process";
import { once } from "node:events";
import { cpus } from "node:os";
import { monitorEventLoopDelay } from "node:perf_hooks";
import { setTimeout as pause } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { OPTIONS } from "../src/server/config.js";
import { storedBits, type TestClient, untilAllShow, watchBoard } from "../test/support/clients.js";
import { type ProcessInstance, spawnInstance } from "../test/support/instances.js";
import { until } from "../test/support/until.js";
import { startServer } from "../test/support/valkey-server.js";
import { usage } from "./process.js";

const clientCount = Number(process.argv[2] ?? 1_000);
const changesPerSecond = Number(process.argv[3] ?? 200);
const SIZE = 65_536;
const BEFORE_MS = 5_000;
const AFTER_MS = 3_000;
const SAMPLE_MS = 250;
const PROBES = 30;
const PROBE = fileURLToPath(new URL("drain-probe.ts", import.meta.url));
const CONNECTING_AT_ONCE = 50;

/** CPU of a process: the share of a core in each second, sampled four times a second. */
class CpuWatch {
  readonly #pid: number;
  readonly #samples: { readonly atMs: number; readonly seconds: number }[] = [];
  readonly #timer: NodeJS.Timeout;

  constructor({ child }: ProcessInstance) {
    this.#pid = child.pid ?? 0;
    const sample = () => this.#samples.push({ atMs: performance.now(), seconds: usage(this.#pid).cpuSeconds });
    sample();
    this.#timer = setInterval(sample, SAMPLE_MS);
  }

  /** The largest and the mean share of a core between two moments. */
  between(fromMs: number, toMs: number): { peak: number; mean: number } {
    const inside = this.#samples.filter(({ atMs }) => atMs >= fromMs && atMs <= toMs);
    const share = (first = inside[0], last = inside.at(-1)) =>
      first && last && last !== first ? (1_000 * (last.seconds - first.seconds)) / (last.atMs - first.atMs) : 0;
    const step = 1_000 / SAMPLE_MS;
    const peak = inside.slice(step).reduce((most, last, index) => Math.max(most, share(inside[index], last)), 0);
    return { peak, mean: share() };
  }

  stop(): void {
    clearInterval(this.#timer);
  }
}

async function round(drainMs: number): Promise<boolean> {
  const valkey = await startServer();
  const flags = {
    VALKEY_URL: valkey.url,
    BOARDS: `main=${SIZE}`,
    DRAIN_MS: String(drainMs),
    CONNECTIONS_PER_ADDRESS: String(2 * clientCount),
    CONNECTS_PER_SECOND: String(clientCount),
  };
  const instances = await Promise.all([1, 2, 3].map(() => spawnInstance(flags)));
  const [leaving, ...others] = instances;
  if (!leaving) throw new Error("no instance");
  const urls = instances.map(({ url }) => url);
  const probe = fork(PROBE, [String(PROBES), ...urls], { execArgv: ["--import", "tsx"] });
  await once(probe, "message");
  const crowd = clientCount - PROBES;
  const clients: TestClient[] = [];
  while (clients.length < crowd) {
    const next = Array.from({ length: Math.min(CONNECTING_AT_ONCE, crowd - clients.length) }, (_, index) => {
      const first = (clients.length + index) % urls.length;
      return watchBoard([...urls.slice(first), ...urls.slice(0, first)]);
    });
    clients.push(...(await Promise.all(next)));
  }
  const movers = clients.filter(({ client }) => client.state.url === leaving.url);

  const gaps = clients.map(({ board }) => {
    const gap = { longestMs: 0, count: 0, sinceMs: undefined as number | undefined };
    board.on("status", (status) => {
      if (status !== "live") gap.sinceMs ??= performance.now();
      else if (gap.sinceMs !== undefined) {
        gap.longestMs = Math.max(gap.longestMs, performance.now() - gap.sinceMs);
        gap.sinceMs = undefined;
        gap.count++;
      }
    });
    return gap;
  });
  const watches = others.map((instance) => new CpuWatch(instance));

  let isOver = false;
  let made = 0;
  let longestAckMs = 0;
  const acknowledged: number[] = [];
  const failures: unknown[] = [];
  const answers: Promise<void>[] = [];
  const writing = (async () => {
    const startedMs = performance.now();
    for (; !isOver && made < SIZE; made++) {
      const waitMs = startedMs + (made * 1_000) / changesPerSecond - performance.now();
      if (waitMs > 0) await pause(waitMs);
      const cell = made;
      const sentMs = performance.now();
      // 7 is prime to the number of clients, so that all take their turn.
      const answer = clients[(made * 7) % clients.length]?.board.set(cell, true).then(
        () => {
          acknowledged.push(cell);
          longestAckMs = Math.max(longestAckMs, performance.now() - sentMs);
        },
        (error: unknown) => void failures.push(error),
      );
      if (answer) answers.push(answer);
    }
  })();

  const delay = monitorEventLoopDelay({ resolution: 5 });
  delay.enable();
  const beganMs = performance.now();
  await pause(BEFORE_MS);
  const toldMs = performance.now();
  const ended = once(leaving.child, "exit");
  leaving.child.kill("SIGTERM");
  const [code] = await ended;
  const endedMs = performance.now();
  await until("all are live", () => clients.every(({ board }) => board.status === "live"), 30_000);
  const allLiveMs = performance.now();
  await pause(AFTER_MS);
  isOver = true;
  await writing;
  await Promise.all(answers);
  // The comparison below holds up the event loop itself.
  const lateMs = delay.max / 1e6;
  const stored = await storedBits(others[0]?.url ?? "", SIZE);
  const lost = acknowledged.filter((cell) => stored[cell] !== "1").length;
  const boards = clients.map(({ board }) => board);
  await untilAllShow(boards, stored, 30_000);

  const moved = gaps.filter((_, index) => movers.includes(clients[index] as TestClient));
  probe.send("report");
  const [{ longestMs: probed }]: [{ longestMs: number[] }] = (await once(probe, "message")) as never;
  const homes = others.map(({ url }) => clients.filter(({ client }) => client.state.url === url).length);
  const cpu = watches.map((watch) => ({
    before: watch.between(beganMs, toldMs),
    drain: watch.between(toldMs, allLiveMs + 1_000),
  }));
  const percent = (share: number) => `${(100 * share).toFixed(0)} %`;
  process.stdout.write(
    `${[
      `told over ${drainMs / 1_000} s`,
      `  acknowledged changes lost          ${lost} of ${acknowledged.length} (made ${made}, failed ${failures.length})`,
      `  longest time to an acknowledgement ${longestAckMs.toFixed(0)} ms`,
      `  longest gap of each who moved      ${describe(probed)}; ${probed.length} in a process of their own`,
      `                                     ${describe(moved.map(({ longestMs }) => longestMs))}; ${movers.length} in the crowd's, whose event loop was late by up to ${lateMs.toFixed(0)} ms`,
      `  gaps of those who did not          ${gaps.reduce((sum, { count }) => sum + count, 0) - moved.reduce((sum, { count }) => sum + count, 0)}`,
      `  the others' CPU, a core, mean      ${cpu.map(({ before }) => percent(before.mean)).join(" and ")} before, ${cpu.map(({ drain }) => percent(drain.mean)).join(" and ")} during`,
      `  and in their busiest second        ${cpu.map(({ before }) => percent(before.peak)).join(" and ")} before, ${cpu.map(({ drain }) => percent(drain.peak)).join(" and ")} during`,
      `  clients on the others at the end   ${homes.join(" and ")}, all equal to the store`,
      `  the process ended with ${code} after    ${((endedMs - toldMs) / 1_000).toFixed(1)} s`,
    ].join("\n")}\n`,
  );
  probe.disconnect();
  for (const watch of watches) watch.stop();
  for (const { close } of clients) close();
  await Promise.all(instances.map((instance) => instance.kill()));
  await valkey.stop();
  return lost === 0 && failures.length === 0 && code === 0;
}

function describe(valuesMs: readonly number[]): string {
  const sorted = [...valuesMs].sort((a, b) => a - b);
  const at = (share: number) => sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? 0;
  return `p50 ${at(0.5).toFixed(0)}, p99 ${at(0.99).toFixed(0)}, most ${at(1).toFixed(0)} ms`;
}

process.stdout.write(
  `${clientCount} clients on three instances, ${changesPerSecond} changes a second; ${cpus().length} cores, Node ${process.version}\n`,
);
const spread = await round(Number(OPTIONS.drainMs.fallback));
const atOnce = await round(0);
process.exit(spread && atOnce ? 0 : 1);
