/* A Valkey that may evict keys: what loses boards is refused at the start, what loses less is warned of, and stays visible. */

import assert from "node:assert/strict";
import { describe, type TestContext, test } from "node:test";
import { readConfig } from "../../src/server/config.js";
import { openStore } from "../../src/server/open-store.js";
import { createLog } from "../../src/server/telemetry/log.js";
import { StoreUnusable } from "../../src/store/store.js";
import { ValkeyStore } from "../../src/store/valkey/valkey-store.js";
import { startInstance } from "../support/instances.js";
import { until } from "../support/until.js";
import { startCluster } from "../support/valkey-cluster.js";
import { SERVER, startServer } from "../support/valkey-server.js";

async function serverWith(t: TestContext, ...settings: readonly string[]) {
  const server = await startServer(SERVER, settings);
  t.after(() => server.stop());
  return server;
}

const open = (url: string) => openStore(readConfig({ VALKEY_URL: url }, {}), createLog("silent"));

async function seenAt(url: string) {
  const cluster: { storeWarning?: string } = await (await fetch(`${url}/cluster`)).json();
  const metrics = await (await fetch(`${url}/metrics`)).text();
  return { warning: cluster.storeWarning, gauge: /^socketscaler_store_may_lose_data (\d)$/m.exec(metrics)?.[1] };
}

describe("a Valkey with maxmemory", () => {
  for (const policy of ["allkeys-lru", "allkeys-lfu", "allkeys-random"]) {
    test(`and ${policy} is refused at the start, with what to do in one line`, async (t) => {
      const { url } = await serverWith(t, "--maxmemory", "100mb", "--maxmemory-policy", policy);
      await assert.rejects(open(url), (error) => {
        assert.ok(error instanceof StoreUnusable);
        assert.match(error.message, new RegExp(`${policy}.*set maxmemory-policy noeviction$`));
        assert.ok(!error.message.includes("\n"));
        return true;
      });
    });
  }

  test("on one primary of a cluster alone is refused too", async (t) => {
    const cluster = await startCluster({ primaries: 3, replicasEach: 0 });
    t.after(() => cluster.stop());
    const store = await ValkeyStore.open({ url: cluster.url });
    await store.everywhere("CONFIG", "SET", "maxmemory", "100mb");
    await store.command("any", "CONFIG", "SET", "maxmemory-policy", "allkeys-lru");
    await store.close();
    await assert.rejects(open(cluster.url), StoreUnusable);
  });

  for (const policy of ["volatile-lru", "volatile-ttl"]) {
    test(`and ${policy} is used, and warned of at /cluster and in the metrics until it is changed`, async (t) => {
      const server = await serverWith(t, "--maxmemory", "100mb", "--maxmemory-policy", policy);
      const instance = await startInstance({ VALKEY_URL: server.url });
      t.after(() => instance.stop());
      const { warning, gauge } = await seenAt(instance.url);
      assert.match(warning ?? "", new RegExp(policy));
      assert.equal(gauge, "1");
      assert.ok(instance.store instanceof ValkeyStore);
      await instance.store.command("any", "CONFIG", "SET", "maxmemory-policy", "noeviction");
      await instance.store.checkEviction();
      assert.deepEqual(await seenAt(instance.url), { warning: undefined, gauge: "0" });
    });
  }

  for (const settings of [
    ["--maxmemory", "100mb", "--maxmemory-policy", "noeviction"],
    ["--maxmemory-policy", "allkeys-lru"],
  ]) {
    test(`that evicts nothing is used without a warning: ${settings.join(" ")}`, async (t) => {
      const { url } = await serverWith(t, ...settings);
      const store = await open(url);
      assert.equal(store.warning, undefined);
      await store.close();
    });
  }

  test("whose policy becomes one that deletes pages is warned of once, also when it comes back with it, without CONFIG", async (t) => {
    const server = await serverWith(t, "--rename-command", "CONFIG", "hidden");
    const incidents: string[] = [];
    const store = await ValkeyStore.open({ url: server.url, incident: (line) => incidents.push(line) });
    t.after(() => store.close());
    assert.equal(store.warning, undefined);
    await server.restart(["--maxmemory", "100mb", "--maxmemory-policy", "allkeys-lru"]);
    await until("the policy is noticed", () => store.warning !== undefined);
    await store.checkEviction();
    assert.ok(store.evictsPages);
    assert.equal(incidents.filter((line) => line.includes("allkeys-lru")).length, 1);
  });
});
