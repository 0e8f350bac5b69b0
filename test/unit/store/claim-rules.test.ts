/* What CLAIMS may say, and how messages name its rules. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { describeRule, formatRule, parseClaims, parseRule } from "../../../src/store/claims.js";

const read = (text: string) => {
  const rules = parseClaims(text);
  return rules && Object.fromEntries(rules.boards);
};

test("CLAIMS names boards, each with no end, a hold or a lease", () => {
  assert.deepEqual(read(""), {});
  assert.deepEqual(read("seats, lockers=5m,room=lease:10s"), {
    seats: { ms: 0, isLease: false },
    lockers: { ms: 300_000, isLease: false },
    room: { ms: 10_000, isLease: true },
  });
  assert.deepEqual(read("a=365d"), { a: { ms: 365 * 86_400_000, isLease: false } });
});

test("CLAIMS that says anything else is refused", () => {
  for (const text of [
    "seats=",
    "a=0m",
    "a=5",
    "a=lease:",
    "a=lease:1s",
    "a=366d",
    "a,a=5m",
    "a b",
    ",",
    "a=lease:lease:5s",
  ])
    assert.equal(read(text), undefined, text);
});

test("a rule is named in words", () => {
  const named = (text: string) => describeRule(formatRule(parseRule(text)));
  assert.equal(describeRule(undefined), "no claims");
  assert.equal(named(""), "claims without an end");
  assert.equal(named("5m"), "holds of 300 s");
  assert.equal(named("lease:10s"), "leases of 10 s");
});
