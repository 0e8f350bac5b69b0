/*
 * Question: how long do watchers receive nothing, and writers no answer, when something happens to
 * the primary of their page in a Valkey Cluster, and how much CPU do the instances use meanwhile?
 *
 * Three primaries with one replica each and a node time-out of 3 s, and two instances. On the first
 * instance, one writer for each of six pages sets a cell every 50 ms; a watcher on the second sees
 * all pages. CPU is that of both instances, during the fault and before it.
 */

import { setTimeout as pause } from "node:timers/promises";
import { slotOf } from "../../../src/store/valkey/routing/slot-map.js";
import { Names } from "../../../src/store/valkey/scripts/keys.js";
import { watchBoard } from "../../../test/support/clients.js";
import type { ClusterNode } from "../../../test/support/cluster-node.js";
import { until } from "../../../test/support/until.js";
import { type Cluster, startCluster } from "../../../test/support/valkey-cluster.js";
import { deploy, measureCores } from "../../load/deployment.js";
import { NO_LIMITS } from "../../load/ours.js";
import type { Scenario, Value } from "../../load/outcome.js";

const PAGES = 6;
const EVERY_MS = 50;
const PAGE_CELLS = 65_536;
const CALM_MS = 5_000;
const SLOT = slotOf(new Names().page({ board: "main", page: 0 }).bits);

interface Fault {
  readonly name: string;
  readonly strike: (cluster: Cluster) => Promise<unknown>;
}

const FAULTS: readonly Fault[] = [
  { name: "none, 5 s", strike: () => pause(5_000) },
  { name: "slot migration", strike: async (cluster) => cluster.migrateSlot(SLOT, await otherPrimary(cluster)) },
  { name: "CLUSTER FAILOVER", strike: (cluster) => cluster.failover(SLOT) },
  { name: "primary stopped for 15 s", strike: async (cluster) => stopFor(15_000, [await cluster.primaryOf(SLOT)]) },
  {
    name: "primary and replica stopped for 10 s",
    strike: async (cluster) => stopFor(10_000, [await cluster.primaryOf(SLOT), await cluster.replicaOf(SLOT)]),
  },
  { name: "primary killed", strike: (cluster) => cluster.killPrimaryOf(SLOT) },
];

export const failover: Scenario = {
  name: "failover",
  question: "How long are watchers and writers cut off when something happens to a primary of a cluster?",
  run: async ({ isQuick, tell }) => {
    const settings = ["--cluster-require-full-coverage", "no"];
    const cluster = await startCluster({ nodeTimeoutMs: 3_000, settings });
    const flags = { ...NO_LIMITS, VALKEY_URL: cluster.url, BOARDS: `main=${PAGES * PAGE_CELLS}` };
    try {
      return await deploy(2, flags, async ({ instances, urls, closing }) => {
        const [writer, watcher] = (await Promise.all(urls.map((url) => watchBoard(url)))).map(closing);
        let heardMs = performance.now();
        let silenceMs = 0;
        let writeMs = 0;
        let isOver = false;
        watcher?.board.on("change", (changes) => {
          if (!changes.some(({ cell }) => cell < PAGE_CELLS)) return;
          const now = performance.now();
          silenceMs = Math.max(silenceMs, now - heardMs);
          heardMs = now;
        });
        const writing = Array.from({ length: PAGES }, async (_, page) => {
          for (let round = 0; !isOver; round++) {
            const startMs = performance.now();
            await writer?.board.set(page * PAGE_CELLS + (round % 1_000), Math.floor(round / 1_000) % 2 === 0);
            const tookMs = performance.now() - startMs;
            if (page === 0) writeMs = Math.max(writeMs, tookMs);
            await pause(Math.max(0, EVERY_MS - tookMs));
          }
        });
        const countOf = async () => {
          const texts = await Promise.all(urls.map(async (url) => (await fetch(`${url}/metrics`)).text()));
          const failures = texts.map((text) => Number(/^socketscaler_store_failures_total (\d+)/m.exec(text)?.[1]));
          return {
            failures: failures.reduce((sum, count) => sum + count, 0),
            lines: instances.reduce((sum, { output }) => sum + output.length, 0),
          };
        };

        const rows: Record<string, Value>[] = [];
        for (const { name, strike } of isQuick ? FAULTS.slice(0, 3) : FAULTS) {
          tell(name);
          await cluster.untilHealthy(60_000);
          await pause(2_000);
          const calm = measureCores(instances);
          await pause(isQuick ? 1_000 : CALM_MS);
          const coresBefore = calm();
          silenceMs = 0;
          writeMs = 0;
          const before = await countOf();
          const cores = measureCores(instances);
          await strike(cluster);
          const struckMs = performance.now();
          await until("watchers receive changes again", () => heardMs > struckMs + 500, 60_000);
          const coresDuring = cores();
          const after = await countOf();
          const counts = { failures: after.failures - before.failures, lines: after.lines - before.lines };
          rows.push({
            fault: name,
            silence: silenceMs / 1_000,
            write: writeMs / 1_000,
            coresBefore,
            coresDuring,
            ...counts,
          });
        }
        isOver = true;
        await Promise.all(writing);
        return {
          method: `Three primaries with a replica each, two instances, ${PAGES} pages, a write every ${EVERY_MS} ms to each.`,
          columns: {
            fault: "fault",
            silence: "longest silence, s",
            write: "longest write, s",
            coresBefore: "cores of the instances before",
            coresDuring: "during",
            failures: "store failures",
            lines: "log lines",
          },
          rows,
        };
      });
    } finally {
      await cluster.stop();
    }
  },
};

async function otherPrimary(cluster: Cluster): Promise<ClusterNode> {
  const own = await cluster.primaryOf(SLOT);
  for (const node of cluster.nodes) if (node.id !== own.id && (await node.role()) === "primary") return node;
  throw new Error("there is no other primary");
}

async function stopFor(ms: number, nodes: readonly ClusterNode[]): Promise<void> {
  for (const node of nodes) node.signal("SIGSTOP");
  await pause(ms);
  for (const node of nodes) node.signal("SIGCONT");
}
