/* The small map of a client, against a Map. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { Few } from "../../../../src/server/clients/few.js";
import { VirtualClock } from "../../../support/virtual-clock.js";

const KEYS = 4;
const STEPS = 10_000;

test("holds what a Map holds, with one entry and with many", () => {
  const clock = new VirtualClock(1);
  const below = (count: number) => Math.floor(clock.random() * count);
  let few = new Few<number, number>();
  let map = new Map<number, number>();
  for (let step = 0; step < STEPS; step++) {
    // It starts again often, because it is a Map inside once it had two entries.
    if (below(8) === 0) [few, map] = [new Few(), new Map()];
    const key = below(KEYS);
    if (below(3) === 0) {
      few.delete(key);
      map.delete(key);
    } else {
      few.set(key, step);
      map.set(key, step);
    }
    assert.equal(few.size, map.size);
    assert.deepEqual(few.keys(), [...map.keys()]);
    for (let each = 0; each < KEYS; each++) assert.equal(few.get(each), map.get(each));
  }
});

test("may be emptied while its keys are read", () => {
  const few = new Few<string, number>();
  for (const key of ["a", "b", "c"]) few.set(key, 1);
  for (const key of few.keys()) few.delete(key);
  assert.equal(few.size, 0);
});
