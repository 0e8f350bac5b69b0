import assert from "node:assert/strict";
import { test } from "node:test";
import type { ActionName, Trial } from "../../../../src/protocol/lab.js";
import { explain, firstTrial, type ProgressOf } from "../../../../src/web/lab/progress.js";

const STEPS = [
  { number: 1, order: { action: "click" } },
  { number: 2, order: { action: "storm" } },
] as const;

const finding = { healedMs: undefined, sinceCureMs: undefined, behindMost: 0, wrong: 0, clicks: 0, acknowledged: 0 };
const counts = { lost: 0, gone: 0, commits: 0, frames: 0, isInterrupted: false, sightings: [] };
const trial = (number: number, action: ActionName, isOpen: boolean): Trial => ({
  ...{ number, action, title: "", isOpen },
  ...{ ours: { ...finding, ...counts }, naive: undefined },
});

test("a step is explained when its own trial has closed, and not before", () => {
  const before = [trial(3, "storm", false)];
  const all: ProgressOf = { 2: { guess: 1, from: firstTrial(before, "storm") } };
  assert.equal(explain(all, STEPS, before), all, "an earlier storm is another one");
  assert.equal(explain(all, STEPS, [trial(4, "storm", true), ...before]), all, "it is still open");
  const other = [trial(5, "kill", true), trial(4, "kill", false), ...before];
  assert.equal(explain(all, STEPS, other), all, "another fault explains nothing");
  const next = explain(all, STEPS, [trial(5, "kill", true), trial(4, "storm", false), ...before]);
  assert.deepEqual(next, { 2: { guess: 1, from: 4, isExplained: true } });
  const again = { 2: { ...next[2], from: 6 } };
  assert.equal(explain(again, STEPS, [trial(6, "storm", true)]), again, "the explanation stays");
});

test("a click that joins an open trial is explained when that trial closes", () => {
  assert.equal(firstTrial([], "click"), 1);
  assert.equal(firstTrial([trial(3, "hang", false)], "click"), 4);
  const from = firstTrial([trial(3, "hang", true)], "click");
  const all: ProgressOf = { 1: { from } };
  assert.equal(explain(all, STEPS, [trial(3, "hang", true)]), all);
  assert.equal(explain(all, STEPS, [trial(4, "click", true), trial(3, "hang", false)]), all, "it began its own");
  assert.equal(explain(all, STEPS, [trial(3, "hang", false)])[1]?.isExplained, true);
});

test("without a press, nothing is explained", () => {
  const all: ProgressOf = { 2: { guess: 0 } };
  assert.equal(explain(all, STEPS, [trial(1, "storm", false)]), all);
});
