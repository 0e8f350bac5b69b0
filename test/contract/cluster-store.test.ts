/* The store over a real Valkey Cluster of three primaries with a replica each, through what happens to clusters. */

import assert from "node:assert/strict";
import { after, before, describe, type TestContext, test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { packChanges } from "../../src/board/delta.js";
import type { PageRef } from "../../src/board/geometry.js";
import { samePosition } from "../../src/board/position.js";
import { Replica } from "../../src/board/replica.js";
import { parseDurabilities } from "../../src/store/durability.js";
import { StoreAway, StoreUnusable } from "../../src/store/store.js";
import { newTag } from "../../src/store/tag.js";
import type { ValkeyStoreOptions } from "../../src/store/valkey/address/options.js";
import { parseNatMap } from "../../src/store/valkey/address/url.js";
import { slotOf } from "../../src/store/valkey/routing/slot-map.js";
import { ValkeyStore } from "../../src/store/valkey/valkey-store.js";
import { NAMES, pageKeys } from "../support/keys.js";
import { until } from "../support/until.js";
import { type Cluster, startCluster } from "../support/valkey-cluster.js";
import { freePort, startServer } from "../support/valkey-server.js";
import { settle } from "../support/virtual-clock.js";
import { CONTRACT_LIMITS, storeContract } from "./store-contract.js";

storeContract("valkey cluster", async () => {
  const cluster = await startCluster({ replicasEach: 0 });
  const store = await ValkeyStore.open({ url: cluster.url, limits: CONTRACT_LIMITS });
  return {
    store,
    close: async () => {
      await store.close();
      await cluster.stop();
    },
  };
});

/** Commits cell after cell to a page until told to stop, retrying what failed; and follows the page as followers do. */
async function exercise(store: ValkeyStore, page: PageRef) {
  const replica = new Replica(page.page, 65_536);
  const catchUp = async () => {
    const since = await store.since(page, replica.position).catch(() => undefined);
    for (const update of since?.kind === "deltas" ? since.deltas : since ? [since] : []) replica.receive(update);
  };
  let resumed = 0;
  await store.subscribe(page, {
    delta: (delta) => {
      if (replica.receive(delta) === "gap") void catchUp();
    },
    resumed: () => {
      resumed++;
      void catchUp();
    },
  });
  let committed = 0;
  let isOver = false;
  const commitNext = async () => {
    const seq = committed + 1;
    const changes = packChanges([
      [seq % 1000, 1],
      [seq % 999, 0],
    ]);
    const write = { session: `${page.board}-${page.page}`, seq, changes };
    for (;;) {
      try {
        await store.commit(page, { tag: newTag(), writes: [write] });
        committed++;
        return;
      } catch (error) {
        assert.ok(error instanceof StoreAway, String(error));
        await pause(10);
      }
    }
  };
  const writing = (async () => {
    while (!isOver) await commitNext();
  })();
  return {
    get committed() {
      return committed;
    },
    /** Ends the writing. Resolves when the follower hears what is committed from then on, and has all of it. */
    finish: async () => {
      isOver = true;
      await writing;
      await until("what is committed is heard, and fits", async () => {
        await commitNext();
        const { position } = await store.read(page);
        await settle();
        return samePosition(position, replica.position);
      });
      return { resumed };
    },
  };
}

describe("a Valkey Cluster", () => {
  let cluster: Cluster;
  const incidents: string[] = [];
  let store: ValkeyStore;
  before(async () => {
    cluster = await startCluster();
    store = await ValkeyStore.open({ url: cluster.url, incident: (message) => incidents.push(message) });
  });
  after(async () => {
    await store.close();
    await cluster.stop();
  });

  const page = { board: "main", page: 0 };
  const slot = slotOf(pageKeys(page).bits);

  test("spreads pages over its primaries", async () => {
    const pages = Array.from({ length: 60 }, (_, number) => ({ board: "spread", page: number }));
    await Promise.all(
      pages.map((each) =>
        store.commit(each, { tag: newTag(), writes: [{ session: "", seq: 1, changes: packChanges([[0, 1]]) }] }),
      ),
    );
    const sizes = await Promise.all(
      cluster.nodes.map(async (node) => [await node.role(), await node.command("DBSIZE")]),
    );
    const ofPrimaries = sizes.filter(([role]) => role === "primary").map(([, size]) => Number(size));
    assert.equal(ofPrimaries.length, 3);
    for (const size of ofPrimaries) assert.ok(size >= 30, `${ofPrimaries}`);
    const heads = await store.heads(pages);
    assert.ok(heads.every((head) => head?.position.version === 1));
  });

  test("any command goes where its key lives, also when the map of slots is wrong", async () => {
    for (const key of ["a", "b", "c", "d", "e"]) assert.equal(await store.command(key, "INCR", key), 1);
    const moved = slotOf("a");
    const from = await cluster.primaryOf(moved);
    await cluster.migrateSlot(moved, await primaryBesides(from.id));
    assert.equal(await store.command("a", "INCR", "a"), 2);
  });

  test("a slot that moves under load is followed, and its channel with it", async () => {
    const work = await exercise(store, page);
    const from = await cluster.primaryOf(slot);
    const target = await primaryBesides(from.id);
    await until("there is load", () => work.committed > 20);
    await cluster.migrateSlot(slot, target);
    const atMove = work.committed;
    await until("writes go on", () => work.committed > atMove + 20);
    const { resumed } = await work.finish();
    assert.ok(resumed >= 1);
    assert.equal((await cluster.primaryOf(slot)).id, target.id);
  });

  test("while a slot is being moved its pages refuse writes, and nothing is lost of those that are made again", async () => {
    const ref = { board: "moving", page: 0 };
    const moving = slotOf(pageKeys(ref).bits);
    const from = await cluster.primaryOf(moving);
    const to = await primaryBesides(from.id);
    const work = await exercise(store, ref);
    await until("there is load", () => work.committed > 20);
    await to.command("CLUSTER", "SETSLOT", moving, "IMPORTING", from.id);
    await from.command("CLUSTER", "SETSLOT", moving, "MIGRATING", to.id);
    const write = { session: "", seq: 1, changes: packChanges([[5, 1]]) };
    await assert.rejects(
      store.commit(ref, { tag: newTag(), writes: [write] }),
      (error) => error instanceof StoreAway && !error.sent,
    );
    await cluster.migrateSlot(moving, to);
    const atMove = work.committed;
    await until("writes go on", () => work.committed > atMove + 20);
    await work.finish();
  });

  test("keys that have left a slot in migration are found by ASK, before the slot has a new owner", async (t) => {
    const board = "asked";
    const { list } = NAMES.overview(board);
    const moving = slotOf(list);
    await store.overview.report(board, [{ page: 0, version: 1, checked: 1 }]);
    const from = await cluster.primaryOf(moving);
    const to = await primaryBesides(from.id);
    t.after(() => cluster.migrateSlot(moving, to));
    await to.command("CLUSTER", "SETSLOT", moving, "IMPORTING", from.id);
    await from.command("CLUSTER", "SETSLOT", moving, "MIGRATING", to.id);
    await from.command("MIGRATE", "127.0.0.1", to.port, list, 0, 5_000);
    // A script, and a single command; then the fields of many hashes.
    await store.overview.report(board, [{ page: 0, version: 2, checked: 2 }]);
    assert.deepEqual(await store.overview.read(board), [{ page: 0, version: 2, checked: 2 }]);
    const ref = { board, page: 0 };
    await cluster.migrateSlot(moving, to);
    assert.deepEqual(await store.overview.read(board), [{ page: 0, version: 2, checked: 2 }]);
    const there = slotOf(pageKeys(ref).head);
    const [holder, next] = [await cluster.primaryOf(there), await primaryBesides((await cluster.primaryOf(there)).id)];
    await store.freeze(ref, { start: 0, end: 1 }, true);
    await next.command("CLUSTER", "SETSLOT", there, "IMPORTING", holder.id);
    await holder.command("CLUSTER", "SETSLOT", there, "MIGRATING", next.id);
    await holder.command("MIGRATE", "127.0.0.1", next.port, pageKeys(ref).head, 0, 5_000);
    assert.deepEqual((await store.heads([ref]))[0]?.frozen, [{ start: 0, end: 1 }]);
    assert.equal(await store.freeze(ref, { start: 0, end: 2 }, true), true);
    await cluster.migrateSlot(there, next);
    assert.deepEqual((await store.heads([ref]))[0]?.frozen, [{ start: 0, end: 2 }]);
  });

  test("a server that lets go of many channels is asked a few times where they are now", async () => {
    await cluster.untilHealthy();
    const pages = Array.from({ length: 2_000 }, (_, number) => ({ board: "many", page: number }));
    const near = pages.filter((ref) => slotOf(pageKeys(ref).bits) < 5_000);
    let resumed = 0;
    const listener = { delta: () => undefined, resumed: () => resumed++ };
    const ends = await Promise.all(near.map((ref) => store.subscribe(ref, listener)));
    const asked = async () => {
      const stats = await Promise.all(cluster.nodes.map((node) => node.command("INFO", "commandstats")));
      const counts = stats.map((text) => Number(/cmdstat_cluster\|slots:calls=(\d+)/.exec(String(text))?.[1] ?? 0));
      return counts.reduce((sum, count) => sum + count, 0);
    };
    const before = await asked();
    await cluster.failover(0);
    await until("all channels are live again", () => resumed >= near.length, 20_000);
    const questions = (await asked()) - before;
    assert.ok(questions < 40, `${questions} questions for ${near.length} channels`);
    for (const end of ends) end();
  });

  test("a planned failover is followed", async () => {
    const work = await exercise(store, page);
    await until("there is load", () => work.committed > 20);
    await cluster.failover(slot);
    const atMove = work.committed;
    await until("writes go on", () => work.committed > atMove + 20);
    await work.finish();
  });

  test("a killed primary is replaced; other pages go on meanwhile, and it is told in a few lines", async () => {
    await cluster.untilHealthy();
    incidents.length = 0;
    const elsewhere = await pageElsewhere();
    const work = await exercise(store, page);
    const other = await exercise(store, elsewhere);
    await until("there is load", () => work.committed > 20 && other.committed > 20);
    const victim = await cluster.killPrimaryOf(slot);
    const atKill = other.committed;
    const stuck = work.committed;
    await until("another page is written while this one waits", () => other.committed > atKill + 50);
    await until("the successor takes over", () => work.committed > stuck + 20, 15_000);
    await work.finish();
    await other.finish();
    assert.ok(store.available);
    // The end of earlier trouble is reported once all has been calm for a while.
    const lines = incidents.filter((line) => !line.includes("accepts requests again"));
    assert.ok(lines.length <= 4, lines.join("\n"));
    await victim.restart();
    await cluster.untilHealthy();
  });

  test("a primary that hangs is left for its successor", async () => {
    const work = await exercise(store, page);
    await until("there is load", () => work.committed > 20);
    const victim = await cluster.primaryOf(slot);
    victim.signal("SIGSTOP");
    const stuck = work.committed;
    await until("the successor takes over", () => work.committed > stuck + 20, 15_000);
    victim.signal("SIGCONT");
    await work.finish();
    await cluster.untilHealthy();
  });

  test("heads are reported as they arrive: those of other primaries before one that hangs is given up", async () => {
    const other = await pageElsewhere();
    const victim = await cluster.primaryOf(slot);
    victim.signal("SIGSTOP");
    const order: string[] = [];
    const heads = await store.heads([page, other], (index, head) => order.push(`${index} ${head !== undefined}`));
    victim.signal("SIGCONT");
    assert.deepEqual(order, ["1 true", "0 false"]);
    assert.deepEqual(
      heads.map((head) => head !== undefined),
      [false, true],
    );
    await cluster.untilHealthy();
  });

  async function primaryBesides(id: string) {
    for (const node of cluster.nodes) if (node.id !== id && (await node.role()) === "primary") return node;
    throw new Error("there is no other primary");
  }

  async function pageElsewhere(): Promise<PageRef> {
    const primary = await cluster.primaryOf(slot);
    for (let number = 1; ; number++) {
      const ref = { board: "main", page: number };
      if ((await cluster.primaryOf(slotOf(pageKeys(ref).bits))).id !== primary.id) return ref;
    }
  }
});

describe("a cluster with a primary gone and nobody in its place", () => {
  test("counts as away where it refuses everything", async (t) => {
    const cluster = await startCluster({ replicasEach: 0 });
    t.after(() => cluster.stop());
    const store = await ValkeyStore.open({ url: cluster.url });
    t.after(() => store.close());
    const victim = await cluster.killPrimaryOf(0);
    await until("the store is away", () => !store.available);
    await victim.restart();
    await until("the store is back", () => store.available);
  });

  test("is opened, and gone on with, where the others go on", async (t) => {
    const cluster = await startCluster({ replicasEach: 0, settings: ["--cluster-require-full-coverage", "no"] });
    t.after(() => cluster.stop());
    await cluster.killPrimaryOf(0);
    const [, alive] = cluster.nodes;
    const isMarked = async () => String(await alive?.command("CLUSTER", "NODES")).includes("fail");
    await until("the others know", isMarked);
    const incidents: string[] = [];
    const parsed = parseDurabilities("applied,safe=replicated");
    assert.ok(parsed);
    const store = await ValkeyStore.open({
      url: `valkey+cluster://127.0.0.1:${alive?.port}`,
      durabilities: parsed,
      incident: (message) => incidents.push(message),
    });
    t.after(() => store.close());
    assert.ok(incidents.some((line) => line.includes("replicas")));
    const ref = { board: "main", page: Array.from({ length: 99 }, (_, page) => page).find(isServed) ?? 0 };
    const write = { session: "", seq: 1, changes: packChanges([[5, 1]]) };
    assert.equal((await store.commit(ref, { tag: newTag(), writes: [write] })).position.version, 1);
  });

  /** By the second or the third primary. */
  function isServed(page: number): boolean {
    return slotOf(pageKeys({ board: "main", page }).bits) > 5_461;
  }
});

describe("a cluster that announces addresses that lead nowhere", () => {
  /** Each node's announced port is one on which nothing listens. */
  async function startBehindNat(t: TestContext) {
    const cluster = await startCluster({ replicasEach: 0 });
    t.after(() => cluster.stop());
    const announced = await Promise.all(cluster.nodes.map(() => freePort()));
    for (const [index, node] of cluster.nodes.entries()) {
      await node.command("CONFIG", "SET", "cluster-announce-port", announced[index] ?? 0);
    }
    await until("all know what all announce", async () => {
      const known = await Promise.all(cluster.nodes.map((node) => node.command("CLUSTER", "NODES")));
      return known.every((lines) => announced.every((port) => String(lines).includes(`:${port}@`)));
    });
    const incidents: string[] = [];
    const open = async (options: Omit<ValkeyStoreOptions, "incident">) => {
      const store = await ValkeyStore.open({ ...options, incident: (message) => incidents.push(message) });
      t.after(() => store.close());
      return store;
    };
    return { cluster, announced, incidents, open };
  }

  const pages = Array.from({ length: 30 }, (_, number) => ({ board: "main", page: number }));
  /** Pages of all primaries are written and heard. */
  async function assertWorks(store: ValkeyStore): Promise<void> {
    let heard = 0;
    for (const page of pages) {
      await store.subscribe(page, { delta: () => heard++, resumed: () => undefined });
      const cell = Math.floor(Math.random() * 65_536);
      await store.commit(page, { tag: newTag(), writes: [{ session: "", seq: 1, changes: packChanges([[cell, 1]]) }] });
    }
    await until("all is heard", () => heard === pages.length);
  }

  test("is used through the map of addresses, even if a slot moves", async (t) => {
    const { cluster, announced, incidents, open } = await startBehindNat(t);
    const nat = parseNatMap(
      cluster.nodes.map((node, index) => `127.0.0.1:${announced[index]}=localhost:${node.port}`).join(),
    );
    const store = await open({ url: cluster.url, nat });
    await assertWorks(store);
    const [, second] = cluster.nodes;
    assert.ok(second);
    const moving = slotOf(pageKeys({ board: "main", page: 0 }).bits);
    const target = (await cluster.primaryOf(moving)) === second ? cluster.nodes[2] : second;
    assert.ok(target);
    await cluster.migrateSlot(moving, target);
    await assertWorks(store);
    assert.deepEqual(incidents, []);
  });

  test("is used through the addresses of the URL, and the log says so", async (t) => {
    const { cluster, announced, incidents, open } = await startBehindNat(t);
    const url = `valkey+cluster://${cluster.nodes.map((node) => `localhost:${node.port}`).join()}`;
    await assertWorks(await open({ url }));
    for (const [index, node] of cluster.nodes.entries()) {
      const hint = `VALKEY_NAT_MAP=127.0.0.1:${announced[index]}=localhost:${node.port}`;
      assert.equal(incidents.filter((line) => line.endsWith(hint)).length, 1, incidents.join("\n"));
    }
  });

  test("and whose servers the URL does not name, is told of with what to set", async (t) => {
    const { cluster, announced, incidents, open } = await startBehindNat(t);
    await open({ url: `valkey+cluster://localhost:${cluster.nodes[0]?.port}` });
    for (const port of announced.slice(1)) {
      const hint = `VALKEY_NAT_MAP=127.0.0.1:${port}=host:port`;
      assert.equal(incidents.filter((line) => line.includes(hint)).length, 1, incidents.join("\n"));
    }
  });
});

describe("the wrong form of address", () => {
  test("a server of a cluster asks for valkey+cluster://", async (t) => {
    const cluster = await startCluster({ primaries: 1, replicasEach: 0 });
    t.after(() => cluster.stop());
    await assert.rejects(ValkeyStore.open({ url: cluster.url.replace("+cluster", "") }), (error) => {
      assert.ok(error instanceof StoreUnusable);
      assert.match(error.message, /Write valkey\+cluster:\/\//);
      return true;
    });
  });

  test("a server outside a cluster asks for valkey://", async (t) => {
    const server = await startServer();
    t.after(() => server.stop());
    const url = server.url.replace("valkey:", "valkey+cluster:");
    await assert.rejects(ValkeyStore.open({ url }), (error) => {
      assert.ok(error instanceof StoreUnusable);
      assert.match(error.message, /Write valkey:\/\//);
      return true;
    });
  });
});
