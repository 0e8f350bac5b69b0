import assert from "node:assert/strict";
import { test } from "node:test";
import { RedisStore } from "rate-limit-redis";
import { withScripts } from "../../../../src/server/limits/limit-scripts.js";
import { SharedLimits } from "../../../../src/server/limits/shared-limits.js";
import { StoreAway } from "../../../../src/store/store.js";
import { VirtualClock } from "../../../support/virtual-clock.js";

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

test("while the store is unavailable or silent each instance counts alone, and only the first request waits, a moment", async () => {
  const clock = new VirtualClock();
  const failures: unknown[] = [];
  let available = true;
  let answer: () => Promise<number> = async () => 7;
  let asked = 0;
  let own = 0;
  const counters = (count: () => Promise<number>) => ({
    increment: async () => ({ totalHits: await count(), resetTime: undefined }),
    decrement: () => undefined,
    resetKey: () => undefined,
  });
  const limits = new SharedLimits({
    shared: counters(() => {
      asked++;
      return answer();
    }),
    own: counters(async () => ++own),
    clock,
    isAvailable: () => available,
    failed: (error) => failures.push(error),
  });
  const hits = async () => (await limits.increment("who")).totalHits;
  assert.equal(await hits(), 7);

  available = false;
  assert.deepEqual([await hits(), await hits(), asked], [1, 2, 1], "it is not asked");

  available = true;
  answer = () => new Promise(() => undefined);
  const first = hits();
  await clock.pass(250);
  assert.equal(await first, 3);
  assert.deepEqual([await hits(), asked], [4, 2], "the next does not wait");
  await clock.pass(2_000);
  answer = () => Promise.reject(new StoreAway("broke", { sent: true }));
  assert.equal(await hits(), 5);
  assert.deepEqual(failures, [], "what the store says itself is not said again");
  await clock.pass(2_000);
  const refused = new Error("NOPERM");
  answer = () => Promise.reject(refused);
  assert.equal(await hits(), 6);
  assert.deepEqual(failures, [refused]);
  await clock.pass(2_000);
  answer = async () => 8;
  assert.equal(await hits(), 8);
});
