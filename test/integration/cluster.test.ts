/* GET /cluster: what every instance knows of all. */

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe, test } from "node:test";
import { GONE_MS, INSTANCES_MAX, LocalRoll } from "../../src/store/roll.js";
import { ValkeyStore } from "../../src/store/valkey/valkey-store.js";
import { watchBoard } from "../support/clients.js";
import { temporaryFolder } from "../support/folder.js";
import { startInstance } from "../support/instances.js";
import { ask } from "../support/resp.js";
import { until } from "../support/until.js";
import { startServer } from "../support/valkey-server.js";

interface Told {
  readonly self: string;
  readonly storeAvailable: boolean;
  readonly instances: {
    readonly id: string;
    readonly name: string;
    readonly version: string;
    readonly clients: number;
    readonly watches: number;
    readonly pages: number;
    readonly writesPerSecond: number;
    readonly sentBytesPerSecond: number;
  }[];
}

async function told(url: string): Promise<Told> {
  return (await fetch(`${url}/cluster`)).json();
}

const names = ({ instances }: Told) => instances.map(({ name }) => name);

describe("GET /cluster", () => {
  test("each of two instances tells of both, with their load; one that ends is gone; and with METRICS_PORT it is there alone", async (t) => {
    const valkey = await startServer();
    t.after(() => valkey.stop());
    const [one, two] = await Promise.all(
      ["one", "two"].map((name) =>
        startInstance({
          VALKEY_URL: valkey.url,
          INSTANCE_NAME: name,
          ...(name === "two" ? { METRICS_PORT: "0" } : {}),
        }),
      ),
    );
    assert.ok(one && two);
    t.after(() => Promise.all([one.stop(), two.stop()]));
    const other = two.metricsUrl?.replace("localhost", "127.0.0.1") ?? "";
    assert.equal((await fetch(`${two.url}/cluster`)).status, 404);
    const client = await watchBoard(one.url);
    t.after(() => client.close());
    await until("both tell of both", async () =>
      (await Promise.all([told(one.url), told(other)])).every((each) => names(each).join() === "one,two"),
    );
    let value = true;
    await until("the other tells of the client and its writes", async () => {
      await client.board.set(1, value);
      value = !value;
      const [seen] = (await told(other)).instances;
      return seen?.clients === 1 && seen.watches === 1 && seen.pages === 1 && seen.writesPerSecond > 0;
    });
    const { version } = JSON.parse(readFileSync(new URL("../../package.json", import.meta.url), "utf8"));
    for (const each of (await told(one.url)).instances) assert.equal(each.version, version);
    assert.notEqual((await told(one.url)).self, (await told(other)).self);
    client.close();
    await one.stop();
    assert.ok(two.store instanceof ValkeyStore);
    const left = await two.store.enroll("probe", "{}");
    assert.ok(!left.some(({ record }) => record.includes('"one"')), "it took itself off the roll");
    await until("the one that ended is gone", async () => names(await told(other)).join() === "two");
  });

  test("instances of one process over the embedded store tell of each other", async (t) => {
    const first = await startInstance({ DATA_DIR: temporaryFolder(t), INSTANCE_NAME: "a" });
    t.after(() => first.stop());
    const second = await startInstance({ INSTANCE_NAME: "b" }, first.store);
    t.after(() => second.stop());
    await until("both are told of", async () => names(await told(first.url)).join() === "a,b");
  });

  test("a record that is none is left out, and while the store is away an instance tells of itself", async (t) => {
    const valkey = await startServer();
    t.after(() => valkey.stop());
    const instance = await startInstance({ VALKEY_URL: valkey.url, INSTANCE_NAME: "a" });
    t.after(() => instance.stop());
    const { store } = instance;
    assert.ok(store instanceof ValkeyStore);
    for (const [index, record] of ["{", "[]", '{"name":"x"}', `{"name":${"9".repeat(400)}}`].entries()) {
      await store.enroll(`bad${index}`, record);
    }
    const heard = await store.enroll("probe", "{}");
    assert.equal(heard.length, 6);
    const since = performance.now();
    await until("the next announcement has heard of them", async () => {
      const later = await store.enroll("probe", "{}");
      return later.some(({ id, ageMs }) => !/bad|probe/.test(id) && ageMs < performance.now() - since - 50);
    });
    assert.deepEqual(names(await told(instance.url)), ["a"]);
    const isAway = new Promise<void>((done) => {
      store.onAvailable((available) => {
        if (!available) done();
      });
    });
    await valkey.kill();
    await isAway;
    const state = await told(instance.url);
    assert.equal(state.storeAvailable, false);
    assert.deepEqual(names(state), ["a"]);
  });
});

describe("the roll", () => {
  test("forgets who has said nothing for too long, by the store's clock, and who goes", async (t) => {
    const valkey = await startServer();
    t.after(() => valkey.stop());
    const store = await ValkeyStore.open({ url: valkey.url });
    t.after(() => store.close());
    await store.enroll("a", "A");
    await ask(valkey.port, "ZADD", "ss:{roll}:heard", Date.now() - GONE_MS - 1, "old");
    await ask(valkey.port, "HSET", "ss:{roll}:records", "old", "O");
    await ask(valkey.port, "ZADD", "ss:{roll}:heard", Date.now() - GONE_MS / 2, "late");
    await ask(valkey.port, "HSET", "ss:{roll}:records", "late", "L");
    const heard = await store.enroll("b", "B");
    assert.deepEqual(heard.map(({ record }) => record).sort(), ["A", "B", "L"]);
    const late = heard.find(({ id }) => id === "late");
    assert.ok(late && late.ageMs >= GONE_MS / 2 && late.ageMs < GONE_MS);
    assert.deepEqual((await store.enroll("a", "")).map(({ id }) => id).sort(), ["b", "late"]);
    assert.equal(await ask(valkey.port, "HEXISTS", "ss:{roll}:records", "old"), 0);
    let now = 0;
    const local = new LocalRoll(() => now);
    await local.enroll("a", "A");
    now += GONE_MS - 1;
    assert.equal((await local.enroll("b", "B")).length, 2);
    now += 1;
    assert.deepEqual(
      (await local.enroll("b", "B")).map(({ id }) => id),
      ["b"],
    );
    assert.deepEqual(await local.enroll("b", ""), []);
  });

  test("keeps only so many", async (t) => {
    const valkey = await startServer();
    t.after(() => valkey.stop());
    const store = await ValkeyStore.open({ url: valkey.url });
    t.after(() => store.close());
    const ids = Array.from({ length: INSTANCES_MAX + 20 }, (_, index) => `i${index}`);
    await ask(valkey.port, "ZADD", "ss:{roll}:heard", ...ids.flatMap((id) => [Date.now(), id]));
    const local = new LocalRoll(() => 0);
    for (const id of ids) await local.enroll(id, "x");
    assert.equal((await store.enroll("last", "x")).length, INSTANCES_MAX);
    assert.equal((await local.enroll("last", "x")).length, INSTANCES_MAX);
  });
});
