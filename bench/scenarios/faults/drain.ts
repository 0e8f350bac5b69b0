/*
 * Question: one of three instances is drained while a thousand clients watch and 200 changes a
 * second are made. Is a change lost, how long is each client without service, and how much CPU do
 * the other instances use?
 *
 * A third of the clients starts at each instance. The first one gets SIGTERM and asks its clients to
 * move over DRAIN_MS or, for comparison, all at once. In the end, each acknowledged change is looked
 * up in the store, and all clients are compared with it. The crowd shares one process, which
 * lengthens its gaps; PROBES clients in a process of their own show the gap of a browser.
 */

import { once } from "node:events";
import { setTimeout as pause } from "node:timers/promises";
import { OPTIONS } from "../../../src/server/config.js";
import { storedBits, type TestClient, untilAllShow, watchBoard } from "../../../test/support/clients.js";
import { until } from "../../../test/support/until.js";
import { deploy, measureCores } from "../../load/deployment.js";
import { NO_LIMITS } from "../../load/ours.js";
import { percentile, type Scenario, type Settings, type Value } from "../../load/outcome.js";
import { ask, startChild } from "../../load/processes.js";
import { watchGaps } from "./gaps.js";

const SIZE = 65_536;
const PROBES = 30;
const CONNECTING_AT_ONCE = 50;

interface Drained {
  readonly row: Readonly<Record<string, Value>>;
  readonly faults: readonly string[];
}

export const drain: Scenario = {
  name: "drain",
  question: "How long is a client without service when one of three instances is drained under load?",
  run: async (settings) => {
    const size = settings.isQuick
      ? { clients: 150, rate: 100, calmMs: 1_000 }
      : { clients: 1_000, rate: 200, calmMs: 5_000 };
    const found: Drained[] = [];
    for (const drainMs of [Number(OPTIONS.drainMs.fallback), 0]) found.push(await drainOne(drainMs, size, settings));
    return {
      method: `${size.clients} clients on three instances, ${size.rate} changes/s. A gap is the time in which a client's board is not live.`,
      columns: {
        over: "clients asked to move over, s",
        made: "changes",
        ackMs: "longest acknowledgement, ms",
        probeP50: `gap of ${PROBES} clients in a process of their own: p50, ms`,
        probeMax: "longest, ms",
        crowdP50: "gap in the crowd: p50, ms",
        crowdMax: "longest, ms",
        coresBefore: "cores of the other instances before",
        coresDuring: "during",
        exitSeconds: "exit after, s",
      },
      rows: found.map(({ row }) => row),
      faults: found.flatMap(({ faults }) => faults),
    };
  },
};

interface Size {
  readonly clients: number;
  readonly rate: number;
  readonly calmMs: number;
}

function drainOne(drainMs: number, { clients: count, rate, calmMs }: Size, { tell }: Settings): Promise<Drained> {
  const flags = { ...NO_LIMITS, BOARDS: `main=${SIZE}`, DRAIN_MS: String(drainMs) };
  return deploy(3, flags, async ({ instances, urls, closing }) => {
    const [leaving, ...others] = instances;
    if (!leaving) throw new Error("no instance");
    const probe = await startChild("drain-probe.ts", import.meta.url, String(PROBES), ...urls);
    closing({ close: () => probe.kill() });
    const clients: TestClient[] = [];
    while (clients.length < count - PROBES) {
      const some = Array.from({ length: Math.min(CONNECTING_AT_ONCE, count - PROBES - clients.length) }, (_, index) => {
        const first = (clients.length + index) % urls.length;
        return watchBoard([...urls.slice(first), ...urls.slice(0, first)]);
      });
      clients.push(...(await Promise.all(some)).map(closing));
    }
    tell(`${count} clients are connected`);
    const boards = clients.map(({ board }) => board);
    const gaps = boards.map(watchGaps);
    const isMover = clients.map(({ client }) => client.state.url === leaving.url);

    let isOver = false;
    let made = 0;
    let ackMs = 0;
    const acknowledged: number[] = [];
    const failures: unknown[] = [];
    const answers: Promise<unknown>[] = [];
    const writing = (async () => {
      const startMs = performance.now();
      for (; !isOver && made < SIZE; made++) {
        await pause(Math.max(0, startMs + (made * 1_000) / rate - performance.now()));
        const cell = made;
        const sentMs = performance.now();
        const settled = () => {
          acknowledged.push(cell);
          ackMs = Math.max(ackMs, performance.now() - sentMs);
        };
        // 7 is coprime to the number of clients, so that all take their turn.
        const answer = boards[(made * 7) % boards.length]?.set(cell, true);
        if (answer) answers.push(answer.then(settled, (error: unknown) => failures.push(error)));
      }
    })();

    let cores = measureCores(others);
    await pause(calmMs);
    const coresBefore = cores();
    cores = measureCores(others);
    const signalledMs = performance.now();
    const ended = once(leaving.child, "exit");
    leaving.child.kill("SIGTERM");
    const [code] = await ended;
    const exitSeconds = (performance.now() - signalledMs) / 1_000;
    await until("all are live", () => boards.every(({ status }) => status === "live"), 30_000);
    const coresDuring = cores();
    await pause(calmMs / 2);
    isOver = true;
    await writing;
    await Promise.all(answers);
    const stored = await storedBits(others[0]?.url ?? "", SIZE);
    const lost = acknowledged.filter((cell) => stored[cell] !== "1").length;
    await untilAllShow(boards, stored, 30_000);

    const probed = (await ask(probe, "report")) as number[];
    const crowd = gaps.filter((_, index) => isMover[index]).map(({ longestMs }) => longestMs);
    const bystandersGaps = gaps.filter((_, index) => !isMover[index]).reduce((sum, { count }) => sum + count, 0);
    const faults = [
      [lost, "acknowledged changes were lost"],
      [failures.length, "changes failed"],
      [bystandersGaps, "gaps of clients that did not have to move"],
      [Number(code), "is the exit code of the drained instance"],
    ] as const;
    return {
      row: {
        over: drainMs / 1_000,
        made,
        ackMs,
        probeP50: percentile(probed, 0.5),
        probeMax: percentile(probed, 1),
        crowdP50: percentile(crowd, 0.5),
        crowdMax: percentile(crowd, 1),
        coresBefore,
        coresDuring,
        exitSeconds,
      },
      faults: faults.filter(([found]) => found !== 0).map(([found, what]) => `${found} ${what}`),
    };
  });
}
