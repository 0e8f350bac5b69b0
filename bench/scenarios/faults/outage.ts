/*
 * Question: what do writers experience when Valkey hangs for five seconds under load, and is
 * anything lost?
 *
 * Three instances and nine clients; each client sets one cell after another. Valkey is stopped with
 * SIGSTOP and continued. In the end, every acknowledged write is compared with the store, and so is
 * every client.
 */

import { setTimeout as pause } from "node:timers/promises";
import { storedBits, untilAllShow, watchBoard } from "../../../test/support/clients.js";
import { until } from "../../../test/support/until.js";
import { deploy } from "../../load/deployment.js";
import { NO_LIMITS } from "../../load/ours.js";
import type { Scenario } from "../../load/outcome.js";

const SIZE = 9_000;
const CLIENTS = 9;
const CALM_MS = 2_000;

export const outage: Scenario = {
  name: "outage",
  question: "What do writers experience when Valkey hangs under load, and is anything lost?",
  run: ({ isQuick }) =>
    deploy(3, { ...NO_LIMITS, BOARDS: `main=${SIZE}` }, async ({ valkey, instances, urls, closing }) => {
      const hangMs = isQuick ? 3_000 : 5_000;
      const [url = ""] = urls;
      const clients = await Promise.all(
        Array.from({ length: CLIENTS }, (_, index) => watchBoard(urls[index % 3] ?? "")),
      );
      const boards = clients.map((client) => closing(client).board);
      const acknowledged = new Map<number, boolean>();
      const refusals = new Map<string, number>();
      let writes = 0;
      let longestMs = 0;
      let isOver = false;
      for (const board of boards) {
        board.on("delayed", ({ code }) => refusals.set(code, (refusals.get(code) ?? 0) + 1));
      }
      const load = boards.map(async (board, index) => {
        for (let round = 0; !isOver; round++) {
          const cell = (round % (SIZE / CLIENTS)) * CLIENTS + index;
          const value = Math.floor(round / (SIZE / CLIENTS)) % 2 === 0;
          const startMs = performance.now();
          await board.set(cell, value);
          longestMs = Math.max(longestMs, performance.now() - startMs);
          acknowledged.set(cell, value);
          writes++;
        }
      });
      const msUntil = async (what: string, isSo: () => boolean | Promise<boolean>) => {
        const startMs = performance.now();
        await until(what, isSo);
        return performance.now() - startMs;
      };
      const isReady = async () => (await fetch(`${url}/ready`)).ok;

      await pause(CALM_MS);
      valkey.signal("SIGSTOP");
      const noticedMs = await msUntil("/ready fails", async () => !(await isReady()));
      const readStatus = (await fetch(`${url}/boards/main/pages/0`)).status;
      await pause(hangMs - noticedMs);
      valkey.signal("SIGCONT");
      const readyMs = await msUntil("/ready succeeds", isReady);
      const during = writes;
      const flowingMs = readyMs + (await msUntil("writes succeed again", () => writes > during + CLIENTS));
      await pause(CALM_MS);
      isOver = true;
      await Promise.all(load);

      const stored = await storedBits(url, SIZE);
      const lost = [...acknowledged].filter(([cell, value]) => stored[cell] !== (value ? "1" : "0")).length;
      await untilAllShow(boards, stored);
      const errors = instances
        .flatMap(({ output }) => output)
        .filter((line) => /unhandled|"level":(50|60)/i.test(line));
      const row = (what: string, measured: number | string, unit = "") => ({ what, measured, unit });
      return {
        method: `Three instances, ${CLIENTS} clients that write without pause; Valkey is stopped for ${hangMs / 1_000} s. The scenario fails if a client does not end up equal to the store.`,
        columns: { what: "what", measured: "measured", unit: "" },
        rows: [
          row("/ready fails after", noticedMs, "ms"),
          row("status of a page that is read meanwhile", readStatus),
          row(
            "refusals reported to writers",
            [...refusals].map(([code, count]) => `${code} ${count}`).join(", ") || "none",
          ),
          row("from Valkey's return until /ready succeeds", readyMs, "ms"),
          row("from Valkey's return until writes succeed", flowingMs, "ms"),
          row("longest time that a write took", longestMs, "ms"),
          row("acknowledged writes", writes),
        ],
        faults: [
          ...(lost > 0 ? [`${lost} acknowledged writes were lost`] : []),
          ...errors.map((line) => `an instance logged: ${line}`),
        ],
      };
    }),
};
