/* The short form of `npm run test:chaos`: every fault once, in random order. The seed is printed. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { startChaos } from "./chaos.js";

test("every fault of a primary with a replica passes without a loss, a step back or a lasting difference", async (t) => {
  const seed = Date.now() % 1_000_000;
  t.diagnostic(`seed ${seed}`);
  const chaos = await startChaos("standalone", seed, { instances: 3, users: 6, durability: "applied" });
  t.after(() => chaos.stop());
  for (const fault of chaos.random.shuffle(chaos.faults)) {
    const { heldMs, recoveredMs, equalMs, writes } = await chaos.round(fault);
    const ms = [heldMs, recoveredMs, equalMs].map((value) => value.toFixed(0));
    t.diagnostic(`${fault}: held ${ms[0]} ms, recovered in ${ms[1]} ms, equal in ${ms[2]} ms, ${writes} writes`);
    assert.deepEqual(chaos.violations, [], `seed ${seed}`);
  }
});
