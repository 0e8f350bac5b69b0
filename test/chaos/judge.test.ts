/* The judge against planted histories: it must catch each kind of lie, and must not cry at what is allowed. */

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { Claimed, ClaimedCell } from "./claimed.js";
import type { Happening, State, WriteOutcome } from "./history.js";
import { Judge } from "./judge.js";
import { encodeWord } from "./register.js";

const ALL_PAGES = [0, 1, 2];
let writes = 0;

/** The rules that were broken, each once. */
function verdict(...happenings: readonly (Happening | readonly Happening[])[]): string[] {
  const judge = new Judge();
  for (const happening of happenings.flat()) judge.take(happening);
  return [...new Set(judge.violations.map(({ rule }) => rule))];
}

function write(counter: number, outcome: WriteOutcome = "acknowledged", register = 0): Happening[] {
  const number = writes++;
  return [
    { kind: "invoked", ms: 0, write: number, user: 0, target: { kind: "register", register, counter } },
    { kind: "settled", ms: 0, write: number, outcome },
  ];
}

function begin(cell: number, value: boolean): { invoked: Happening; settled(outcome?: WriteOutcome): Happening } {
  const number = writes++;
  return {
    invoked: { kind: "invoked", ms: 0, write: number, user: 0, target: { kind: "cell", cell, value } },
    settled: (outcome = "acknowledged") => ({ kind: "settled", ms: 0, write: number, outcome }),
  };
}

function see(counter: number, user = 1): Happening {
  return { kind: "seen", user, register: 0, word: encodeWord(0, counter) };
}

/** All writes up to `counter` left their mark in the ledger, but `missing`. */
function state(counter: number, cells: readonly boolean[] = [], checked = 0, missing?: number): State {
  const ledger = Array.from({ length: 8 }, (_, index) =>
    index > 0 && index <= counter && index !== missing ? "1" : "0",
  );
  return { words: [encodeWord(0, counter)], ledgers: [ledger.join("")], cells, checked };
}

/** A user takes a cell of a board with claims, or gives it back. */
function take(user: number, cell: ClaimedCell, ms: number, outcome: WriteOutcome = "acknowledged", value = true) {
  const write = writes++;
  return [
    { kind: "invoked", ms, write, user, target: { kind: "claim", cell, value } },
    { kind: "settled", ms: ms + 10, write, outcome },
  ] as const satisfies readonly Happening[];
}

function giveBack(user: number, cell: ClaimedCell, ms: number, outcome: WriteOutcome = "acknowledged") {
  return take(user, cell, ms, outcome, false);
}

/** Users 0 and 1 have these cells, by the store and by what they are shown. */
function owned(
  ms: number,
  mine: readonly (readonly ClaimedCell[])[],
  changed: Partial<Claimed["stored"]> = {},
): Happening {
  const cells = mine.flat().sort();
  const claims = mine.flatMap((theirs, user) => theirs.map((cell) => ({ cell, owner: `owner${user}`, leftMs: 100 })));
  const users = mine.map((theirs) => ({ checked: cells, mine: theirs }));
  return { kind: "owned", ms, claimed: { stored: { checked: cells, claims, ...changed }, users } };
}

function quiet(store: State, users: readonly State[] = [store], counted = store.checked): Happening {
  return { kind: "quiet", store, counted, users };
}

function fork(survivor: State | undefined, keepsAcknowledged = false): Happening {
  return { kind: "forked", survivor, pages: ALL_PAGES, keepsAcknowledged };
}

