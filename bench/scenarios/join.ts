/*
 * Question: what does it take to join a board of 1,000,000 cells, half of them checked at random, all 16 pages at once?
 *
 * Bytes beside the bitmap itself, time beside an HTTP GET of as many bytes from bare `node:http`; both from the first packet of
 * a new connection to the last byte, in turns.
 */

import { randomBytes } from "node:crypto";
import { get } from "node:http";
import { fileURLToPath } from "node:url";
import { packChange } from "../../src/board/delta.js";
import { cellsInPage, pageCount } from "../../src/board/geometry.js";
import { readConfig } from "../../src/server/config.js";
import { openStore } from "../../src/server/open-store.js";
import { createLog } from "../../src/server/telemetry/log.js";
import { BATCH_CHANGES_MAX } from "../../src/store/store.js";
import { newTag } from "../../src/store/tag.js";
import { OurClient, ours } from "../load/ours.js";
import { type Scenario, spreadOf } from "../load/outcome.js";
import { start, startValkey } from "../load/processes.js";

const CELLS = 1_000_000;
const BITMAP_BYTES = CELLS / 8;
const RATIO = 1.02;
const WARM_UP = 20;

export const join: Scenario = {
  name: "join",
  run: async ({ isQuick }) => {
    const joins = isQuick ? 30 : 200;
    const system = ours(CELLS);
    const valkey = await startValkey();
    await fill(valkey.url);
    const server = await start(process.execPath, system.args(valkey, CELLS), system.env?.(valkey, CELLS));
    const floorFile = fileURLToPath(new URL("../peers/http-floor.ts", import.meta.url));
    const floor = await start(process.execPath, ["--import", "tsx", floorFile, String(BITMAP_BYTES)]);
    try {
      const pages = Array.from({ length: pageCount(CELLS) }, (_, page) => page);
      const joinMs: number[] = [];
      const getMs: number[] = [];
      let bytes = 0;
      let getBytes = 0;
      for (let index = 0; index < joins + WARM_UP; index++) {
        const startMs = performance.now();
        const client = await OurClient.open(server.url, pages);
        const joinedMs = performance.now();
        bytes = client.received.bytes;
        client.close();
        const gotMs = performance.now();
        getBytes = await getAll(floor.url);
        if (index < WARM_UP) continue;
        joinMs.push(joinedMs - startMs);
        getMs.push(performance.now() - gotMs);
      }
      const middle = { join: spreadOf(joinMs).median, get: spreadOf(getMs).median };
      return {
        name: "join",
        question: "Joining a board of 1,000,000 cells, all 16 pages",
        method: `${joins} joins and GETs in turns, each on a new connection; median. Half of the cells are checked, at random: nothing can be compressed.`,
        columns: [
          { key: "system", label: "way" },
          { key: "bytes", label: "bytes received" },
          { key: "ms", label: "time, ms" },
        ],
        rows: [
          { system: "join: connect, open, watch 16 pages", bytes, ms: middle.join },
          { system: "HTTP GET of the bitmap's bytes", bytes: getBytes, ms: middle.get },
        ],
        targets: [
          {
            text: "bytes of a join, of the bitmap",
            measured: bytes / BITMAP_BYTES,
            bound: RATIO,
            sense: "at most",
            unit: "×",
          },
        ],
        notes: [
          `A join takes ${(middle.join / middle.get).toFixed(1)} times the GET: it is four round trips, and the client decodes.`,
        ],
      };
    } finally {
      await server.stop();
      await floor.stop();
      await valkey.stop();
    }
  },
};

async function fill(url: string): Promise<void> {
  const store = await openStore(readConfig({ VALKEY_URL: url }, {}), createLog("silent"));
  for (let page = 0; page < pageCount(CELLS); page++) {
    const random = randomBytes(cellsInPage(CELLS, page));
    const offsets = Array.from(random.keys()).filter((offset) => (random[offset] ?? 0) < 128);
    const checked = Uint32Array.from(offsets, (offset) => packChange(offset, 1));
    for (let at = 0; at < checked.length; at += BATCH_CHANGES_MAX) {
      const changes = checked.subarray(at, at + BATCH_CHANGES_MAX);
      await store.commit({ board: "main", page }, { tag: newTag(), writes: [{ session: "", seq: 1, changes }] });
    }
  }
  await store.close();
}

function getAll(url: string): Promise<number> {
  return new Promise((done, fail) => {
    get(url, { agent: false }, (response) => {
      let bytes = 0;
      response.on("data", (chunk: Buffer) => {
        bytes += chunk.length;
      });
      response.on("end", () => done(bytes));
    }).on("error", fail);
  });
}
