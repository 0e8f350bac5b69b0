/* Clients that were away, and news that was lost: everybody ends at the store's bits, by the cheapest way there is. */

import assert from "node:assert/strict";
import { describe, type TestContext, test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { packChanges } from "../../src/board/delta.js";
import { PAGE_CELLS } from "../../src/board/geometry.js";
import { EmbeddedStore } from "../../src/store/embedded/embedded-store.js";
import { STORE_LIMITS, type Store } from "../../src/store/store.js";
import { newTag } from "../../src/store/tag.js";
import { ValkeyStore } from "../../src/store/valkey/valkey-store.js";
import { bitsOf, storedBits, untilAllShow, watchBoard } from "../support/clients.js";
import { FaultyStore } from "../support/faulty-store.js";
import { temporaryFolder } from "../support/folder.js";
import { startInstance } from "../support/instances.js";
import { newSession, type RawClient, rawClient } from "../support/raw-client.js";
import { until } from "../support/until.js";
import { SERVER, startServer } from "../support/valkey-server.js";

const FLAGS = { BOARDS: `main=${PAGE_CELLS}`, WRITES_PER_SECOND: "1000000", WRITE_BURST: "1000000" };

/** Writes, as often as it is told to go slower. */
async function persist(client: RawClient, session: string, seq: number, cells: [number, 1][]): Promise<void> {
  for (;;) {
    const { error } = await client.write(session, seq, cells);
    if (!error) return;
    assert.equal(error.code, "RATE_LIMITED");
    await pause(error.retryAfterMs);
  }
}

/**
 * Two instances on one Valkey. A client of the first is cut off in the middle of `writes` writes through the second, and
 * then returns to the second, which does not hold the page: only the store's log can lead from there to the present.
 */
async function framesAfterReturn(t: TestContext, writes: number, logDeltasMax: number) {
  const valkey = await startServer();
  t.after(() => valkey.stop());
  const limits = { ...STORE_LIMITS, logDeltasMax };
  const stores = await Promise.all([1, 2].map(() => ValkeyStore.open({ url: valkey.url, limits })));
  const [first, second] = await Promise.all(stores.map((store) => startInstance(FLAGS, store)));
  assert.ok(first && second);
  t.after(async () => {
    await Promise.all([first.stop(), second.stop()]);
    await Promise.all(stores.map((store) => store.close()));
  });
  const writer = await rawClient(second.url);
  const session = newSession();
  let seq = 0;
  // A page full enough that a snapshot of it is larger than the deltas of what is missed.
  for (let start = 0; start < PAGE_CELLS; start += 2_048) {
    const cells = Array.from({ length: 512 }, (_, i): [number, 1] => [start + i * 4 + ((i * 7) % 3), 1]);
    await persist(writer, session, ++seq, cells);
  }
  const away = await rawClient(first.url);
  await away.watch([0]);
  const behind = seq;
  for (let written = 0; written < writes; written++) {
    if (written === Math.floor(writes / 10)) away.socket.io.engine.close();
    await persist(writer, session, ++seq, [[written * 60 + 3, 1]]);
  }
  const position = away.replicas.get(0)?.position.version ?? 0;
  assert.ok(position >= behind && position < seq, `cut off at ${position}, between ${behind} and ${seq}`);
  const returned = await rawClient(second.url);
  t.after(() => {
    returned.close();
    writer.close();
  });
  assert.deepEqual(await returned.watch([0], away), { watching: 1 });
  const replica = returned.replicas.get(0);
  assert.equal(replica?.position.version, seq);
  const shown = Array.from({ length: PAGE_CELLS }, (_, cell) => replica?.get(cell)).join("");
  assert.equal(shown, await storedBits(second.url, PAGE_CELLS));
  return returned.frames.map(({ kind, outcome }) => `${kind} ${outcome}`);
}

/** An instance over a store that can be told to lose messages; both end with the test. */
async function startFaulty(t: TestContext, real: Store) {
  const store = new FaultyStore(real);
  const instance = await startInstance(FLAGS, store);
  t.after(async () => {
    await instance.stop();
    await store.close();
  });
  return { store, instance };
}

describe("a client cut off while 1,000 writes go on, returning to another instance", () => {
  test("gets what it missed as one delta while the log has it", async (t) => {
    assert.deepEqual(await framesAfterReturn(t, 1_000, STORE_LIMITS.logDeltasMax), ["delta applied"]);
  });

  test("gets a snapshot past the log's end", async (t) => {
    assert.deepEqual(await framesAfterReturn(t, 1_000, 100), ["snapshot applied"]);
  });
});

describe("past every log, even an instance's own", () => {
  test("a client returning to an instance that does not hold the page gets a snapshot", async (t) => {
    const directory = temporaryFolder(t);
    const store = await EmbeddedStore.open({ directory, limits: { ...STORE_LIMITS, logDeltasMax: 10 } });
    t.after(() => store.close());
    const first = await startInstance(FLAGS, store);
    const away = await rawClient(first.url);
    await away.watch([0]);
    await away.write(newSession(), 1, [[0, 1]]);
    await until("the delta arrives", () => away.replicas.get(0)?.position.version === 1);
    away.close();
    await first.stop();
    const second = await startInstance(FLAGS, store);
    t.after(() => second.stop());
    const session = newSession();
    const writer = await rawClient(second.url);
    for (let seq = 1; seq <= 40; seq++) await writer.write(session, seq, [[seq, 1]]);
    const returned = await rawClient(second.url);
    t.after(() => {
      writer.close();
      returned.close();
    });
    await returned.watch([0], away);
    assert.deepEqual(
      returned.frames.map(({ kind, outcome }) => [kind, outcome]),
      [["snapshot", "applied"]],
    );
    assert.equal(returned.replicas.get(0)?.position.version, 41);
  });
});

describe("the library", () => {
  test("survives a hundred lost connections: same bits, no handler twice, nothing acknowledged lost", async (t) => {
    const store = await EmbeddedStore.open({ directory: temporaryFolder(t) });
    t.after(() => store.close());
    const instances = await Promise.all([1, 2].map(() => startInstance(FLAGS, store)));
    t.after(() => Promise.all(instances.map((instance) => instance.stop())));
    const urls = instances.map(({ url }) => url);
    const witness = await watchBoard(urls[1] ?? "");
    const { client, board, close } = await watchBoard(urls);
    t.after(() => {
      witness.close();
      close();
    });
    let told = 0;
    board.on("change", (changes) => {
      told += changes.length;
    });
    for (let round = 0; round < 100; round++) {
      const written = board.set(round, true);
      client.reconnect();
      await written;
    }
    await until("the client is live", () => board.status === "live");
    assert.equal(told, 100);
    const expected = await storedBits(urls[0] ?? "", PAGE_CELLS);
    assert.equal(expected.lastIndexOf("1"), 99);
    await untilAllShow([board, witness.board], expected);
  });
});

describe("a published delta that is lost", () => {
  for (const engine of ["embedded", SERVER] as const) {
    test(`is repaired without other traffic (${engine})`, async (t) => {
      const valkey = engine === "embedded" ? undefined : await startServer(engine);
      t.after(() => valkey?.stop());
      const real = valkey
        ? await ValkeyStore.open({ url: valkey.url })
        : await EmbeddedStore.open({ directory: temporaryFolder(t) });
      const { store, instance } = await startFaulty(t, real);
      const { board, close } = await watchBoard(instance.url);
      t.after(close);
      let lost = 0;
      store.lose = () => lost++ === 0;
      const started = performance.now();
      await board.set(7, true);
      const witness = await rawClient(instance.url);
      t.after(() => witness.close());
      await witness.watch([0]);
      await until(
        "the delta reaches a client although its message was lost",
        () => witness.replicas.get(0)?.get(7) === 1,
      );
      t.diagnostic(`repaired after ${Math.round(performance.now() - started)} ms`);
      assert.equal(lost, 1);
      assert.equal(bitsOf(board)[7], "1");
    });
  }

  test("over and over means a deaf subscriber: its connection is made anew, and clients see everything meanwhile", async (t) => {
    const { store, instance } = await startFaulty(t, await EmbeddedStore.open({ directory: temporaryFolder(t) }));
    const client = await rawClient(instance.url);
    t.after(() => client.close());
    await client.watch([0]);
    store.lose = () => true;
    const session = newSession();
    let seq = 0;
    await until("the subscriber is restarted", async () => {
      seq++;
      await client.write(session, seq, [[seq, 1]]);
      return store.restarts > 0;
    });
    await until("the client has all", () => client.replicas.get(0)?.position.version === seq);
  });
});

describe("a lost answer of the store", () => {
  test("is asked for again, and the write takes effect once", async (t) => {
    const { store, instance } = await startFaulty(t, await EmbeddedStore.open({ directory: temporaryFolder(t) }));
    const { board, close } = await watchBoard(instance.url);
    t.after(close);
    store.answersToLose = 3;
    await board.set(5, true);
    assert.deepEqual((await store.heads([{ board: "main", page: 0 }]))[0]?.position.version, 1);
  });
});

describe("a board that was made smaller", () => {
  test("is served at its new size, whatever the store still holds beyond it", async (t) => {
    const store = await EmbeddedStore.open({ directory: temporaryFolder(t) });
    t.after(() => store.close());
    const large = await startInstance({ BOARDS: "main=1000" }, store);
    const before = await watchBoard(large.url);
    await Promise.all([3, 50, 61, 62, 999].map((cell) => before.board.set(cell, true)));
    before.close();
    assert.equal(await store.boards.change("main", { size: 1_000 }, { size: 62 }), true);
    const small = await startInstance({ BOARDS: "main=62" }, store);
    t.after(() => Promise.all([small.stop(), large.stop()]));
    assert.equal((await storedBits(small.url, 62)).lastIndexOf("1"), 61);
    const after = await watchBoard(small.url);
    // An instance that has not heard of it goes on writing where the board has no cells.
    const changes = packChanges([
      [4, 1],
      [900, 1],
    ]);
    await store.commit({ board: "main", page: 0 }, { tag: newTag(), writes: [{ session: "", seq: 1, changes }] });
    await until("the change within the smaller board arrives", () => after.board.get(4) === true);
    assert.equal(after.board.checked, 4);
    after.close();
  });
});