describe("the judge", () => {
  test("finds nothing in a history in which all is well", () => {
    assert.deepEqual(verdict(write(1), see(1), write(2), see(2), see(2), quiet(state(2))), []);
  });

  test("sees a write torn apart", () => {
    const word = encodeWord(0, 2) + (encodeWord(0, 1) % 256) - (encodeWord(0, 2) % 256);
    assert.deepEqual(verdict(write(1), write(2), { kind: "seen", user: 1, register: 0, word }), ["torn"]);
  });

  test("sees a value that nobody has written, and one whose write was refused", () => {
    assert.deepEqual(verdict(write(1), see(2)), ["invented"]);
    assert.deepEqual(verdict(write(1), write(2, "refused"), see(2)), ["invented"]);
  });

  test("sees a user go back, as after a write that took effect twice", () => {
    assert.deepEqual(verdict(write(1), write(2), see(2), see(1)), ["back"]);
    assert.deepEqual(verdict(write(1), write(2), see(2), see(1, 2)), [], "another may be behind");
  });

  test("sees an acknowledged write lost, and lets an unknown one be either way", () => {
    assert.deepEqual(verdict(write(1), write(2), quiet(state(1))), ["lost"]);
    assert.deepEqual(verdict(write(1), write(2, "unknown"), quiet(state(1))), []);
    assert.deepEqual(verdict(write(1), write(2, "unknown"), quiet(state(2))), []);
  });

  test("sees an acknowledged write lost that later ones have written over", () => {
    const history = [...write(1), ...write(2), ...write(3)];
    assert.deepEqual(verdict(history, quiet(state(3, [], 0, 2))), ["lost"]);
    assert.deepEqual(verdict(history, fork(state(2)), write(4), quiet(state(4, [], 0, 3))), [], "lost with the tail");
    assert.deepEqual(
      verdict(history, fork(state(2)), write(4), quiet(state(4, [], 0, 2))),
      ["lost"],
      "not of the tail",
    );
  });

  test("allows a fork one step back for each viewer, no further than to the survivor", () => {
    const history = [...write(1), ...write(2), ...write(3), see(3), fork(state(2))];
    assert.deepEqual(verdict(history, see(2), quiet(state(2))), []);
    assert.deepEqual(verdict(history, see(1)), ["back"], "further than the survivor");
    assert.deepEqual(verdict(history, see(2), write(4), see(4), see(2)), ["back"], "a second step");
    assert.deepEqual(verdict(history, quiet(state(1))), ["lost"], "the survivor had more");
    assert.deepEqual(verdict(history, write(4), quiet(state(2))), ["lost"], "acknowledged by the survivor");
  });

  test("reports acknowledged writes that a fork lost, if their survival was promised", () => {
    const history = [...write(1), ...write(2), ...write(3, "unknown"), see(3)];
    assert.deepEqual(verdict(history, fork(undefined, true), see(2), quiet(state(2))), []);
    assert.deepEqual(verdict(history, fork(undefined, true), see(1)), ["back"]);
    assert.deepEqual(verdict(history, fork(state(1), true), quiet(state(1))), ["lost"]);
    assert.deepEqual(verdict(history, fork(state(1)), quiet(state(1))), []);
  });

  test("does not hold the survivor to what was under way when the store forked", () => {
    const [invoked, settled] = write(3);
    assert.ok(invoked && settled);
    assert.deepEqual(verdict(write(1), write(2), invoked, fork(state(2)), settled, quiet(state(2))), []);
  });

  test("sees a contended cell at a value that no write accounts for", () => {
    const on = begin(0, true);
    const off = begin(0, false);
    const inTurn = [on.invoked, on.settled(), off.invoked, off.settled()];
    const atOnce = [on.invoked, off.invoked, on.settled(), off.settled()];
    assert.deepEqual(verdict(inTurn, quiet(state(0, [true]))), ["unfounded"]);
    assert.deepEqual(verdict(inTurn, quiet(state(0, [false]))), []);
    assert.deepEqual(verdict(atOnce, quiet(state(0, [true]))), []);
    assert.deepEqual(verdict(on.invoked, on.settled(), quiet(state(0, [false]))), ["unfounded"], "as it was before");
    assert.deepEqual(verdict(on.invoked, on.settled("unknown"), inTurn.slice(2), quiet(state(0, [true]))), []);
    assert.deepEqual(verdict(on.invoked, on.settled(), fork(state(0, [false])), quiet(state(0, [false]))), []);
    assert.deepEqual(
      verdict(
        fork(state(0, [true])),
        on.invoked,
        off.invoked,
        off.settled(),
        on.settled("refused"),
        quiet(state(0, [true])),
      ),
      ["unfounded"],
    );
  });

  test("sees a user that differs from the store, and a wrong count", () => {
    assert.deepEqual(verdict(write(1), quiet(state(1), [state(1), state(0)])), ["apart"]);
    assert.deepEqual(verdict(quiet(state(0, [], 5), [state(0, [], 4)])), ["apart"]);
    assert.deepEqual(verdict(quiet(state(0, [], 5), [], 6)), ["miscount"]);
  });

  test("sees a cell with two owners, and lets one follow the other", () => {
    const first = take(0, "seats:1", 0);
    assert.deepEqual(verdict(first, take(1, "seats:1", 20)), ["stolen"]);
    assert.deepEqual(verdict(first, take(1, "seats:1", 20, "refused"), owned(40, [["seats:1"], []])), []);
    assert.deepEqual(verdict(first, giveBack(0, "seats:1", 20), take(1, "seats:1", 40)), []);
    assert.deepEqual(verdict(first, giveBack(0, "seats:1", 20, "refused"), take(1, "seats:1", 40)), [], "lost since");
    assert.deepEqual(verdict(first, fork(undefined), take(1, "seats:1", 40)), [], "lost with the tail");
    assert.deepEqual(verdict(first, fork(undefined, true), take(1, "seats:1", 40)), ["stolen"], "not lost");
    const hold = take(0, "lockers:1", 0);
    assert.deepEqual(verdict(hold, take(1, "lockers:1", 1_900)), ["stolen"]);
    assert.deepEqual(verdict(hold, take(1, "lockers:1", 2_000)), []);
    assert.deepEqual(verdict(hold, take(0, "lockers:1", 1_900), take(1, "lockers:1", 2_000)), [], "no new claim");
  });

  test("sees a claim that is lost, kept too long, or never asked for", () => {
    const first = take(0, "seats:1", 0);
    assert.deepEqual(verdict(first, owned(40, [[], []])), ["stolen"]);
    assert.deepEqual(verdict(first, fork(undefined), owned(40, [[], []])), []);
    assert.deepEqual(verdict(take(0, "seats:1", 0, "unknown"), owned(40, [[], []])), []);
    assert.deepEqual(verdict(owned(9_000, [["seats:1"], []])), ["stolen"], "not asked for");
    assert.deepEqual(verdict(take(0, "seats:1", 0, "refused"), owned(9_000, [["seats:1"], []])), ["stolen"], "refused");
    assert.deepEqual(
      verdict(first, giveBack(0, "seats:1", 20), owned(9_000, [["seats:1"], []])),
      ["stolen"],
      "given back",
    );
    assert.deepEqual(verdict(take(0, "lockers:1", 0), owned(9_000, [["lockers:1"], []])), ["stolen"], "ended");
    assert.deepEqual(verdict(take(0, "room:1", 0), owned(9_000, [["room:1"], []])), [], "renewed");
    const moved = [take(0, "seats:1", 0), take(1, "seats:2", 0), owned(40, [["seats:1"], ["seats:2"]])];
    assert.deepEqual(verdict(...moved, take(0, "seats:2", 50), owned(90, [["seats:1"], ["seats:2"]])), ["stolen"]);
  });

  test("sees claims that differ between a user and the store", () => {
    const first = take(0, "seats:1", 0);
    const claims = [{ cell: "seats:1", owner: "owner0", leftMs: Number.POSITIVE_INFINITY }] as const;
    assert.deepEqual(verdict(first, owned(40, [["seats:1"], []], { claims })), []);
    assert.deepEqual(verdict(first, owned(40, [["seats:1"], []], { claims: [] })), ["apart"]);
    assert.deepEqual(verdict(first, owned(40, [["seats:1"], []], { checked: [] })), ["apart"]);
    assert.deepEqual(verdict(first, owned(40, [["seats:1"], ["seats:1"]], { claims })), ["apart", "stolen"]);
    const ended = [{ cell: "lockers:1", owner: "owner0", leftMs: -2_001 }] as const;
    assert.deepEqual(verdict(take(0, "lockers:1", 0), owned(4_100, [["lockers:1"], []], { claims: ended })), ["apart"]);
  });

  test("names the fault during which it happened", () => {
    const judge = new Judge();
    for (const happening of [...write(1), ...write(2), see(2)]) judge.take(happening);
    judge.take({ kind: "struck", fault: "primary killed" });
    judge.take(see(1));
    judge.take({ kind: "healed", fault: "primary killed" });
    judge.take({ kind: "stuck", what: "the load does not go on" });
    assert.deepEqual(
      judge.violations.map(({ during }) => during),
      ["primary killed", "after primary killed"],
    );
  });
});
