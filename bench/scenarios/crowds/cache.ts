/*
 * Question: what does a crowd cost an instance behind a cache, if it reads one page, or views it by
 * the feed?
 *
 * nginx is the real one, with the file of deploy/. Each viewer notes when it shows a click.
 */

import { Agent, get } from "node:http";
import { setTimeout as pause } from "node:timers/promises";
import { readPage } from "../../../src/bench/deployment.js";
import { sharedNow } from "../../../src/bench/probes.js";
import { connect } from "../../../src/client/index.js";
import { startBalancer } from "../../../test/support/balancers.js";
import type { RequestCounts } from "../../load/counted-instance.js";
import { Delays } from "../../load/delays.js";
import type { Clicks, FeedCrowdOptions, FeedCrowdReport } from "../../load/feed-crowd.js";
import { NO_LIMITS } from "../../load/ours.js";
import { atLeast, atMost, type Scenario } from "../../load/outcome.js";
import { ask, cpuSeconds, startChild, startValkey } from "../../load/processes.js";

const CELLS = 65_536;
const CROWD = 2_000;
const QUICK_CROWD = 200;
const WRITES_PER_SECOND = 50;
const GRID_MS = 1_000;
const LATE_MS = 600;
/** One viewer in so many is a client of the library. The others make the same requests with less CPU. */
const LIBRARY_PART = 10;
/** A crowd in one process would wait for its own CPU. */
const PROCESSES = 2;
const SETTLE_MS = 5_000;

