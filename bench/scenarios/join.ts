/*
 * Question: what does it cost to join a board of 1,000,000 cells, half of them checked at random,
 * all 16 pages together?
 *
 * Bytes are compared with the bitmap itself, and time with an HTTP GET of as many bytes from bare
 * `node:http`. Both are measured from the first packet of a new connection to the last byte, in
 * turns.
 */

import { randomFillSync } from "node:crypto";
import { get } from "node:http";
import { cellsInPage, PAGE_CELLS, pageCount } from "../../src/board/geometry.js";
import { newTag } from "../../src/store/tag.js";
import { ValkeyStore } from "../../src/store/valkey/valkey-store.js";
import { LaneClient } from "../load/lane-client.js";
import { ours } from "../load/ours.js";
import { atMost, median, type Scenario } from "../load/outcome.js";
import { installPeers, peer } from "../load/peers.js";
import { start, startSystem, startValkey } from "../load/processes.js";

const CELLS = 1_000_000;
const BITMAP_BYTES = CELLS / 8;
const RATIO = 1.02;
const TIME_RATIO = { required: 4, stretch: 2.5 };
const WARM_UP = 20;

export const join: Scenario = {
  name: "join",
  question: "What does it cost to join a board of 1,000,000 cells, all 16 pages?",
  run: async ({ isQuick }) => {
    installPeers();
    const joins = isQuick ? 30 : 200;
    const system = ours(CELLS);
    const valkey = await startValkey();
    await fill(valkey.url);
    const server = await startSystem(system, valkey, CELLS);
    const floor = await start(process.execPath, peer("http-floor.ts", BITMAP_BYTES));
    try {
      const pages = Array.from({ length: pageCount(CELLS) }, (_, page) => page);
      const joinMs: number[] = [];
      const getMs: number[] = [];
      let bytes = 0;
      let getBytes = 0;
      for (let index = 0; index < joins + WARM_UP; index++) {
        const startMs = performance.now();
        const client = await LaneClient.open(server.url, pages);
        const joinedMs = performance.now();
        bytes = client.received.bytes;
        client.close();
        const gotMs = performance.now();
        getBytes = await getAll(floor.url);
        if (index < WARM_UP) continue;
        joinMs.push(joinedMs - startMs);
        getMs.push(performance.now() - gotMs);
      }
      const middle = { join: median(joinMs), get: median(getMs) };
      return {
        method: `${joins} joins and GETs, alternately, each on a new connection; median. Half of the cells are checked, at random, so nothing can be compressed.`,
        columns: { system: "way", bytes: "bytes received", ms: "time, ms" },
        rows: [
          { system: "join: connect, open, watch 16 pages", bytes, ms: middle.join },
          { system: "HTTP GET of the bitmap's bytes", bytes: getBytes, ms: middle.get },
        ],
        targets: [
          atMost(RATIO, "×", "bytes of a join, relative to the bitmap", bytes / BITMAP_BYTES),
          atMost(TIME_RATIO, "×", "time of a join, relative to an HTTP GET of as many bytes", middle.join / middle.get),
        ],
        notes: [
          "A join is three round trips: TCP, the WebSocket's handshake, and hello with open and watch. The GET is two.",
          "The coalesced ws peer cannot join: its clients begin empty.",
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
  const store = await ValkeyStore.open({ url });
  for (let page = 0; page < pageCount(CELLS); page++) {
    const bits = randomFillSync(new Uint8Array(PAGE_CELLS / 8), 0, cellsInPage(CELLS, page) / 8);
    await store.replace({ board: "main", page }, newTag(), bits);
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
