import assert from "node:assert/strict";
import { test } from "node:test";
import { Seldom } from "../../../../src/server/telemetry/seldom.js";

test("a recurring problem is logged at once, then seldom and with a count; each kind for itself", () => {
  const seldom = new Seldom();
  assert.equal(seldom.take("keys", 0), 1);
  for (let nowMs = 1; nowMs <= 500; nowMs++) assert.equal(seldom.take("keys", nowMs), undefined);
  assert.equal(seldom.take("hook", 10), 1);
  assert.equal(seldom.take("keys", 60_000), 501);
  assert.equal(seldom.take("keys", 60_001), undefined);
  assert.equal(seldom.take("keys", 180_000), 2);
});

test("kinds are forgotten, the oldest first", () => {
  const seldom = new Seldom();
  for (let kind = 0; kind <= 100; kind++) assert.equal(seldom.take(String(kind), 0), 1);
  assert.equal(seldom.take("100", 1), undefined);
  assert.equal(seldom.take("0", 1), 1);
});
