/*
 * Question: what do writers go through when Valkey hangs for five seconds under load, and is anything lost?
 *
 * Three instances as processes, nine clients that each set one cell after another. Valkey is stopped with SIGSTOP and
 * continued after the time given. At the end every acknowledged write is looked for in the store, and every client is
 * compared with it.
 *
 *     npm run bench:outage -- [seconds]
 */

import { setTimeout as pause } from "node:timers/promises";
import { storedBits, untilAllShow, watchBoard } from "../test/support/clients.js";
import { spawnInstance } from "../test/support/instances.js";
import { until } from "../test/support/until.js";
import { startServer } from "../test/support/valkey-server.js";

const seconds = Number(process.argv[2] ?? 5);
const SIZE = 9_000;
const CLIENTS = 9;

const valkey = await startServer();
const flags = { VALKEY_URL: valkey.url, BOARDS: `main=${SIZE}`, WRITES_PER_SECOND: "100000", WRITE_BURST: "100000" };
const instances = await Promise.all([1, 2, 3].map(() => spawnInstance(flags)));
const urls = instances.map(({ url }) => url);
const clients = await Promise.all(Array.from({ length: CLIENTS }, (_, index) => watchBoard(urls[index % 3] ?? "")));
const acknowledged = new Map<number, boolean>();
const refusals = new Map<string, number>();
let writes = 0;
let longestMs = 0;
let isOver = false;

for (const { board } of clients) {
  board.on("delayed", ({ code }) => refusals.set(code, (refusals.get(code) ?? 0) + 1));
}
const load = clients.map(async ({ board }, index) => {
  for (let round = 0; !isOver; round++) {
    const cell = (round % (SIZE / CLIENTS)) * CLIENTS + index;
    const value = Math.floor(round / (SIZE / CLIENTS)) % 2 === 0;
    const startedMs = performance.now();
    await board.set(cell, value);
    longestMs = Math.max(longestMs, performance.now() - startedMs);
    acknowledged.set(cell, value);
    writes++;
  }
});
const readyStatus = async () => (await fetch(`${urls[0]}/ready`)).status;

await pause(2_000);
const before = writes;
valkey.signal("SIGSTOP");
const stoppedMs = performance.now();
await until("/ready says 503", async () => (await readyStatus()) === 503);
const noticedMs = performance.now() - stoppedMs;
const readStatus = (await fetch(`${urls[0]}/boards/main/pages/0`)).status;
await pause(seconds * 1_000 - noticedMs);
valkey.signal("SIGCONT");
const continuedMs = performance.now();
await until("/ready says 200", async () => (await readyStatus()) === 200);
const readyMs = performance.now() - continuedMs;
const during = writes;
await until("writes go through again", () => writes > during + CLIENTS);
const flowingMs = performance.now() - continuedMs;
await pause(2_000);
isOver = true;
await Promise.all(load);

const stored = await storedBits(urls[0] ?? "", SIZE);
const lost = [...acknowledged].filter(([cell, value]) => stored[cell] !== (value ? "1" : "0"));
await untilAllShow(
  clients.map(({ board }) => board),
  stored,
);
const complaints = instances.flatMap(({ output }) => output).filter((line) => /unhandled|"level":(50|60)/i.test(line));
process.stdout.write(
  `${[
    `Valkey hung for ${seconds} s under load, ${before} writes in the 2 s before`,
    `  /ready said 503 after             ${noticedMs.toFixed(0)} ms; a held page read meanwhile: ${readStatus}`,
    `  refusals that writers were told   ${[...refusals].map(([code, count]) => `${code} ${count}`).join(", ") || "none"}`,
    `  /ready said 200 again after       ${readyMs.toFixed(0)} ms, writes flowed after ${flowingMs.toFixed(0)} ms`,
    `  longest time a write took         ${longestMs.toFixed(0)} ms`,
    `  writes acknowledged in all        ${writes}, of them lost: ${lost.length}`,
    `  clients equal to the store        ${CLIENTS} of ${CLIENTS}`,
    `  errors in the instances' logs     ${complaints.length}`,
  ].join("\n")}\n`,
);
for (const { close } of clients) close();
await Promise.all(instances.map((instance) => instance.kill()));
await valkey.stop();
process.exitCode = lost.length === 0 && complaints.length === 0 ? 0 : 1;
