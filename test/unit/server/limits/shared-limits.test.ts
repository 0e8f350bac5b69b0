import assert from "node:assert/strict";
import { test } from "node:test";
import { type Hits, SharedLimits } from "../../../../src/server/limits/shared-limits.js";
import { StoreAway } from "../../../../src/store/store.js";
import { VirtualClock } from "../../../support/virtual-clock.js";

test("each address has a window of its own, which begins with its first request", async () => {
  const clock = new VirtualClock();
  const limits = new SharedLimits({
    shared: undefined,
    clock,
    isAvailable: () => true,
    failed: (error) => assert.fail(String(error)),
  });
  assert.deepEqual(await limits.count("one"), { hits: 1, leftMs: 60_000 });
  await clock.pass(20_000);
  assert.deepEqual(await limits.count("one"), { hits: 2, leftMs: 40_000 });
  assert.deepEqual(await limits.count("two"), { hits: 1, leftMs: 60_000 });
  await clock.pass(40_000);
  assert.deepEqual(await limits.count("one"), { hits: 1, leftMs: 60_000 });
  assert.deepEqual(await limits.count("two"), { hits: 2, leftMs: 20_000 });
});

test("while the store is unavailable or silent, each instance counts alone, and only the first request waits briefly", async () => {
  const clock = new VirtualClock();
  const failures: unknown[] = [];
  const answers = (hits: number) => async (): Promise<Hits> => ({ hits, leftMs: 1 });
  let available = true;
  let answer = answers(7);
  let asked = 0;
  const limits = new SharedLimits({
    shared: () => {
      asked++;
      return answer();
    },
    clock,
    isAvailable: () => available,
    failed: (error) => failures.push(error),
  });
  const hits = async () => (await limits.count("address")).hits;
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
  assert.deepEqual(failures, [], "what the store reports itself is not reported again");
  await clock.pass(2_000);
  const refused = new Error("NOPERM");
  answer = () => Promise.reject(refused);
  assert.equal(await hits(), 6);
  assert.deepEqual(failures, [refused]);
  await clock.pass(2_000);
  answer = answers(8);
  assert.equal(await hits(), 8);
});
