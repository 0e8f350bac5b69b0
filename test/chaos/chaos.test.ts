/* The short form of `npm run test:chaos`: every fault once, in random order. The seed is printed. */

import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { type Chaos, startChaos } from "./chaos.js";
import { LANE_DROPPED } from "./faults.js";
import type { TopologyName } from "./topology.js";

async function strikeAll(
  t: TestContext,
  topology: TopologyName,
  durability: string,
  choose: (chaos: Chaos) => readonly string[],
): Promise<void> {
  const seed = Date.now() % 1_000_000;
  t.diagnostic(`seed ${seed}`);
  const chaos = await startChaos(topology, seed, { instances: 3, users: 6, durability });
  t.after(() => chaos.stop());
  const others = choose(chaos).filter((fault) => fault !== LANE_DROPPED);
  // The others strike the lane: who has lost it tries it again after a minute only.
  for (const fault of [...chaos.random.shuffle(others), ...choose(chaos).filter((fault) => fault === LANE_DROPPED)]) {
    const lanesBefore = chaos.lanes;
    const { heldMs, recoveredMs, equalMs, writes } = await chaos.round(fault);
    const [held, recovered, equal] = [heldMs, recoveredMs, equalMs].map((ms) => ms.toFixed(0));
    t.diagnostic(
      `${fault}: held ${held} ms, recovered in ${recovered} ms, equal in ${equal} ms, ${writes} writes, ${chaos.lanes.open} users over the lane`,
    );
    assert.deepEqual(chaos.violations, [], `seed ${seed}`);
    if (fault === LANE_DROPPED) assert.ok(chaos.lanes.dropped > lanesBefore.dropped, "nobody asked for the lane");
  }
}

test("every fault of a primary with a replica passes without a loss, a step back or a lasting difference", (t) =>
  strikeAll(t, "standalone", "applied", ({ faults }) => faults));

// What happens to instances and users is the same as above; here it is the store's turn.
test("every fault of a cluster passes, and takes back nothing that was acknowledged at replicated:1", (t) =>
  strikeAll(t, "cluster", "replicated:1", ({ partnersOf }) => partnersOf("instance killed")));
