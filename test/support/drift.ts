/*
 * Does the overview drift? Random writes all over a giant board, through instances on a cluster; meanwhile an
 * instance is killed with the reports it had not made yet, and a primary with the writes its replica had not got yet; at the
 * end another instance. Every client's counts must come to be those of the bits.
 */

import { type Client, connect } from "../../src/client/index.js";
import { StoreAway } from "../../src/store/store.js";
import { slotOf } from "../../src/store/valkey/routing/slot-map.js";
import { ValkeyStore } from "../../src/store/valkey/valkey-store.js";
import { type ProcessInstance, spawnInstance } from "./instances.js";
import { pageKeys } from "./keys.js";
import type { Random } from "./random.js";
import { until } from "./until.js";
import { startCluster } from "./valkey-cluster.js";

const FLAGS = {
  WRITES_PER_SECOND: "1000000",
  WRITE_BURST: "1000000",
  WRITE_WAIT_MS: "20000",
};
/** Changes that one client has under way. */
const UNDER_WAY_MAX = 1_500;

export interface DriftOptions {
  /** Cells of the board. */
  readonly size: number;
  readonly writes: number;
  readonly pages: number;
  readonly writers: number;
  readonly random: Random;
  readonly said?: (line: string) => void;
}

export interface DriftResult {
  readonly total: number;
  readonly pages: number;
  readonly writeSeconds: number;
  /** From the end of the writes until every client's total and counts were those of the bits. */
  readonly levelSeconds: number;
  readonly refused: number;
}

/** Rejects if a client never shows the counts of the bits. */
export async function drift(options: DriftOptions): Promise<DriftResult> {
  const { size, writes, pages, writers, random, said = () => {} } = options;
  const cluster = await startCluster({ replicasEach: 1 });
  const running: ProcessInstance[] = [];
  const clients: Client[] = [];
  const probe = await ValkeyStore.open({ url: cluster.url });
  try {
    const flags = { ...FLAGS, BOARDS: `main=${size}`, VALKEY_URL: cluster.url };
    running.push(...(await Promise.all([spawnInstance(flags), spawnInstance(flags), spawnInstance(flags)])));
    const [victim, last, survivor] = running;
    if (!victim || !last || !survivor) throw new Error("no instances");
    const numbers = Array.from({ length: pages }, () => random.whole(0, Math.floor(size / 65_536) - 1));
    const boardAt = (urls: readonly string[]) => {
      const client = connect(urls);
      clients.push(client);
      return client.board("main");
    };
    const watchers = [1, 2].map(() => boardAt([survivor.url]));
    await Promise.all(watchers.map((board) => board.watchOverview().ready));

    let left = writes;
    let refused = 0;
    const urls = running.map(({ url }) => url);
    const startMs = performance.now();
    const writing = Array.from({ length: writers }, async (_, index) => {
      // Each begins at another instance.
      const board = boardAt([...urls.slice(index % urls.length), ...urls.slice(0, index % urls.length)]);
      await board.ready;
      const underWay = new Set<Promise<void>>();
      while (left > 0) {
        left--;
        const cell = (numbers[random.whole(0, pages - 1)] ?? 0) * 65_536 + random.whole(0, 65_535);
        const done = board
          .set(cell, random.chance(0.6))
          .catch(() => {
            refused++;
          })
          .finally(() => underWay.delete(done));
        underWay.add(done);
        if (underWay.size >= UNDER_WAY_MAX) await Promise.race(underWay);
      }
      await Promise.all(underWay);
    });
    await until("a third is written", () => left < (writes * 2) / 3, 300_000);
    await victim.kill("SIGKILL");
    said(`an instance is killed after ${writes - left} writes`);
    await until("half is written", () => left < writes / 2, 300_000);
    const page = { board: "main", page: numbers[0] ?? 0 };
    await cluster.killPrimaryOf(slotOf(pageKeys(page).head));
    said(`a primary is killed after ${writes - left} writes`);
    await Promise.all(writing);
    const endMs = performance.now();
    // Nobody will write these pages again: what it had not reported yet, only the check can find.
    await last.kill("SIGKILL");
    said(`${writes} writes are made, ${refused} of them refused`);

    await cluster.untilHealthy();
    let wrong: string[] = [];
    const isLevel = async () => {
      const counts = new Map<number, number>();
      for (const number of new Set(numbers)) {
        const { bits } = pageKeys({ board: "main", page: number });
        counts.set(number, Number(await probe.command(bits, "BITCOUNT", bits)));
      }
      const total = [...counts.values()].reduce((sum, count) => sum + count, 0);
      wrong = watchers.flatMap(({ overview }) => {
        const off = [...counts].filter(([number, count]) => overview?.count(number) !== count);
        const pages = off.map(([number, count]) => `page ${number}: ${overview?.count(number)} instead of ${count}`);
        return overview?.total === total ? pages : [...pages, `total: ${overview?.total} instead of ${total}`];
      });
      return wrong.length === 0;
    };
    // Until the probe has found the new primary.
    const isLevelOrAway = () =>
      isLevel().catch((error: unknown) => {
        if (error instanceof StoreAway) return false;
        throw error;
      });
    await until("all counts are those of the bits", isLevelOrAway, 60_000).catch((error: unknown) => {
      throw new Error(`${error}: ${wrong.slice(0, 5).join("; ")}`);
    });
    return {
      total: watchers[0]?.overview?.total ?? 0,
      pages: new Set(numbers).size,
      writeSeconds: (endMs - startMs) / 1_000,
      levelSeconds: (performance.now() - endMs) / 1_000,
      refused,
    };
  } finally {
    for (const client of clients) client.close();
    await Promise.all(running.map((instance) => instance.kill()));
    await probe.close();
    await cluster.stop();
  }
}
