/* The rules of the judge: which observations are a failure, which prove something, and which prove nothing. */

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe, test } from "node:test";
import { STEPS } from "../../../../examples/tutorial/steps/all.js";
import { CHECKS, STEP_TITLES } from "../../../../src/judge/findings/checks.js";
import { decide } from "../../../../src/judge/findings/findings.js";
import type { CheckId, NotPlayed, Observations } from "../../../../src/judge/findings/observations.js";

/** What is seen at a board that is right. */
const RIGHT: Observations = {
  divergence: { clicks: 3, deaf: [], storedDifferently: 0 },
  lost: { clicks: 40, confirmed: 40, acknowledged: 40, refused: 0, lost: 0 },
  order: { boxes: 48, differing: 0, unexplained: 0, areInstances: true },
  toggle: { tries: 3, flipped: 0 },
  join: { newcomers: 18, clicks: 72, lacking: 0 },
  missed: { clicks: 7, missedWhileConnected: 0, missedWhileCut: 0, missedAfter: 0 },
  catchUp: { clicks: 6, lacking: 0, isElsewhere: true },
  blind: {
    clicks: 40,
    refused: 0,
    lacking: 0,
    disconnected: 0,
    isOtherRefused: false,
    isOtherHeard: true,
    reading: "open",
    readings: 120,
  },
  crash: { messages: 19, ending: undefined, isBack: true, damage: undefined },
  stall: { messages: 19, worstMs: 12, usualMs: 8, stalling: undefined, waitedMs: 2_500 },
  vanished: 0,
  strays: 0,
};

type Change = { readonly [Check in CheckId]?: Partial<Exclude<Observations[Check], NotPlayed>> };

function verdicts(
  change: Change,
  counts: { readonly vanished?: number; readonly strays?: number } = {},
): Partial<Record<CheckId, string>> {
  const checks = Object.keys(CHECKS) as CheckId[];
  const seen = Object.fromEntries(checks.map((check) => [check, { ...RIGHT[check], ...change[check] }]));
  const findings = decide({ ...(seen as unknown as Observations), vanished: 0, strays: 0, ...counts });
  return Object.fromEntries(findings.map(({ check, verdict }) => [check, verdict]));
}

const EXPECTED = verdicts({});

