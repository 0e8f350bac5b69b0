/* Many clients at one place, through many instances: they agree in the end, and nobody is held up by anybody. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { EmbeddedStore } from "../../src/store/embedded/embedded-store.js";
import { storedBits, untilAllShow, watchBoard } from "../support/clients.js";
import { FaultyStore } from "../support/faulty-store.js";
import { temporaryFolder } from "../support/folder.js";
import { startInstance } from "../support/instances.js";

const CELLS = 100;

test("56 clients of eight instances hammer one box: nobody is disconnected, its page stays writable, and all agree when they stop", async (t) => {
  const store = await EmbeddedStore.open({ directory: temporaryFolder(t) });
  const instances = await Promise.all(Array.from({ length: 8 }, () => startInstance({}, store)));
  // In this order: an instance that ends still has something to tell the store.
  t.after(async () => {
    await Promise.all(instances.map((instance) => instance.stop()));
    await store.close();
  });
  let connections = 0;
  for (const { io } of instances) io.httpServer.on("upgrade", () => connections++);
  const clients = await Promise.all(
    Array.from({ length: 56 }, (_, index) => watchBoard(instances[index % instances.length]?.url ?? "")),
  );
  t.after(() => {
    for (const { close } of clients) close();
  });
  await Promise.all(
    clients.map(async ({ board }, client) => {
      for (let click = 0; click < 20; click++) await board.set(7, (click + client) % 2 === 0);
    }),
  );
  // A box of its own for each, on the same page, through every instance.
  await Promise.all(clients.map(({ board }, client) => board.set(10 + client, true)));
  assert.equal(connections, clients.length, "somebody had to connect again");
  const stored = await storedBits(instances[0]?.url ?? "", CELLS);
  assert.equal(stored.slice(10, 66), "1".repeat(56));
  await untilAllShow(
    clients.map(({ board }) => board),
    stored,
  );
});

test("a presence that never answers delays no write, and changes are sent without a request to the store", async (t) => {
  const store = new FaultyStore(await EmbeddedStore.open({ directory: temporaryFolder(t) }));
  store.enroll = (_id, record) => (record === "" ? Promise.resolve([]) : new Promise(() => undefined));
  const instance = await startInstance({}, store);
  t.after(async () => {
    await instance.stop();
    await store.close();
  });
  const clients = await Promise.all(Array.from({ length: 20 }, () => watchBoard(instance.url)));
  t.after(() => {
    for (const { close } of clients) close();
  });
  let questions = 0;
  const { since, read } = { since: store.since.bind(store), read: store.read.bind(store) };
  store.since = (...asked) => {
    questions++;
    return since(...asked);
  };
  store.read = (...asked) => {
    questions++;
    return read(...asked);
  };
  const boards = clients.map(({ board }) => board);
  for (let cell = 0; cell < 30; cell++) await boards[cell % boards.length]?.set(cell, true);
  await untilAllShow(boards, "1".repeat(30).padEnd(CELLS, "0"));
  assert.equal(questions, 0);
});
