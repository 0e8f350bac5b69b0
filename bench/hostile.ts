/*
 * Question: what do hostile clients cost those who behave?
 *
 * Two instances over one Valkey. A client of the first clicks, another of the second, in a process of its own, tells when it
 * sees the click; ten bystanders watch. Rounds without and with the hostile crowd alternate, so that noise of the machine meets both. The crowd
 * lives in a process of its own and hits both instances:
 *
 *     deaf       watches every page and never reads            silent     opens a WebSocket and never speaks
 *     slow       watches every page and reads 1 KB/s           restless   watches and unwatches as fast as it is answered
 *     greedy     writes at sixty times its limit               chatting   sends messages to everybody, as often as one may
 *     strayed    watches from positions that it makes up       pinging    sends pings of `ws`, and never reads
 *     babbling   sends what is no request                      pipelining asks 1,700 times at once, and never reads
 *     historian  asks for the history of a page, as often as an address may
 *
 * The bystanders write in every round, so that there is something not to read. Reports p50, p95 and the worst of the click
 * and of GET /health, the median over rounds and the spread, and what the instances used.
 *
 *     npm run bench:hostile -- [rounds of each] [seconds of a round] [kinds, separated by commas] [embedded]
 *
 * With `embedded`, one instance over the embedded store has everybody.
 */

import { fork } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { watchBoard } from "../test/support/clients.js";
import { spawnInstance } from "../test/support/instances.js";
import { newSession, rawClient } from "../test/support/raw-client.js";
import { startServer } from "../test/support/valkey-server.js";
import { usage } from "./process.js";

const rounds = Number(process.argv[2] ?? 5);
const seconds = Number(process.argv[3] ?? 6);
const PAGES = 4;
const SIZE = PAGES * 65_536;
const FILL_CELLS = 512;
const CLICK_EVERY_MS = 20;
const HEALTH_EVERY_MS = 50;
const BYSTANDERS = 10;
/** After this the crowd's bursts are used up, and what lasts is measured. */
const SETTLE_MS = 6_000;
const PAUSE_MS = 1_000;
const CROWD = {
  deaf: 20,
  slow: 10,
  silent: 50,
  restless: 10,
  greedy: 10,
  chatting: 200,
  strayed: 4,
  pinging: 1,
  babbling: 2,
  pipelining: 25,
  historian: 1,
};
const kinds = process.argv[4]?.split(",") ?? Object.keys(CROWD);
const HOSTILE = Object.fromEntries(Object.entries(CROWD).filter(([kind]) => kinds.includes(kind)));

const isEmbedded = process.argv[5] === "embedded";

interface Round {
  readonly p50: number;
  readonly p95: number;
  readonly worst: number;
  readonly healthWorst: number;
  readonly cpuShare: number;
  /** The most that was seen. */
  readonly residentMb: number;
}

const valkey = await startServer();
const folder = mkdtempSync(join(tmpdir(), "socketscaler-hostile-"));
const flags = {
  ...(isEmbedded ? { DATA_DIR: folder } : { VALKEY_URL: valkey.url }),
  HISTORY: "big=1h",
  BOARDS: `big=${SIZE},clicks=1000,main=1000`,
  WRITES_PER_SECOND: "1000",
  WRITE_BURST: "2000",
};
const first = await spawnInstance(flags);
const instances = isEmbedded ? [first] : [first, await spawnInstance(flags)];
const from = first;
const to = instances.at(-1) ?? first;
await fill();
const clicker = await watchBoard(from.url, "clicks");
const reader = fork(fileURLToPath(new URL("reader.ts", import.meta.url)), ["ours", to.url, "clicks"], {
  execArgv: ["--import", "tsx"],
});
await once(reader, "message");
const bystanders = await Promise.all(
  Array.from({ length: BYSTANDERS }, (_, index) => watchBoard(instances[index % instances.length]?.url ?? "", "big")),
);
// Within the limits of a session and of an address, which are the defaults.
const noise = setInterval(() => {
  for (const { board } of bystanders) {
    const cell = Math.floor(Math.random() * SIZE);
    board.set(cell, board.get(cell) !== true).catch(() => undefined);
  }
}, 25);

