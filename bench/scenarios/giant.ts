/*
 * Question: what do viewers, the overview and pages over HTTP cost on a board of a billion cells?
 *
 * 200 clients look at a page each, then all at one page, with the same rate of clicks: the first must
 * not cost more. Then the overview of all pages, without clicks. Last, pages over HTTP, while others
 * write. The cost of a click by the size of the board is in board-size.ts.
 */

import { setTimeout as pause } from "node:timers/promises";
import { pace } from "../../src/bench/pace.js";
import { connect } from "../../src/client/index.js";
import { rawClient } from "../../test/support/raw-client.js";
import { type Deployment, deploy, measureCores } from "../load/deployment.js";
import { NO_LIMITS } from "../load/ours.js";
import { median, percentile, type Scenario } from "../load/outcome.js";
import { cpuSeconds } from "../load/processes.js";

const BILLION = 1_000_000_000;
const PAGES = 15_259;
const CLIENTS = 200;
const CLICKS_PER_SECOND = 200;
const SETTLE_MS = 1_500;
/** The first round over all pages is made without pauses. */
const FIRST_ROUND_MS = 3_000;
const WRITES_AT_ONCE = 20;

type Row = readonly [what: string, measured: number, unit: string];

export const giant: Scenario = {
  name: "giant",
  question: "What do viewers, the overview and pages over HTTP cost on a board of a billion cells?",
  run: ({ isQuick, tell }) =>
    deploy(1, { ...NO_LIMITS, BOARDS: `main=${BILLION}` }, async (deployment) => {
      const seconds = isQuick ? 2 : 6;
      const rows: Row[] = [];
      // The first two rounds warm the instance up.
      await watchAndClick(deployment, seconds, (index) => index * 76 + 1);
      await watchAndClick(deployment, seconds, () => 4);
      for (const [name, pageOf] of [
        ["each on a page of its own", (index: number) => index * 76],
        ["all on one page", () => 5],
      ] as const) {
        tell(name);
        const { cores, frames, foreign } = await watchAndClick(deployment, seconds, pageOf);
        rows.push([`${CLIENTS} clients, ${name}: instance`, cores, "cores"], ["… frames per client", frames, ""]);
        rows.push(["… frames of pages that it does not watch", foreign, ""]);
      }
      rows.push(...(await watchOverview(deployment, seconds)));
      rows.push(...(await readPages(deployment, isQuick ? 300 : 2_000)));
      return {
        method: `One instance, a board of ${BILLION.toLocaleString("en-US")} cells, ${CLICKS_PER_SECOND} clicks/s for ${seconds} s.`,
        columns: { what: "what", measured: "measured", unit: "" },
        rows: rows.map(([what, measured, unit]) => ({ what, measured, unit })),
      };
    }),
};

async function watchAndClick({ instances, urls }: Deployment, seconds: number, pageOf: (index: number) => number) {
  const [url = ""] = urls;
  const clients = await Promise.all(Array.from({ length: CLIENTS }, () => rawClient(url)));
  await Promise.all(clients.map((client, index) => client.watch([pageOf(index)])));
  const writer = connect(url);
  const board = writer.board("main");
  await board.ready;
  const cores = measureCores(instances);
  const clicks: Promise<void>[] = [];
  const click = () => void clicks.push(board.set(pageOf(clicks.length % CLIENTS) * 65_536 + clicks.length, true));
  await pace(CLICKS_PER_SECOND, seconds * 1_000, click);
  await Promise.all(clicks);
  const used = cores();
  await pause(SETTLE_MS);
  writer.close();
  for (const client of clients) client.close();
  const foreign = clients.flatMap(({ frames }, index) => frames.filter(({ page }) => page !== pageOf(index)));
  return { cores: used, frames: median(clients.map(({ frames }) => frames.length)), foreign: foreign.length };
}

async function watchOverview({ instances, urls, valkey }: Deployment, seconds: number): Promise<Row[]> {
  const measure = async (when: string): Promise<Row[]> => {
    const before = cpuSeconds([valkey.pid]);
    const cores = measureCores(instances);
    await pause(seconds * 1_000);
    return [
      [`instance ${when}`, cores(), "cores"],
      [`Valkey ${when}`, (cpuSeconds([valkey.pid]) - before) / seconds, "cores"],
    ];
  };
  const rest = await measure("at rest");
  const client = connect(urls[0] ?? "");
  const board = client.board("main");
  await board.ready;
  const startMs = performance.now();
  await board.watchOverview().ready;
  const readyMs = performance.now() - startMs;
  await pause(FIRST_ROUND_MS);
  const watched = await measure("while the overview is watched");
  client.close();
  return [
    [`overview of ${PAGES.toLocaleString("en-US")} pages, from request to answer`, readyMs, "ms"],
    ...rest,
    ...watched,
  ];
}

async function readPages({ urls }: Deployment, count: number): Promise<Row[]> {
  const [url = ""] = urls;
  const writer = connect(url);
  const board = writer.board("main");
  await board.ready;
  let isOver = false;
  const writing = (async () => {
    for (let cell = 0; !isOver; ) {
      const next = () => board.set((cell++ * 7_919_993) % BILLION, true);
      await Promise.all(Array.from({ length: WRITES_AT_ONCE }, next));
    }
  })();
  const tookMs: number[] = [];
  const warmUp = count / 10;
  for (let at = 0; at < count; at++) {
    const startMs = performance.now();
    const response = await fetch(`${url}/boards/main/pages/${(at * 7_919) % PAGES}`);
    await response.arrayBuffer();
    if (at >= warmUp) tookMs.push(performance.now() - startMs);
  }
  isOver = true;
  await writing;
  writer.close();
  return [0.5, 0.99].map((part) => [
    `any page over HTTP while others write, p${part * 100}`,
    percentile(tookMs, part),
    "ms",
  ]);
}
