/* Deployments that share a server: by prefixes of their own, or by databases, which Pub/Sub does not separate. */

import assert from "node:assert/strict";
import { describe, type TestContext, test } from "node:test";
import { packChanges } from "../../src/board/delta.js";
import { StoreUnusable } from "../../src/store/store.js";
import { newTag } from "../../src/store/tag.js";
import { Names } from "../../src/store/valkey/scripts/keys.js";
import { ValkeyStore } from "../../src/store/valkey/valkey-store.js";
import { startInstance } from "../support/instances.js";
import { ask, listOf, Resp } from "../support/resp.js";
import { until } from "../support/until.js";
import { startCluster } from "../support/valkey-cluster.js";
import { type ServerProcess, startServer } from "../support/valkey-server.js";

const page = { board: "main", page: 0 };
const HISTORIES = { boards: new Map(), others: 60_000, deltasMax: 100 };

interface Place {
  readonly url: string;
  readonly keyPrefix?: string;
}

/** A store with all that it heard. */
async function openListening(t: TestContext, place: Place) {
  const store = await ValkeyStore.open({ ...place, histories: HISTORIES });
  t.after(() => store.close());
  const heard: string[] = [];
  const counts: number[] = [];
  await store.subscribe(page, { delta: ({ to }) => heard.push(to.tag), resumed: () => undefined });
  await store.overview.subscribe("main", {
    changed: (tallies) => counts.push(...tallies.map(({ checked }) => checked)),
    resumed: () => undefined,
  });
  return { store, heard, counts };
}

type Deployment = Awaited<ReturnType<typeof openListening>>;

async function use({ store, heard, counts }: Deployment, id: string, cells: number): Promise<void> {
  const changes = packChanges(Array.from({ length: cells }, (_, cell) => [cell, 1] as const));
  const tag = newTag();
  const { checked } = await store.commit(page, { tag, writes: [{ session: id, seq: 1, changes }] });
  assert.equal(checked, cells);
  await store.overview.report("main", [{ page: 0, version: 1, checked: cells }]);
  assert.deepEqual(
    (await store.enroll(id, "record")).map((announced) => announced.id),
    [id],
  );
  assert.equal(await store.freeze(page, { start: cells, end: cells + 1 }, true), true);
  await until("its own news are heard", () => heard.includes(tag) && counts.includes(cells));
}

/** Each uses everything that has a name, and neither meets the other. */
async function assertApart(one: Deployment, two: Deployment): Promise<void> {
  await use(one, "first", 1);
  await use(two, "second", 2);
  for (const [{ store, heard, counts }, cells] of [
    [one, 1],
    [two, 2],
  ] as const) {
    // Each command is answered after what was published before it; both have had answers to later
    // ones.
    assert.deepEqual([heard.length, counts], [1, [cells]]);
    assert.deepEqual((await store.heads([page]))[0]?.frozen, [{ start: cells, end: cells + 1 }]);
    assert.deepEqual(await store.overview.read("main"), [{ page: 0, version: 1, checked: cells }]);
    assert.equal((await store.history(page, { fromMs: 0, toMs: Number.MAX_SAFE_INTEGER }))?.deltas.length, 1);
  }
}

async function start(t: TestContext, settings: readonly string[] = []): Promise<ServerProcess> {
  const server = await startServer(undefined, settings);
  t.after(() => server.stop());
  return server;
}

describe("two deployments on one server", () => {
  test("in databases of their own hear nothing of each other", async (t) => {
    const { url } = await start(t);
    await assertApart(await openListening(t, { url: `${url}/0` }), await openListening(t, { url: `${url}/1` }));
  });

  test("with prefixes of their own, in one database, hear nothing of each other, and name nothing without their prefix", async (t) => {
    const server = await start(t);
    const { url } = server;
    const [one, two] = [
      await openListening(t, { url, keyPrefix: "a:" }),
      await openListening(t, { url, keyPrefix: "a:b" }),
    ];
    await assertApart(one, two);
    const names = [
      ...listOf(await ask(server.port, "KEYS", "*")),
      ...listOf(await ask(server.port, "PUBSUB", "CHANNELS", "*")),
    ].map(String);
    assert.ok(names.length >= 12, names.join());
    for (const name of names) assert.match(name, /^a:(b)?(ss:|server:broker:)/);
  });

  test("of which one has a prefix hear nothing of each other, on a cluster too", async (t) => {
    const cluster = await startCluster({ replicasEach: 0 });
    t.after(() => cluster.stop());
    const { url } = cluster;
    await assertApart(await openListening(t, { url }), await openListening(t, { url, keyPrefix: "a:" }));
  });

  test("count requests apart, by prefix and by database", async (t) => {
    const { url } = await start(t);
    const flags = [
      { VALKEY_URL: url },
      { VALKEY_URL: url, KEY_PREFIX: "a:" },
      { VALKEY_URL: `${url}/1` },
      { VALKEY_URL: `${url}/1`, KEY_PREFIX: "a:" },
    ];
    for (const each of flags) {
      const instance = await startInstance({ ...each, HTTP_PER_MINUTE: "1" });
      t.after(() => instance.stop());
      assert.deepEqual([(await fetch(`${instance.url}/boards`)).status], [200], JSON.stringify(each));
      assert.equal((await fetch(`${instance.url}/boards`)).status, 429);
    }
  });
});

describe("names", () => {
  test("of database 0 without a prefix are as they always were", () => {
    const names = new Names();
    assert.deepEqual(names.page({ board: "main", page: 7 }), {
      bits: "ss:{main:7}:bits",
      head: "ss:{main:7}:head",
      log: "ss:{main:7}:log",
      seen: ["ss:{main:7}:seen:0", "ss:{main:7}:seen:1"],
      history: "ss:{main:7}:history",
      claims: "ss:{main:7}:claims",
      channel: "server:broker:{main:7}",
    });
    assert.deepEqual(names.overview("main"), {
      list: "ss:{main:overview}:counts",
      channel: "server:broker:{main:overview}",
    });
    assert.deepEqual(
      [names.roll, names.limits, names.boards],
      [
        { heard: "ss:{roll}:heard", records: "ss:{roll}:records" },
        "ss:limit:",
        { records: "ss:{boards}:records", channel: "server:broker:{boards}" },
      ],
    );
  });
});

describe("a database that the server does not have", () => {
  test("ends the start with a line that says so", async (t) => {
    const { url } = await start(t, ["--databases", "4"]);
    await assert.rejects(ValkeyStore.open({ url: `${url}/4` }), (error) => {
      assert.ok(error instanceof StoreUnusable);
      assert.match(
        error.message,
        /cannot use Valkey at .*\/4: it answers "ERR DB index.*Name a database in VALKEY_URL/,
      );
      return true;
    });
  });

  test("is not taken for database 0 when the server comes back with fewer", async (t) => {
    const server = await start(t);
    const told: string[] = [];
    const store = await ValkeyStore.open({ url: `${server.url}/9`, incident: (message) => told.push(message) });
    t.after(() => store.close());
    await server.restart(["--databases", "4"]);
    await until("it is told", () => told.some((line) => /it answers "ERR DB index/.test(line)));
    assert.equal(store.available, false);
    await assert.rejects(
      store.commit(page, { tag: newTag(), writes: [{ session: "", seq: 1, changes: packChanges([[1, 1]]) }] }),
    );
    const direct = await Resp.connect(server.port);
    t.after(() => direct.close());
    assert.equal(await direct.command("DBSIZE"), 0);
    assert.equal(told.filter((line) => line.includes("DB index")).length, 1);
  });
});
