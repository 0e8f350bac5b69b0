/* What an acknowledgement says at each durability level, against real servers with real replicas and append-only files. */

import assert from "node:assert/strict";
import { describe, type TestContext, test } from "node:test";
import { packChanges } from "../../src/board/delta.js";
import { parseDurabilities } from "../../src/store/durability.js";
import { EmbeddedStore } from "../../src/store/embedded/embedded-store.js";
import { type Batch, StoreAway, StoreUnusable, Unconfirmed } from "../../src/store/store.js";
import { newTag } from "../../src/store/tag.js";
import { ValkeyStore } from "../../src/store/valkey/valkey-store.js";
import { watchBoard } from "../support/clients.js";
import { temporaryFolder } from "../support/folder.js";
import { startInstance } from "../support/instances.js";
import { TcpProxy } from "../support/tcp-proxy.js";
import { until } from "../support/until.js";
import { SERVER, type ServerProcess, startServer } from "../support/valkey-server.js";

const page = { board: "main", page: 0 };
/** Where the write is to succeed: only decides how long a failure takes. */
const PATIENT_MS = 8_000;

let seqs = 0;
function batchOf(cell: number, session = "writer", seq = ++seqs): Batch {
  return { tag: newTag(), writes: [{ session, seq, changes: packChanges([[cell, 1]]) }] };
}

function durabilities(text: string) {
  const parsed = parseDurabilities(text);
  assert.ok(parsed);
  return parsed;
}

async function openStore(t: TestContext, server: ServerProcess, level: string, waitMs = 200) {
  const store = await ValkeyStore.open({
    url: server.url,
    durabilities: durabilities(level),
    durabilityWaitMs: waitMs,
  });
  t.after(() => store.close());
  return store;
}

async function startReplica(t: TestContext, primary: ServerProcess, watcher: ValkeyStore) {
  const of = ["--replicaof", "127.0.0.1", String(primary.port)];
  const replica = await startServer(SERVER, of);
  t.after(() => replica.stop());
  await until("the replica is in step", async () =>
    String(await watcher.command("", "INFO", "replication")).includes("state=online"),
  );
  return replica;
}

async function start(t: TestContext, settings: readonly string[] = [], engine = SERVER) {
  // A new replica is served at once instead of after 5 s.
  const server = await startServer(engine, ["--repl-diskless-sync-delay", "0", ...settings]);
  t.after(() => server.stop());
  return server;
}

/** Always a Valkey: Redis has WAITAOF from 7.2 on. */
function startSyncing(t: TestContext, when: "always" | "no") {
  return start(t, ["--appendonly", "yes", "--appendfsync", when], "valkey-server");
}

const isUnconfirmed = (error: unknown) => error instanceof Unconfirmed;

