/*
 * Question: what do hostile clients cost those who behave?
 *
 * Two instances over one Valkey. A client of the first clicks, another of the second, in a process of its own, tells when it
 * sees the click; ten bystanders watch. Rounds without and with the hostile crowd alternate, so that noise of the machine meets both. The crowd
 * lives in a process of its own and hits both instances:
 *
 *     deaf       watches every page and never reads            silent     opens a WebSocket and never speaks
 *     slow       watches every page and reads 1 KB/s           restless   watches and unwatches as fast as it is answered
 *     greedy     writes at sixty times its limit
 *
 * The bystanders write in every round, so that there is something not to read. Reports p50 and p99 of the click, the
 * median over rounds and the spread, and what the instances used.
 *
 *     npm run bench:hostile -- [rounds of each] [seconds of a round] [kinds, separated by commas]
 */

import { fork } from "node:child_process";
import { once } from "node:events";
import { setTimeout as pause } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { connect } from "../src/client/index.js";
import { watchBoard } from "../test/support/clients.js";
import { spawnInstance } from "../test/support/instances.js";
import { startServer } from "../test/support/valkey-server.js";
import { usage } from "./process.js";

const rounds = Number(process.argv[2] ?? 5);
const seconds = Number(process.argv[3] ?? 6);
const PAGES = 4;
const SIZE = PAGES * 65_536;
const CLICK_EVERY_MS = 20;
const BYSTANDERS = 10;
/** After this the crowd's bursts are used up, and what lasts is measured. */
const SETTLE_MS = 6_000;
const PAUSE_MS = 1_000;
const CROWD = { deaf: 20, slow: 10, silent: 50, restless: 10, greedy: 10 };
const kinds = process.argv[4]?.split(",") ?? Object.keys(CROWD);
const HOSTILE = Object.fromEntries(Object.entries(CROWD).filter(([kind]) => kinds.includes(kind)));

interface Round {
  readonly p50: number;
  readonly p99: number;
  readonly cpuShare: number;
  readonly residentMb: number;
}

const valkey = await startServer();
const flags = {
  VALKEY_URL: valkey.url,
  BOARDS: `main=${SIZE},clicks=1000`,
  WRITES_PER_SECOND: "1000",
  WRITE_BURST: "2000",
};
const instances = await Promise.all([spawnInstance(flags), spawnInstance(flags)]);
const [from, to] = instances;
await fill(valkey.url);
const clicker = await watchBoard(from.url, "clicks");
const reader = fork(fileURLToPath(new URL("reader.ts", import.meta.url)), ["ours", to.url, "clicks"], {
  execArgv: ["--import", "tsx"],
});
await once(reader, "message");
const bystanders = await Promise.all(
  Array.from({ length: BYSTANDERS }, (_, index) => watchBoard(instances[index % 2]?.url ?? "")),
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
  const elapsedSeconds = (performance.now() - startedMs) / 1_000;
  const used = instances.map(({ child }) => usage(child.pid ?? 0));
  const cpuSeconds = used.reduce((sum, now, index) => sum + now.cpuSeconds - (before[index]?.cpuSeconds ?? 0), 0);
  const sorted = tookMs.toSorted((a, b) => a - b);
  return {
    p50: sorted[Math.floor(sorted.length * 0.5)] ?? Number.NaN,
    p99: sorted[Math.floor(sorted.length * 0.99)] ?? Number.NaN,
    cpuShare: cpuSeconds / elapsedSeconds,
    residentMb: used.reduce((sum, { residentBytes }) => sum + residentBytes, 0) / 1e6,
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
    `  ${name.padEnd(8)} p50 ms ${column(({ p50 }) => p50, 1)} p99 ms ${column(({ p99 }) => p99, 1)} cores ${column(({ cpuShare }) => cpuShare, 2)} MB ${column(({ residentMb }) => residentMb, 0)}\n`,
  );
}
clearInterval(noise);
for (const { close } of [...bystanders, clicker]) close();
reader.kill();
await Promise.all(instances.map((instance) => instance.kill()));
await valkey.stop();

/** An eighth of all cells at random: enough that a page's snapshot is its whole bitmap. */
async function fill(valkeyUrl: string): Promise<void> {
  const writer = await spawnInstance({
    ...flags,
    VALKEY_URL: valkeyUrl,
    WRITES_PER_SECOND: "1000000",
    WRITE_BURST: "1000000",
  });
  const client = connect(writer.url);
  const board = client.board("main");
  await board.ready;
  const some = { length: 512 };
  for (let written = 0; written < SIZE / 8; written += some.length) {
    await Promise.all(Array.from(some, () => board.set(Math.floor(Math.random() * SIZE), true)));
  }
  client.close();
  await writer.kill();
}

function monotonicMs(): number {
  return Number(process.hrtime.bigint()) / 1e6;
}