let clicks = 0;
async function measure(): Promise<Round> {
  const tookMs: number[] = [];
  const healthMs: number[] = [];
  let mostBytes = 0;
  let isOver = false;
  const asking = (async () => {
    while (!isOver) {
      const askedMs = monotonicMs();
      await fetch(`${to.url}/health`).then((answer) => answer.arrayBuffer());
      healthMs.push(monotonicMs() - askedMs);
      const bytes = instances.reduce((sum, { child }) => sum + usage(child.pid ?? 0).residentBytes, 0);
      mostBytes = Math.max(mostBytes, bytes);
      await pause(HEALTH_EVERY_MS);
    }
  })();
  const before = instances.map(({ child }) => usage(child.pid ?? 0));
  const startedMs = performance.now();
  while (performance.now() - startedMs < seconds * 1_000) {
    await pause(CLICK_EVERY_MS);
    const arrived = once(reader, "message");
    const clickedMs = monotonicMs();
    void clicker.board.set(clicks % 1_000, Math.floor(clicks / 1_000) % 2 === 0).catch(() => undefined);
    clicks++;
    const [message]: { atMs: number }[] = await arrived;
    if (message) tookMs.push(message.atMs - clickedMs);
  }
  isOver = true;
  await asking;
  const elapsedSeconds = (performance.now() - startedMs) / 1_000;
  const used = instances.map(({ child }) => usage(child.pid ?? 0));
  const cpuSeconds = used.reduce((sum, now, index) => sum + now.cpuSeconds - (before[index]?.cpuSeconds ?? 0), 0);
  const sorted = tookMs.toSorted((a, b) => a - b);
  return {
    p50: sorted[Math.floor(sorted.length * 0.5)] ?? Number.NaN,
    p95: sorted[Math.floor(sorted.length * 0.95)] ?? Number.NaN,
    worst: sorted.at(-1) ?? Number.NaN,
    healthWorst: Math.max(...healthMs),
    cpuShare: cpuSeconds / elapsedSeconds,
    residentMb: mostBytes / 1e6,
  };
}

const calm: Round[] = [];
const stormy: Round[] = [];
await measure();
for (let round = 0; round < rounds; round++) {
  calm.push(await measure());
  const crowd = fork(
    fileURLToPath(new URL("hostile-crowd.ts", import.meta.url)),
    [JSON.stringify(HOSTILE), ...instances.map(({ url }) => url)],
    { execArgv: ["--import", "tsx"] },
  );
  await once(crowd, "message");
  await pause(SETTLE_MS);
  stormy.push(await measure());
  const gone = once(crowd, "exit");
  crowd.kill("SIGKILL");
  await gone;
  await pause(PAUSE_MS);
}

const crowdSize = Object.entries(HOSTILE).map(([kind, count]) => `${count} ${kind}`);
process.stdout.write(
  `${rounds} rounds of ${seconds} s each, taking turns; the crowd: ${crowdSize.join(", ")}; median over rounds (least to most)\n`,
);
for (const [name, all] of [
  ["without", calm],
  ["with", stormy],
] as const) {
  const column = (of: (round: Round) => number, digits: number) => {
    const sorted = all.map(of).toSorted((a, b) => a - b);
    const text = (value: number | undefined) => (value ?? Number.NaN).toFixed(digits);
    return `${text(sorted[Math.floor(sorted.length / 2)])} (${text(sorted[0])} to ${text(sorted.at(-1))})`.padEnd(24);
  };
  process.stdout.write(
    `  ${name.padEnd(8)} p50 ms ${column(({ p50 }) => p50, 1)} p95 ms ${column(({ p95 }) => p95, 1)} worst ms ${column(({ worst }) => worst, 0)} /health worst ms ${column(({ healthWorst }) => healthWorst, 0)} cores ${column(({ cpuShare }) => cpuShare, 2)} MB ${column(({ residentMb }) => residentMb, 0)}\n`,
  );
}
clearInterval(noise);
for (const { close } of [...bystanders, clicker]) close();
reader.kill();
await Promise.all(instances.map((instance) => instance.kill()));
await valkey.stop();
rmSync(folder, { recursive: true, force: true });

/** An eighth of all cells at random: enough that a page's snapshot is its whole bitmap. */
async function fill(): Promise<void> {
  const socket = await rawClient(from.url, "big");
  const session = newSession();
  const writes = SIZE / 8 / FILL_CELLS;
  for (let seq = 1; seq <= writes; seq++) {
    const changes = Array.from({ length: FILL_CELLS }, (): [number, 1] => [Math.floor(Math.random() * SIZE), 1]);
    for (;;) {
      const answer = await socket.write(session, seq, changes);
      if (!("error" in answer)) break;
      await pause(answer.error.retryAfterMs ?? 100);
    }
  }
  socket.close();
}

function monotonicMs(): number {
  return Number(process.hrtime.bigint()) / 1e6;
}
