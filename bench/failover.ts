/*
 * Question: how long are watchers without news, and writers without an answer, when something happens to the primary of
 * their page in a Valkey Cluster; and what does an instance spend meanwhile?
 *
 * Three primaries with a replica each, node time-out 3 s, two instances as processes. One writer for each of six pages
 * on one instance sets a cell every 50 ms; a watcher on the other sees all pages. CPU is both instances' own, from the
 * system, over the time of the fault, beside as long a time before it.
 *
 *     npm run bench:failover
 */

import { readFileSync } from "node:fs";
import { setTimeout as pause } from "node:timers/promises";
import { Names } from "../src/store/valkey/keys.js";
import { slotOf } from "../src/store/valkey/slot-map.js";
import { watchBoard } from "../test/support/clients.js";
import type { ClusterNode } from "../test/support/cluster-node.js";
import { spawnInstance } from "../test/support/instances.js";
import { until } from "../test/support/until.js";
import { startCluster } from "../test/support/valkey-cluster.js";

const PAGES = 6;
const EVERY_MS = 50;
const PAGE_CELLS = 65_536;
const TICKS_PER_SECOND = 100;

const cluster = await startCluster({ nodeTimeoutMs: 3_000, settings: ["--cluster-require-full-coverage", "no"] });
const flags = {
  VALKEY_URL: cluster.url,
  BOARDS: `main=${PAGES * PAGE_CELLS}`,
  WRITES_PER_SECOND: "100000",
  WRITE_BURST: "100000",
};
const instances = [await spawnInstance(flags), await spawnInstance(flags)];
const writer = await watchBoard(instances[0]?.url ?? "");
const watcher = await watchBoard(instances[1]?.url ?? "");

const slot = slotOf(new Names().page({ board: "main", page: 0 }).bits);
let heardMs = performance.now();
let longestSilenceMs = 0;
let longestWriteMs = 0;
let isOver = false;
watcher.board.on("change", (changes) => {
  if (!changes.some(({ cell }) => cell < PAGE_CELLS)) return;
  const now = performance.now();
  longestSilenceMs = Math.max(longestSilenceMs, now - heardMs);
  heardMs = now;
});
const writing = Array.from({ length: PAGES }, async (_, page) => {
  for (let round = 0; !isOver; round++) {
    const startMs = performance.now();
    await writer.board.set(page * PAGE_CELLS + (round % 1_000), Math.floor(round / 1_000) % 2 === 0);
    const tookMs = performance.now() - startMs;
    if (page === 0) longestWriteMs = Math.max(longestWriteMs, tookMs);
    await pause(Math.max(0, EVERY_MS - tookMs));
  }
});

function cpuMs(): number {
  return instances.reduce((sum, { child }) => {
    const fields = readFileSync(`/proc/${child.pid}/stat`, "utf8").split(") ")[1]?.split(" ") ?? [];
    return sum + ((Number(fields[11]) + Number(fields[12])) * 1_000) / TICKS_PER_SECOND;
  }, 0);
}

async function failures(): Promise<number> {
  const texts = await Promise.all(instances.map(async ({ url }) => (await fetch(`${url}/metrics`)).text()));
  return texts.reduce((sum, text) => sum + Number(/^socketscaler_store_failures_total (\d+)/m.exec(text)?.[1]), 0);
}

const logLines = () => instances.reduce((sum, { output }) => sum + output.length, 0);

async function measure(name: string, strike: () => Promise<void>): Promise<void> {
  await cluster.untilHealthy(60_000);
  await pause(2_000);
  const calmStart = { ms: performance.now(), cpu: cpuMs() };
  await pause(5_000);
  const calmShare = (cpuMs() - calmStart.cpu) / (performance.now() - calmStart.ms);
  longestSilenceMs = 0;
  longestWriteMs = 0;
  const start = { ms: performance.now(), cpu: cpuMs(), failures: await failures(), lines: logLines() };
  await strike();
  const ended = performance.now();
  await until("watchers hear again", () => heardMs > ended + 500, 60_000);
  const share = (cpuMs() - start.cpu) / (performance.now() - start.ms);
  const cells = [
    name,
    `${(longestSilenceMs / 1_000).toFixed(2)} s`,
    `${(longestWriteMs / 1_000).toFixed(2)} s`,
    `${(calmShare * 100).toFixed(1)} %`,
    `${(share * 100).toFixed(1)} %`,
    String((await failures()) - start.failures),
    String(logLines() - start.lines),
  ];
  process.stdout.write(`| ${cells.join(" | ")} |\n`);
}

async function otherPrimary(): Promise<ClusterNode> {
  const own = await cluster.primaryOf(slot);
  for (const node of cluster.nodes) if (node.id !== own.id && (await node.role()) === "primary") return node;
  throw new Error("there is no other primary");
}

process.stdout.write("| fault | longest silence | longest write | CPU before | CPU during | failures | log lines |\n");
process.stdout.write("| --- | --- | --- | --- | --- | --- | --- |\n");
await measure("none, 5 s", () => pause(5_000));
await measure("slot migration", async () => cluster.migrateSlot(slot, await otherPrimary()));
await measure("CLUSTER FAILOVER", async () => void (await cluster.failover(slot)));
let killed: ClusterNode | undefined;
await measure("primary killed", async () => {
  killed = await cluster.killPrimaryOf(slot);
});
await killed?.restart();
await measure("primary stopped for 15 s", async () => {
  const victim = await cluster.primaryOf(slot);
  victim.signal("SIGSTOP");
  await pause(15_000);
  victim.signal("SIGCONT");
});
await measure("primary and replica down for 10 s", async () => {
  const nodes = [await cluster.primaryOf(slot), await cluster.replicaOf(slot)];
  for (const node of nodes) node.signal("SIGSTOP");
  await pause(10_000);
  for (const node of nodes) node.signal("SIGCONT");
});
isOver = true;
await Promise.all(writing);
writer.close();
watcher.close();
await Promise.all(instances.map((instance) => instance.kill()));
await cluster.stop();
