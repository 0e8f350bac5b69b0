/* T1 of the failures seen elsewhere: a burst of clicks through several instances, of which none may be lost. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { EmbeddedStore } from "../../src/store/embedded/embedded-store.js";
import { bitsOf, storedBits, untilAllShow, watchBoard } from "../support/clients.js";
import { temporaryFolder } from "../support/folder.js";
import { spawnInstance, startInstance } from "../support/instances.js";
import { startServer } from "../support/valkey-server.js";

const CELLS = 100;

async function clickEveryCellAtOnce(urls: readonly string[]): Promise<void> {
  const clients = await Promise.all(
    Array.from({ length: CELLS }, (_, index) => watchBoard(urls[index % urls.length] ?? "")),
  );
  try {
    const before = clients[0] ? bitsOf(clients[0].board) : "";
    const wanted = Array.from(before, (bit) => bit === "0");
    await Promise.all(clients.map(({ board }, cell) => board.set(cell, wanted[cell] ?? true)));
    const expected = wanted.map(Number).join("");
    assert.equal(await storedBits(urls[0] ?? "", CELLS), expected);
    await untilAllShow(
      clients.map(({ board }) => board),
      expected,
    );
  } finally {
    for (const client of clients) client.close();
  }
}

test("100 clicks at once through four processes on one Valkey all survive, on every client", async (t) => {
  const valkey = await startServer();
  t.after(() => valkey.stop());
  const instances = await Promise.all(Array.from({ length: 4 }, () => spawnInstance({ VALKEY_URL: valkey.url })));
  t.after(() => Promise.all(instances.map((instance) => instance.kill())));
  for (let round = 0; round < 10; round++) await clickEveryCellAtOnce(instances.map(({ url }) => url));
});

test("100 clicks at once through four instances over the embedded store all survive, on every client", async (t) => {
  const store = await EmbeddedStore.open({ directory: temporaryFolder(t) });
  t.after(() => store.close());
  const instances = await Promise.all(Array.from({ length: 4 }, () => startInstance({}, store)));
  t.after(() => Promise.all(instances.map((instance) => instance.stop())));
  for (let round = 0; round < 10; round++) await clickEveryCellAtOnce(instances.map(({ url }) => url));
});
