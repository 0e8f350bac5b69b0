/* The client library where things go wrong around it: several boards, watches that fail, boards that change their size. */

import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { connect } from "../../src/client/index.js";
import { Refusal } from "../../src/protocol/errors.js";
import { BOARDS_NAMESPACE, PROTOCOL_VERSION } from "../../src/protocol/version.js";
import { EmbeddedStore } from "../../src/store/embedded/embedded-store.js";
import { StoreAway } from "../../src/store/store.js";
import { bitsOf, watchBoard } from "../support/clients.js";
import { FaultyStore } from "../support/faulty-store.js";
import { temporaryFolder } from "../support/folder.js";
import { startInstance } from "../support/instances.js";
import { until } from "../support/until.js";
import { freePort } from "../support/valkey-server.js";

describe("the client library", () => {
  let store: EmbeddedStore;
  before(async () => {
    store = await EmbeddedStore.open({ directory: temporaryFolder({ after }) });
  });
  after(() => store.close());

  test("a client of another protocol version is told to reload, and its board closes", async (t) => {
    const instance = await startInstance({ BOARDS: "old=10" }, store);
    t.after(() => instance.stop());
    // What a client of the next version would say.
    instance.io.of(BOARDS_NAMESPACE).use((socket, next) => {
      socket.prependAny((name: string, request: { protocol?: number }) => {
        if (name === "open") request.protocol = PROTOCOL_VERSION + 1;
      });
      next();
    });
    const client = connect(instance.url);
    t.after(() => client.close());
    const board = client.board("old");
    const waiting = board.set(3, true);
    await Promise.all([
      assert.rejects(board.ready, { code: "UNSUPPORTED_PROTOCOL", message: /reload/i }),
      assert.rejects(waiting, { code: "UNSUPPORTED_PROTOCOL" }),
    ]);
    assert.equal(board.status, "closed");
    assert.equal(client.state.connected, true);
  });

  test("writes to several boards over one connection", async (t) => {
    const instance = await startInstance({ BOARDS: "one=10,two=10" }, store);
    const client = connect(instance.url);
    t.after(async () => {
      client.close();
      await instance.stop();
    });
    await Promise.all(["one", "two"].map((name) => client.board(name).set(3, true)));
  });

  test("gives a page's bits as one reads them cell by cell, with the own changes on their way", async (t) => {
    const instance = await startInstance({ BOARDS: "bits=70000" }, store);
    const client = connect(instance.url);
    t.after(async () => {
      client.close();
      await instance.stop();
    });
    const board = client.board("bits");
    await board.ready;
    assert.equal(board.bitsOf(1), undefined, "not watched");
    await board.set(65_539, true);
    await board.watch({ start: 65_536, end: 70_000 }).ready;
    const waiting = board.set(65_541, true);
    assert.equal(board.bitsOf(1)?.[0], 0b0001_0100);
    await waiting;
    assert.equal(board.bitsOf(1)?.[0], 0b0001_0100);
    assert.equal(board.bitsOf(2), undefined, "no such page");
  });

  test("tries a watch again that failed because the store was away", async (t) => {
    const faulty = new FaultyStore(store);
    const subscribe = faulty.subscribe.bind(faulty);
    let isAway = true;
    faulty.subscribe = (page, listener) =>
      isAway ? Promise.reject(new StoreAway("away", { sent: false })) : subscribe(page, listener);
    const instance = await startInstance({ BOARDS: "away=10" }, faulty);
    const client = connect(instance.url);
    t.after(async () => {
      client.close();
      await instance.stop();
    });
    const board = client.board("away");
    await board.ready;
    const { ready } = board.watch({ start: 0, end: 10 });
    await until("the board says that it is not up to date", () => board.status === "joining");
    isAway = false;
    await ready;
    await until("the board is live", () => board.status === "live");
  });

  test("gives up a watch that is too wide, and goes on without it", async (t) => {
    const instance = await startInstance({ BOARDS: "wide=1000000", WATCHED_PAGES: "4" }, store);
    const client = connect(instance.url);
    t.after(async () => {
      client.close();
      await instance.stop();
    });
    const board = client.board("wide");
    await assert.rejects(board.watch({ start: 0, end: 1_000_000 }).ready, { code: "TOO_MANY_PAGES" });
    await board.watch({ start: 0, end: 100 }).ready;
    await board.set(5, true);
    assert.equal(board.get(5), true);
    assert.equal(board.status, "live");
  });

  test("reports the outcome of each click, even if its watch is stopped or the client is closed right after it", async (t) => {
    const instance = await startInstance({ BOARDS: "moving=300000", WRITE_BURST: "1000" }, store);
    t.after(() => instance.stop());
    const read = connect(instance.url);
    t.after(() => read.close());
    const truth = read.board("moving");
    await truth.watch({ start: 0, end: 300_000 }).ready;
    for (let round = 0; round < 10; round++) {
      const client = connect(instance.url);
      const board = client.board("moving");
      const clicks: Promise<void>[] = [];
      for (const page of [0, 1, 2]) {
        const watch = board.watch({ start: page * 65_536, end: page * 65_536 + 100 });
        await watch.ready;
        clicks.push(board.set(page * 65_536 + round, true));
        watch.stop();
      }
      await Promise.all(clicks);
      const last = [3, 4, 5].map((cell) => board.set(65_536 + 1_000 + 10 * round + cell, true));
      client.close();
      for (const fate of await Promise.allSettled(last)) {
        // Whether it was made is unknown, and said so: it was on its way.
        const isTold = fate.status === "fulfilled" || (fate.reason instanceof Refusal && fate.reason.code === "CLOSED");
        assert.ok(isTold, JSON.stringify(fate));
      }
      for (const page of [0, 1, 2]) {
        await until(`the click on page ${page} is there`, () => truth.get(page * 65_536 + round) === true);
      }
    }
  });

  test("rejects a watch of a board that is not there, and of one that is closed", async (t) => {
    const instance = await startInstance({}, store);
    const client = connect(instance.url);
    t.after(() => instance.stop());
    const nowhere = client.board("nowhere");
    await assert.rejects(nowhere.watch({ start: 0, end: 1 }).ready, { code: "UNKNOWN_BOARD" });
    await assert.rejects(nowhere.set(0, true), { code: "UNKNOWN_BOARD" });
    const main = client.board("main");
    await main.ready;
    client.close();
    await assert.rejects(main.set(0, true), { code: "CLOSED" });
  });

  test("follows a board that comes back larger", async (t) => {
    const PORT = String(await freePort());
    const first = await startInstance({ PORT, BOARDS: "grows=100" }, store);
    const { board, close } = await watchBoard(first.url, "grows");
    t.after(close);
    await board.set(7, true);
    await first.stop();
    const second = await startInstance({ PORT, BOARDS: "grows=200" }, store);
    t.after(() => second.stop());
    await until("the board has its new size", () => board.size === 200 && board.status === "live");
    await board.set(150, true);
    await until("both cells show", () => bitsOf(board).lastIndexOf("1") === 150 && board.get(7) === true);
    await until("the store's own count says so too", () => board.checked === 2);
  });
});