describe("the rules of the judge", () => {
  test("pass a board that is right, except for what cannot be provoked surely", () => {
    const { join, ...others } = EXPECTED;
    assert.equal(join, "not observed");
    assert.deepEqual([...new Set(Object.values(others))], ["passed"]);
    assert.equal(Object.keys(EXPECTED).length, 10);
  });

  const deaf = [{ from: "http://a", to: "http://b" }];
  const failures: readonly (readonly [string, CheckId, Change])[] = [
    ["no click arrives at another instance", "divergence", { divergence: { deaf } }],
    ["instances store boxes differently", "divergence", { divergence: { storedDifferently: 1 } }],
    ["a confirmed click is not stored", "lost", { lost: { lost: 1 } }],
    ["clients that received both clicks show a box differently", "order", { order: { differing: 1 } }],
    ["every box that is set twice changes back", "toggle", { toggle: { flipped: 3 } }],
    ["a newcomer lacks a click", "join", { join: { lacking: 1 } }],
    ["a connected client lacks a click", "missed", { missed: { missedWhileConnected: 1 } }],
    ["a client that was cut off lacks a click", "missed", { missed: { missedWhileCut: 1 } }],
    ["a client that connected again is sent nothing more", "missed", { missed: { missedAfter: 1 } }],
    ["a returning client lacks a click", "catchUp", { catchUp: { lacking: 1 } }],
    ["a busy client makes another miss a click", "blind", { blind: { lacking: 1 } }],
    ["a busy client costs another the connection", "blind", { blind: { disconnected: 1 } }],
    ["a busy client makes another unheard", "blind", { blind: { isOtherHeard: false } }],
    ["one address uses up the reads of another", "blind", { blind: { reading: "refused" } }],
    ["a message disconnects the others", "crash", { crash: { ending: "null" } }],
    ["a message damages the board", "crash", { crash: { damage: "the board has 101 boxes instead of 100" } }],
    ["no click arrives after a message", "stall", { stall: { stalling: "null" } }],
  ];
  for (const [what, failing, change] of failures) {
    test(`if ${what}, ${failing} fails and nothing else does`, () => {
      assert.deepEqual(verdicts(change), { ...EXPECTED, [failing]: "failed" });
    });
  }

  test("clicks that vanish in another scene are lost updates, however they were made there", () => {
    assert.deepEqual(verdicts({}, { vanished: 2 }), { ...EXPECTED, lost: "failed" });
    const { observed = "" } = decide({ ...RIGHT, vanished: 2 }).find(({ check }) => check === "lost") ?? {};
    assert.match(observed, /^2 clicks that the server acknowledged, or that clients showed, are missing/);
  });

  test("a stored click that never arrived was missed, also if the scene could not be played for that reason", () => {
    assert.deepEqual(verdicts({}, { strays: 1 }), { ...EXPECTED, missed: "failed" });
    const findings = decide({ ...RIGHT, missed: { notPlayed: "a click did not arrive in time" }, strays: 1 });
    assert.equal(findings.find(({ check }) => check === "missed")?.verdict, "failed");
  });

  test("what is lacking at a board that loses messages anyway is no other failure", () => {
    for (const change of [{ join: { lacking: 1 } }, { catchUp: { lacking: 1 } }, { blind: { lacking: 1 } }] as const) {
      const [check] = Object.keys(change);
      assert.deepEqual(verdicts(change, { strays: 1 }), {
        ...EXPECTED,
        missed: "failed",
        [String(check)]: "not observed",
      });
    }
  });

  test("the end of all connections is a crash, also if nothing but clicks was sent", () => {
    const ending = { crash: { messages: 0, ending: "lost updates", isBack: false } } as const;
    assert.deepEqual(verdicts(ending), { ...EXPECTED, crash: "failed" });
  });

  const unclear: readonly (readonly [string, CheckId, Change])[] = [
    ["most clicks are refused", "lost", { lost: { confirmed: 12, refused: 28 } }],
    ["most clicks are ignored", "lost", { lost: { confirmed: 12 } }],
    ["clients differ, and one of them missed a click", "order", { order: { unexplained: 2 } }],
    ["another client is refused, as the limit of an address may do", "blind", { blind: { isOtherRefused: true } }],
    ["most clicks of the busy client are refused", "blind", { blind: { refused: 21 } }],
    ["some boxes change back, and others do not", "toggle", { toggle: { flipped: 1 } }],
  ];
  for (const [what, check, change] of unclear) {
    test(`if ${what}, nothing is said about ${check}`, () => {
      assert.deepEqual(verdicts(change), { ...EXPECTED, [check]: "not observed" });
    });
  }

  test("a client that a busy one cuts off, or that then misses clicks, is a failure, however many clicks were refused", () => {
    for (const fault of [{ disconnected: 1 }, { lacking: 1 }]) {
      assert.equal(verdicts({ blind: { ...fault, refused: 30, isOtherRefused: true } }).blind, "failed");
    }
  });

  test("a lost click is lost, however many others were refused", () => {
    assert.equal(verdicts({ lost: { confirmed: 12, refused: 28, lost: 1 } }).lost, "failed");
  });

  test("of a scene that was not played, the reason is given, and no verdict", () => {
    const findings = decide({ ...RIGHT, order: { notPlayed: "there was no time left" } });
    const order = findings.find(({ check }) => check === "order");
    assert.equal(order?.verdict, "not observed");
    assert.match(order?.observed ?? "", /there was no time left/);
  });

  test("each finding names a step of the tutorial that is there", () => {
    assert.deepEqual(
      STEP_TITLES,
      STEPS.map(({ title }) => title),
    );
    for (const { step } of decide(RIGHT)) assert.ok(STEP_TITLES[step - 1]);
  });

  test("docs/judge.md explains every check by its title", () => {
    const text = readFileSync(new URL("../../../../docs/judge.md", import.meta.url), "utf8");
    for (const { title, step } of Object.values(CHECKS)) {
      assert.match(text, new RegExp(`^\\| ${title} \\|.*\\| ${step} \\|$`, "m"));
    }
  });
});
