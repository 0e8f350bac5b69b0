/* When batches leave. A model of many instances: each commit is answered at once. */

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { Pace } from "../../../../src/server/writes/pace.js";

/** Not page 0, whose moments are whole multiples of the interval. */
const PAGE = { board: "main", page: 3 };
const OTHER = { board: "main", page: 1 };
/** How far the store's clock is ahead of the instances' clocks. */
const AHEAD_MS = 1_000_000_007;
const LAST_MS = 2_000;

interface Writing {
  /** An instance gets a write for its page this often. */
  readonly everyMs: number;
  readonly firstMs?: number;
}

interface Commit {
  readonly instance: number;
  readonly ms: number;
  readonly waitedMs: number;
}

/** Instances that are out of step with each other. */
function instances(count: number, everyMs: number): Writing[] {
  return Array.from({ length: count }, (_, index) => ({ everyMs, firstMs: (index * everyMs) / count }));
}

/** Runs instances that share a page until LAST_MS. */
function run(writing: readonly Writing[], storeHasClock = true) {
  const all = writing.map(({ everyMs, firstMs = 0 }, instance) => {
    return { instance, pace: new Pace(), everyMs, nextMs: firstMs, firstMs: firstMs, sendMs: Number.POSITIVE_INFINITY };
  });
  const commits: Commit[] = [];
  for (;;) {
    const nowMs = Math.min(...all.map(({ nextMs, sendMs }) => Math.min(nextMs, sendMs)));
    if (nowMs > LAST_MS) return { paces: all.map(({ pace }) => pace), commits };
    for (const each of all) {
      if (each.nextMs === nowMs) {
        each.nextMs += each.everyMs;
        if (each.sendMs === Number.POSITIVE_INFINITY) {
          each.firstMs = nowMs;
          each.sendMs = nowMs + each.pace.waitMs(PAGE, nowMs);
        }
      }
      if (each.sendMs !== nowMs) continue;
      each.sendMs = Number.POSITIVE_INFINITY;
      commits.push({ instance: each.instance, ms: nowMs, waitedMs: nowMs - each.firstMs });
      const answer = { version: commits.length, storeMs: storeHasClock ? nowMs + AHEAD_MS : undefined };
      each.pace.committed(PAGE, answer, nowMs, nowMs);
    }
  }
}

/** The commits of the last second. */
function late(commits: readonly Commit[]): Commit[] {
  return commits.filter(({ ms }) => ms > LAST_MS - 1_000);
}

/** Different moments, to the millisecond. */
function moments(commits: readonly Commit[]): number[] {
  return [...new Set(commits.map(({ ms }) => Math.round(ms)))];
}

describe("the pace of a page that many instances write to", () => {
  test("follows what all commit: 100 instances that commit 50 times a second each meet every 56 ms", () => {
    const commits = late(run(instances(100, 20)).commits);
    assert.ok(commits.length <= 1_800, `${commits.length} commits in the last second, instead of 5,000`);
    assert.ok(moments(commits).length <= 18, `at ${moments(commits).length} different moments`);
    assert.ok(Math.max(...commits.map(({ waitedMs }) => waitedMs)) <= 56);
  });

  for (const { count, everyMs } of [
    { count: 60, everyMs: 20 },
    { count: 8, everyMs: 5 },
  ]) {
    test(`lets the commits of one that writes seldom join those of ${count} that write often`, () => {
      const commits = late(run([...instances(count, everyMs), { everyMs: 150, firstMs: 3 }]).commits);
      const others = new Set(moments(commits.filter(({ instance }) => instance < count)));
      const mine = commits.filter(({ instance }) => instance === count);
      assert.ok(mine.length >= 6);
      for (const { ms } of mine) assert.ok(others.has(Math.round(ms)), `alone at ${ms} ms`);
    });
  }

  test("slows down in proportion: with 8 instances the messages stay near their bound", () => {
    const commits = late(run(instances(8, 5)).commits);
    assert.ok(commits.length > 450 && commits.length < 600, `${commits.length} commits in the last second`);
    assert.ok(Math.max(...commits.map(({ waitedMs }) => waitedMs)) <= 14);
  });

  test("does not meet on a store without a clock, but commits as seldom", () => {
    const commits = late(run(instances(100, 20), false).commits);
    assert.ok(commits.length <= 1_800, `${commits.length} commits in the last second`);
    assert.ok(moments(commits).length > 18);
  });

  test("uses no moment twice, even if a timer fires early", () => {
    const [pace] = run(instances(100, 20)).paces;
    assert.ok(pace);
    const firstMs = LAST_MS + pace.waitMs(PAGE, LAST_MS);
    const earlyMs = firstMs - 0.9;
    pace.committed(PAGE, { version: 1e6, storeMs: earlyMs + AHEAD_MS }, earlyMs, earlyMs + 0.3);
    assert.ok(pace.waitMs(PAGE, earlyMs + 0.3) > 50);
  });
});

describe("nothing waits", () => {
  const cases = [
    { what: "a page that one instance writes to, however often", writing: [{ everyMs: 1 }] },
    { what: "a page that two instances write to as often as they can", writing: instances(2, 1) },
    { what: "a page that four instances write to, 100 times a second each", writing: instances(4, 10) },
    { what: "a page that many instances write to seldom", writing: instances(100, 500) },
  ];
  for (const { what, writing } of cases) {
    test(`for ${what}`, () => {
      assert.ok(run(writing).commits.every(({ waitedMs }) => waitedMs === 0));
    });
  }

  test("for a page's first write after a quiet time, or for another page", () => {
    const [pace] = run(instances(100, 20)).paces;
    assert.ok(pace);
    assert.ok(pace.waitMs(PAGE, LAST_MS) > 0);
    assert.equal(pace.waitMs(OTHER, LAST_MS), 0);
    assert.equal(pace.waitMs(PAGE, LAST_MS + 2_500), 0);
  });

  test("after a page went back to an older version", () => {
    const [pace] = run(instances(100, 20)).paces;
    assert.ok(pace);
    const nowMs = LAST_MS + 300;
    pace.committed(PAGE, { version: 7, storeMs: nowMs }, nowMs, nowMs);
    assert.equal(pace.waitMs(PAGE, nowMs), 0);
  });
});