describe("replicated", () => {
  test("is acknowledged when a replica has it, and not while no replica does", async (t) => {
    const primary = await start(t);
    const store = await openStore(t, primary, "replicated");
    await assert.rejects(store.commit(page, batchOf(1)), isUnconfirmed);
    const replica = await startReplica(t, primary, store);
    const patient = await openStore(t, primary, "replicated", PATIENT_MS);
    const { position } = await patient.commit(page, batchOf(2));
    assert.equal(position.version, 2);
    const copy = await ValkeyStore.open({ url: replica.url });
    t.after(() => copy.close());
    assert.deepEqual((await copy.read(page)).position, position);
  });

  test("is not acknowledged with fewer copies than the level says", async (t) => {
    const primary = await start(t);
    const store = await openStore(t, primary, "replicated:2");
    await startReplica(t, primary, store);
    await assert.rejects(store.commit(page, batchOf(1)), isUnconfirmed);
    const second = await startServer(SERVER, ["--replicaof", "127.0.0.1", String(primary.port)]);
    t.after(() => second.stop());
    const patient = await openStore(t, primary, "replicated:2", PATIENT_MS);
    assert.equal((await patient.commit(page, batchOf(2))).position.version, 2);
    assert.match(String(await store.command("", "INFO", "replication")), /connected_slaves:2/);
  });

  test("a lane to a server that hangs is abandoned, and its successor is used", { timeout: 30_000 }, async (t) => {
    const primary = await start(t);
    const proxy = await TcpProxy.start(primary.port);
    t.after(() => proxy.close());
    const store = await openStore(t, { ...primary, url: `valkey://127.0.0.1:${proxy.port}` }, "replicated", 1_500);
    await startReplica(t, primary, store);
    await store.commit(page, batchOf(1));
    // Connections there are stay, and are silent for ever; new ones pass.
    proxy.stall();
    const hung = await openStore(t, { ...primary, url: `valkey://127.0.0.1:${proxy.port}` }, "applied");
    await assert.rejects(store.commit(page, batchOf(2)), (error) => error instanceof StoreAway && error.sent);
    assert.equal((await store.commit(page, batchOf(3))).outcomes[0], "accepted");
    assert.equal((await hung.read(page)).bits[0], 0b01010000);
  });

  test("a write sent again, even through another instance, is not acknowledged before the first attempt is replicated", async (t) => {
    const primary = await start(t);
    const first = await openStore(t, primary, "replicated");
    const second = await openStore(t, primary, "replicated");
    const replica = await startReplica(t, primary, first);
    // What was written on the second connection before is replicated: only the mark gives it something to wait for.
    await until("the second connection has written", () => second.commit(page, batchOf(1)).then(Boolean, () => false));
    replica.signal("SIGSTOP");
    const batch = batchOf(2);
    await assert.rejects(first.commit(page, batch), isUnconfirmed);
    await assert.rejects(first.commit(page, batch), isUnconfirmed);
    await assert.rejects(second.commit(page, batch), isUnconfirmed);
    replica.signal("SIGCONT");
    const patient = await openStore(t, primary, "replicated", PATIENT_MS);
    const { outcomes, position } = await patient.commit(page, batch);
    assert.deepEqual(outcomes, ["duplicate"]);
    assert.equal(position.version, 2);
  });

  test("writes that come together share one WAIT", async (t) => {
    const primary = await start(t);
    const store = await openStore(t, primary, "replicated", PATIENT_MS);
    await startReplica(t, primary, store);
    const pages = Array.from({ length: 100 }, (_, number) => ({ board: "main", page: number }));
    await Promise.all(pages.map((each) => store.commit(each, batchOf(1))));
    const stats = String(await store.command("", "INFO", "commandstats"));
    const waits = Number(/cmdstat_wait:calls=(\d+)/.exec(stats)?.[1]);
    assert.ok(waits >= 1 && waits <= 5, `${waits} WAITs for 100 commits`);
  });

  test("one commit after another is answered, with nothing else to wake the lane", async (t) => {
    const primary = await start(t);
    const store = await openStore(t, primary, "replicated", PATIENT_MS);
    await startReplica(t, primary, store);
    for (let cell = 1; cell <= 20; cell++) await store.commit(page, batchOf(cell));
    assert.equal((await store.read(page)).position.version, 20);
  });

  test("boards may differ: one that asks for less does not wait", async (t) => {
    const server = await startSyncing(t, "always");
    const store = await openStore(t, server, "applied,safe=replicated:2,disk=fsynced", PATIENT_MS);
    let isSettled = false;
    const waiting = store.commit({ board: "safe", page: 0 }, batchOf(1)).then(
      () => assert.fail("there are no replicas"),
      (error: unknown) => {
        isSettled = true;
        assert.ok(isUnconfirmed(error));
      },
    );
    const isApplied = async () => (await store.read({ board: "safe", page: 0 })).position.version === 1;
    await until("the write waits for replicas", isApplied);
    for (const board of ["main", "disk"]) await store.commit({ board, page: 0 }, batchOf(1));
    assert.equal(isSettled, false, "the others waited with it");
    await server.kill();
    await waiting;
  });

  test("the client receives NOT_CONFIRMED, sends again by itself, and gets its acknowledgement when the replica is back", async (t) => {
    const primary = await start(t);
    const flags = { VALKEY_URL: primary.url, DURABILITY: "replicated", DURABILITY_WAIT_MS: "50", WRITE_WAIT_MS: "100" };
    const instance = await startInstance(flags);
    t.after(() => instance.stop());
    const watcher = await openStore(t, primary, "applied");
    const { board, close } = await watchBoard(instance.url);
    t.after(close);
    const told: string[] = [];
    board.on("delayed", ({ code }) => told.push(code));
    const acknowledged = board.set(3, true);
    await until("the client is told", () => told.includes("NOT_CONFIRMED"));
    await startReplica(t, primary, watcher);
    await acknowledged;
    assert.equal((await watcher.read(page)).position.version, 1);
  });
});

describe("fsynced", () => {
  test("is acknowledged when the append-only file is on disk, and not where nobody syncs it", async (t) => {
    const always = await openStore(t, await startSyncing(t, "always"), "fsynced", PATIENT_MS);
    await always.commit(page, batchOf(1));
    const never = await openStore(t, await startSyncing(t, "no"), "fsynced");
    await assert.rejects(never.commit(page, batchOf(1)), isUnconfirmed);
  });

  test("is refused at the start by a server without an append-only file, or without WAITAOF", async (t) => {
    const old = await startServer("redis-server", ["--appendonly", "yes", "--appendfsync", "always"]);
    t.after(() => old.stop());
    for (const server of [await start(t), old]) {
      await assert.rejects(openStore(t, server, "fsynced"), (error) => {
        assert.ok(error instanceof StoreUnusable);
        assert.match(error.message, /fsynced.*appendonly yes.*DURABILITY/s);
        return true;
      });
    }
  });

  test("the embedded store waits for the disk, and refuses what takes replicas", async (t) => {
    const directory = temporaryFolder(t);
    await assert.rejects(
      EmbeddedStore.open({ directory, durabilities: durabilities("main=replicated") }),
      StoreUnusable,
    );
    const store = await EmbeddedStore.open({ directory, durabilities: durabilities("fsynced") });
    t.after(() => store.close());
    assert.equal((await store.commit(page, batchOf(1))).position.version, 1);
  });
});
