import assert from "node:assert/strict";
import { describe, test } from "node:test";
import {
  healthOf,
  lineOf,
  NO_HISTORY,
  pointsOf,
  SAMPLES_MAX,
  versionsOf,
  withAnswer,
} from "../../../src/web/cluster-history.js";

const instance = (id: string, more: Record<string, unknown> = {}) => ({
  id,
  name: id,
  storeAvailable: true,
  heardMsAgo: 100,
  clients: 2,
  ...more,
});

describe("the history of the cluster", () => {
  test("adds up what the instances tell, keeps so much, and takes no answer of another form", () => {
    let history = NO_HISTORY;
    for (let count = 0; count < SAMPLES_MAX + 5; count++) {
      const answer = { self: "a", instances: [instance("a", { clients: count }), instance("b"), { id: 7 }, null] };
      history = withAnswer(history, answer) ?? history;
    }
    assert.deepEqual(
      history.instances.map(({ id }) => id),
      ["a", "b"],
    );
    assert.equal(history.past.length, SAMPLES_MAX);
    assert.equal(lineOf(history, "clients").at(-1), SAMPLES_MAX + 4 + 2);
    assert.equal(lineOf(history, "clients", "a")[0], 5);
    assert.equal(lineOf(history, "writesPerSecond", "a").at(-1), 0);
    for (const answer of [undefined, null, "x", {}, { instances: {} }])
      assert.equal(withAnswer(history, answer), undefined);
  });

  test("names each version once, also that of an instance which does not state it", () => {
    const answers = [instance("a", { version: "0.3.0" }), instance("b"), instance("c", { version: "0.3.0" })];
    const { instances = [] } = withAnswer(NO_HISTORY, { instances: answers }) ?? {};
    assert.deepEqual(versionsOf(instances), ["0.3.0", "?"]);
  });

  test("says which instance is not healthy, and why", () => {
    const healths = [
      { heardMsAgo: 5_000 },
      { heardMsAgo: 6_000 },
      { storeAvailable: false },
      { loopDelayMs: 300 },
      { flushMs: 900 },
    ].map((more) => {
      const [sample] = withAnswer(NO_HISTORY, { instances: [instance("a", more)] })?.instances ?? [];
      return sample && healthOf(sample);
    });
    assert.deepEqual(healths, ["healthy", "silent", "store unavailable", "busy", "busy"]);
  });

  test("draws a line whose newest point is at the right edge, and whose highest at the top", () => {
    assert.equal(pointsOf([0, 5, 10], 59, 20), "57.0,20.0 58.0,10.0 59.0,0.0");
    assert.equal(pointsOf([], 59, 20), "");
  });
});
