/*
 * The jitter test: clients drop off again and again, with or without the server hearing of it, and come back to another
 * instance, while messages flow. The judge is the state: at the end every client equals the store, cell by cell. The long
 * form, beside Socket.IO with its own recovery, is bench/scenarios/faults/jitter.ts.
 */

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { storedBits, untilAllShow, watchBoard } from "../support/clients.js";
import { startInstance } from "../support/instances.js";
import { type Cut, Link } from "../support/link.js";
import { mulberry } from "../support/random.js";
import { until } from "../support/until.js";
import { startServer } from "../support/valkey-server.js";

const SIZE = 5_000;
const CLIENTS = 20;
const WRITES = 500;
const WRITE_EVERY_MS = 10;
const DROPS = 4;

describe("clients that drop off again and again", () => {
  test("all match the store in the end, through three instances, however they lose their connections", async (t) => {
    const seed = Date.now() >>> 0;
    t.diagnostic(`seed ${seed}`);
    const random = mulberry(seed);
    const valkey = await startServer();
    t.after(() => valkey.stop());
    const flags = { VALKEY_URL: valkey.url, BOARDS: `main=${SIZE}`, WRITES_PER_SECOND: "10000", WRITE_BURST: "10000" };
    const instances = await Promise.all([1, 2, 3].map(() => startInstance(flags)));
    t.after(() => Promise.all(instances.map((instance) => instance.stop())));
    const urls = instances.map(({ url }) => url);
    const links = await Promise.all(Array.from({ length: CLIENTS }, (_, index) => Link.open(urls, index)));
    const clients = await Promise.all(links.map(({ url }) => watchBoard(url)));
    const writers = await Promise.all(urls.map((url) => watchBoard(url)));
    t.after(() => {
      for (const { close } of [...clients, ...writers]) close();
      for (const link of links) link.close();
    });

    const cutFor = (link: Link, how: Cut, ms: number) =>
      new Promise<void>((mended) => {
        link.cut(how);
        setTimeout(() => {
          link.mend();
          mended();
        }, ms);
      });
    let reconnects = 0;
    for (const { client } of clients) {
      let wasConnected = true;
      client.on("state", ({ connected }) => {
        if (connected && !wasConnected) reconnects++;
        wasConnected = connected;
      });
    }
    let isDropping = true;
    const dropping = links.map(async (link, index) => {
      for (let drop = 0; drop < DROPS; drop++) {
        await cutFor(link, random() < 0.5 ? "reset" : "silent", random() * 700);
        await until("the client is back", () => clients[index]?.client.state.connected === true, 30_000);
      }
    });
    void Promise.allSettled(dropping).then(() => {
      isDropping = false;
    });
    const acknowledged: Promise<void>[] = [];
    const write = () => {
      const board = writers[acknowledged.length % writers.length]?.board;
      // Half of the writes go to a hundred cells, so that values are overwritten while clients are away.
      const cell = Math.floor(random() * (random() < 0.5 ? 100 : SIZE));
      if (board) acknowledged.push(board.set(cell, random() < 0.5));
    };
    await new Promise<void>((done) => {
      const timer = setInterval(() => {
        write();
        if (acknowledged.length < WRITES || isDropping) return;
        clearInterval(timer);
        done();
      }, WRITE_EVERY_MS);
    });
    await Promise.all([...acknowledged, ...dropping]);

    // A short drop that neither side noticed needs no reconnect.
    assert.ok(reconnects >= (CLIENTS * DROPS) / 2, `only ${reconnects} reconnects`);
    const stored = await storedBits(urls[0] ?? "", SIZE);
    const boards = [...clients, ...writers].map(({ board }) => board);
    await untilAllShow(boards, stored);
    const metrics = (await Promise.all(instances.map(({ instance }) => instance.metrics.text()))).join("\n");
    const byDelta = Array.from(metrics.matchAll(/socketscaler_catch_ups_total\{by="delta"\} (\d+)/g), ([, count]) =>
      Number(count),
    ).reduce((sum, count) => sum + count, 0);
    assert.ok(byDelta >= CLIENTS, `of ${reconnects} returns only ${byDelta} were served by a delta`);
  });
});