export const crowdCache: Scenario = {
  name: "crowd-cache",
  question: "What does a crowd cost an instance behind a cache?",
  run: async ({ isQuick, tell }) => {
    const crowd = isQuick ? QUICK_CROWD : CROWD;
    const seconds = isQuick ? 5 : 30;
    const ends: (() => unknown)[] = [];
    try {
      const valkey = await startValkey();
      ends.push(() => valkey.stop());
      const flags = { VALKEY_URL: valkey.url, BOARDS: `main=${CELLS}`, TRUSTED_PROXIES: "127.0.0.1", ...NO_LIMITS };
      const instance = await startChild("../../load/counted-instance.ts", import.meta.url, JSON.stringify(flags));
      ends.push(() => instance.kill());
      const counts = async (): Promise<RequestCounts> => {
        return (await ask(instance, "counts")) as RequestCounts;
      };
      const { url: direct } = await counts();
      const url = await startBalancer({ after: (end) => ends.push(end) }, "nginx", [Number(new URL(direct).port)]);
      /** Requests at the instance and its CPU, a second, while `work` runs. */
      const during = async (work: Promise<unknown>) => {
        const before = { ...(await counts()), cpu: cpuSeconds([instance.pid]), ms: performance.now() };
        await work;
        const after = await counts();
        const elapsed = (performance.now() - before.ms) / 1_000;
        return {
          pages: (after.pages - before.pages) / elapsed,
          feed: (after.feed - before.feed) / elapsed,
          all: (after.all - before.all) / elapsed,
          cpu: ((cpuSeconds([instance.pid]) - before.cpu) * 100) / elapsed,
        };
      };

      const readers = await during(readAll(`${url}/boards/main/pages/0`, crowd, seconds));
      tell(`${crowd} readers: ${readers.pages.toFixed(2)} requests a second at the instance`);

      const crowds = await Promise.all(
        [true, ...Array.from({ length: PROCESSES }, () => false)].map((isLibrary) => {
          const viewers = isLibrary ? crowd / LIBRARY_PART : (crowd - crowd / LIBRARY_PART) / PROCESSES;
          const options: FeedCrowdOptions = { url, cells: CELLS, viewers, isLibrary };
          return startChild("../../load/feed-crowd.ts", import.meta.url, JSON.stringify(options));
        }),
      );
      ends.push(() => {
        for (const each of crowds) each.kill();
      });
      const writer = connect(direct);
      ends.push(() => writer.close());
      const board = writer.board("main");
      await board.ready;
      const gapMs = 1_000 / WRITES_PER_SECOND;
      const from = sharedNow();
      for (const each of crowds) each.send({ from, gapMs } satisfies Clicks);
      const written = async () => {
        for (let cell = 0; cell < seconds * WRITES_PER_SECOND; cell++) {
          await pause(Math.max(0, from + cell * gapMs - sharedNow()));
          void board.set(cell, true);
        }
      };
      const viewers = await during(written());
      await pause(SETTLE_MS);
      const { bits } = await readPage(direct, "main", 0);
      const page = { bits: Buffer.from(bits).toString("base64") };
      const reports = await Promise.all(crowds.map(async (each) => (await ask(each, page)) as FeedCrowdReport));
      const [library, light] = [new Delays(), new Delays()];
      for (const [index, report] of reports.entries()) (index === 0 ? library : light).add(report.delays);
      const equal = reports.reduce((sum, report) => sum + report.equal, 0);
      const clicked = seconds * WRITES_PER_SECOND;
      const missing = crowd * clicked - library.count - light.count;
      const p99 = Math.max(library.percentile(99), light.percentile(99));
      tell(`${crowd} viewers: ${viewers.feed.toFixed(2)} requests a second, ${equal} equal, p99 ${p99} ms`);

      const idle = await during(pause(isQuick ? 2_000 : 60_000));
      tell(`${crowd} idle viewers: ${idle.all.toFixed(2)} requests a second`);
      const row = (system: string, found: typeof idle, others: Readonly<Record<string, number>> = {}) => ({
        system,
        people: crowd,
        requests: found.all,
        cpu: found.cpu,
        p50: null,
        p99: null,
        libraryP50: null,
        libraryP99: null,
        ...others,
      });
      return {
        method:
          `nginx with deploy/nginx.conf, one instance and Valkey. ${crowd} readers each read the same page once a second, for ${seconds} s. ` +
          `Then ${crowd} clients in ${PROCESSES + 1} processes view the page through the feed, ${crowd / LIBRARY_PART} of them with the library. ` +
          `Meanwhile, another client writes ${WRITES_PER_SECOND} changes a second at the instance. ` +
          "A delay is the time from a click to the moment when a viewer shows it, over all viewers and clicks.",
        columns: {
          system: "crowd",
          people: "people",
          requests: "requests per second at the instance",
          cpu: "its CPU, % of a core",
          p50: "click → viewer p50, ms",
          p99: "p99, ms",
          libraryP50: "the library's viewers, p50, ms",
          libraryP99: "p99, ms",
        },
        rows: [
          row("readers of a page", readers),
          row(`viewers, ${WRITES_PER_SECOND} writes/s`, viewers, {
            p50: light.percentile(50),
            p99: light.percentile(99),
            libraryP50: library.percentile(50),
            libraryP99: library.percentile(99),
          }),
          row("viewers, no writes", idle),
        ],
        targets: [
          atMost(2, "", "requests per second at the instance for readers of one page", readers.pages),
          atMost(2, "", "requests per step of the feed at the instance", (viewers.feed * GRID_MS) / 1_000),
          atLeast(100, "%", "viewers equal to the store after the last write", (equal * 100) / crowd),
          atMost(
            GRID_MS + LATE_MS,
            "ms",
            "p99 from a click to a viewer, with or without the library, whichever is greater",
            p99,
          ),
        ],
        faults: [
          ...(equal === crowd ? [] : [`${crowd - equal} viewers differ from the store`]),
          ...(missing === 0 ? [] : [`${missing} of ${crowd * clicked} delays are missing`]),
        ],
      };
    } finally {
      for (const end of ends.reverse()) await end();
    }
  },
};

/** Each reader reads the page once a second, at a moment of its own. */
async function readAll(page: string, readers: number, seconds: number): Promise<void> {
  const agent = new Agent({ keepAlive: true });
  const read = () =>
    new Promise<void>((done, fail) => {
      get(page, { agent }, (response) => {
        if (response.statusCode === 200) response.resume().on("end", done);
        else fail(new Error(`a page was answered with ${response.statusCode}`));
      }).on("error", fail);
    });
  const reader = async (_: unknown, index: number) => {
    await pause((index / readers) * 1_000);
    const startMs = performance.now();
    for (let count = 1; count <= seconds; count++) {
      await read();
      await pause(Math.max(0, startMs + count * 1_000 - performance.now()));
    }
  };
  await Promise.all(Array.from({ length: readers }, reader));
  agent.destroy();
}
