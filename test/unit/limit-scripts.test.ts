import assert from "node:assert/strict";
import { test } from "node:test";
import { RedisStore } from "rate-limit-redis";
import { withScripts } from "../../src/server/limit-scripts.js";

test("requests are counted again after a store that was away at the start", async () => {
  let isAway = true;
  let hits = 0;
  const command = withScripts(async (_key, name) => {
    if (isAway) throw new Error("away");
    assert.equal(name, "EVAL");
    return [++hits, 60_000];
  });
  const store = new RedisStore({
    prefix: "p:",
    sendCommandCluster: async ({ key, command: [name = "", ...args] }) => {
      const reply = await command(key ?? "", name, ...args);
      return Array.isArray(reply) ? reply.map(Number) : String(reply);
    },
  });
  store.init({ windowMs: 60_000 } as Parameters<typeof store.init>[0]);
  await assert.rejects(store.increment("who"));
  isAway = false;
  assert.equal((await store.increment("who")).totalHits, 1);
  assert.equal((await store.increment("who")).totalHits, 2);
});
