/* The store over a primary that Sentinel names, and over one address behind which the primary changes. */

import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer, type Socket } from "node:net";
import { type TestContext, test } from "node:test";
import { packChanges } from "../../src/board/delta.js";
import { StoreAway, StoreUnusable } from "../../src/store/store.js";
import { newTag } from "../../src/store/tag.js";
import { parseNatMap } from "../../src/store/valkey/address/url.js";
import { ValkeyStore } from "../../src/store/valkey/valkey-store.js";
import { ask } from "../support/resp.js";
import { startSentinel } from "../support/sentinel.js";
import { TcpProxy } from "../support/tcp-proxy.js";
import { until } from "../support/until.js";
import { freePort, SERVER, type ServerProcess, startServer } from "../support/valkey-server.js";

const page = { board: "main", page: 0 };

let cells = 0;
function commitOne(store: ValkeyStore) {
  const changes = packChanges([[cells++, 1]]);
  return store.commit(page, { tag: newTag(), writes: [{ session: "", seq: 1, changes }] });
}

async function startPair(t: TestContext): Promise<{ primary: ServerProcess; replica: ServerProcess }> {
  const primary = await startServer(SERVER, ["--repl-diskless-sync-delay", "0"]);
  t.after(() => primary.stop());
  const replica = await startServer(SERVER, [
    ...["--replicaof", "127.0.0.1", String(primary.port)],
    ...["--repl-diskless-sync-delay", "0"],
  ]);
  t.after(() => replica.stop());
  await until("the replica is in step", async () =>
    String(await ask(replica.port, "INFO", "replication")).includes("master_link_status:up"),
  );
  return { primary, replica };
}

/** A store that is subscribed and has heard its own first commit. */
async function openListening(t: TestContext, url: string) {
  const store = await ValkeyStore.open({ url });
  t.after(() => store.close());
  const heard: string[] = [];
  let resumed = 0;
  await store.subscribe(page, { delta: ({ to }) => heard.push(to.tag), resumed: () => resumed++ });
  await commitOne(store);
  await until("the delta arrives", () => heard.length === 1);
  return { store, heard, resumed: () => resumed };
}

/** Commits until one succeeds and its delta is heard. */
async function worksAgain({ store, heard }: Awaited<ReturnType<typeof openListening>>): Promise<void> {
  const committed: string[] = [];
  await until("commits succeed and are heard again", async () => {
    const done = await commitOne(store).catch((error: unknown) => {
      assert.ok(error instanceof StoreAway, String(error));
      return undefined;
    });
    if (done) committed.push(done.position.tag);
    return committed.some((tag) => heard.includes(tag));
  });
}

test("Sentinel's successor is found when the primary is killed", async (t) => {
  const { primary, replica } = await startPair(t);
  const sentinel = await startSentinel(primary);
  t.after(() => sentinel.stop());
  const listening = await openListening(t, sentinel.url);
  await primary.kill();
  await until("Sentinel has promoted the replica", async () => (await sentinel.primaryPort()) === replica.port);
  await worksAgain(listening);
  assert.ok(listening.resumed() >= 1);
});

test("Sentinel's successor is found when the primary hangs, and its kernel goes on taking connections", async (t) => {
  const { primary, replica } = await startPair(t);
  const sentinel = await startSentinel(primary);
  t.after(() => sentinel.stop());
  const listening = await openListening(t, sentinel.url);
  primary.signal("SIGSTOP");
  await until("Sentinel has promoted the replica", async () => (await sentinel.primaryPort()) === replica.port);
  await worksAgain(listening);
  primary.signal("SIGCONT");
});

test("Sentinel's successor is found when the primary is replaced on purpose, though the old one lives", async (t) => {
  const { primary, replica } = await startPair(t);
  const sentinel = await startSentinel(primary);
  t.after(() => sentinel.stop());
  const listening = await openListening(t, sentinel.url);
  await sentinel.failover();
  await until("Sentinel has promoted the replica", async () => (await sentinel.primaryPort()) === replica.port);
  await until("the connections are made anew", () => listening.resumed() >= 1);
  await worksAgain(listening);
  const stored = await ask(replica.port, "HGET", "ss:{main:0}:head", "t");
  await until("what the successor has is heard", () => listening.heard.at(-1) === String(stored));
});

test("a Sentinel that hangs does not keep the next from being asked", async (t) => {
  const { primary, replica } = await startPair(t);
  const sentinel = await startSentinel(primary);
  t.after(() => sentinel.stop());
  const taken = new Set<Socket>();
  const hanging = createServer((socket) => taken.add(socket)).listen(0, "127.0.0.1");
  await once(hanging, "listening");
  t.after(() => {
    for (const socket of taken) socket.destroy();
    hanging.close();
  });
  const address = hanging.address();
  assert.ok(address && typeof address === "object");
  const listening = await openListening(t, sentinel.url.replace("://", `://127.0.0.1:${address.port},`));
  await primary.kill();
  await until("Sentinel has promoted the replica", async () => (await sentinel.primaryPort()) === replica.port);
  await worksAgain(listening);
  assert.ok(taken.size > 0, "the one that hangs was never asked");
});

test("what Sentinel calls the primary is looked up in the map of addresses", async (t) => {
  const { primary } = await startPair(t);
  const sentinel = await startSentinel(primary);
  t.after(() => sentinel.stop());
  const proxy = await TcpProxy.start(primary.port);
  t.after(() => proxy.close());
  const nat = parseNatMap(`127.0.0.1:${primary.port}=localhost:${proxy.port}`);
  const store = await ValkeyStore.open({ url: sentinel.url, nat });
  t.after(() => store.close());
  await commitOne(store);
  proxy.refuse();
  await until("it was reached there alone", () => !store.available);
});

test("a Sentinel that cannot be reached is one clear error", async () => {
  const url = `valkey+sentinel://127.0.0.1:${await freePort()}/boards`;
  await assert.rejects(ValkeyStore.open({ url }), (error) => {
    assert.ok(error instanceof StoreUnusable);
    assert.match(error.message, /cannot reach Valkey at valkey\+sentinel/);
    return true;
  });
});

test("a server that became a replica is left: the same address leads to its successor", async (t) => {
  const { primary, replica } = await startPair(t);
  const listening = await openListening(t, primary.url);
  // What an operator's switch-over does behind one address: here the server is demoted, and then made primary again.
  await ask(replica.port, "REPLICAOF", "NO", "ONE");
  await ask(primary.port, "REPLICAOF", "127.0.0.1", replica.port);
  const before = listening.resumed();
  await assert.rejects(commitOne(listening.store), (error) => error instanceof StoreAway && !error.sent);
  await until("both connections are made anew", () => listening.resumed() > before);
  await ask(primary.port, "REPLICAOF", "NO", "ONE");
  await worksAgain(listening);
});
