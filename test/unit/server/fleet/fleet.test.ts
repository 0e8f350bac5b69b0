import assert from "node:assert/strict";
import { test } from "node:test";
import { Fleet } from "../../../../src/server/fleet/fleet.js";
import { modelInstance } from "../../../support/model-instance.js";
import { ModelStore } from "../../../support/model-store.js";
import { VirtualClock } from "../../../support/virtual-clock.js";

test("instances announce themselves about every 2 s, and those started together do not stay in step", async (t) => {
  const clock = new VirtualClock();
  const store = new ModelStore(clock);
  const announcedMs = new Map<string, number[]>();
  store.enroll = async (id) => {
    announcedMs.set(id, [...(announcedMs.get(id) ?? []), clock.now()]);
    return [];
  };
  for (let number = 0; number < 3; number++) {
    const fleet = new Fleet(modelInstance({ clock, store, cells: 100 }), () => 0);
    t.after(() => fleet.close());
  }
  await clock.pass(60_000);
  const times = [...announcedMs.values()];
  assert.equal(times.length, 3);
  for (const each of times) {
    const pauses = each.slice(1).map((ms, index) => ms - (each[index] ?? 0));
    assert.ok(Math.min(...pauses) >= 1_500 && Math.max(...pauses) <= 2_500, pauses.join());
    assert.ok(each.length >= 26 && each.length <= 36, `${each.length} times in 60 s`);
  }
  const later = times.flatMap((each) => each.slice(1));
  assert.equal(new Set(later).size, later.length, "no two at the same moment");
});
