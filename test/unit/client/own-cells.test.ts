/* Which cells are the user's, which are somebody else's, and what is not known yet. */

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { OwnCells } from "../../../src/client/own-cells.js";
import { OPENED } from "../../support/opened.js";
import { VirtualClock } from "../../support/virtual-clock.js";

const FAR = 70_000;

function setUp() {
  const checked = new Set([1, 2, FAR]);
  const pending = new Set<number>();
  const set = async () => undefined;
  const own = new OwnCells(new VirtualClock(), {
    get: (cell) => checked.has(cell),
    isPending: (cell) => pending.has(cell),
    set,
  });
  own.opened({ ...OPENED, claims: { ms: 0, isLease: false } });
  const taken = () => [0, 1, 2, FAR].filter((cell) => own.isTaken(cell));
  return { own, checked, pending, taken };
}

describe("cells of a board with claims", () => {
  test("are somebody else's if they are checked and not the user's, once the page is reported", () => {
    const { own, checked, taken } = setUp();
    assert.deepEqual(taken(), [], "not known yet");
    assert.equal(own.receive({ handle: 0, page: 0, cells: [[1, null]] }), true);
    assert.deepEqual(taken(), [2]);
    assert.equal(own.receive({ handle: 0, page: 1, cells: [] }), true, "that none is the user's is news");
    assert.deepEqual(taken(), [2, FAR]);
    own.receive({ handle: 0, page: 0, cells: [[2, null]], gone: [1] });
    assert.deepEqual(taken(), [1, FAR]);
    checked.delete(1);
    assert.deepEqual(taken(), [FAR]);
    own.forget(1);
    assert.deepEqual(taken(), [], "the page is not watched any more");
  });

  test("are not somebody else's while the user's own change of them waits", () => {
    const { own, checked, pending, taken } = setUp();
    own.receive({ handle: 0, page: 0, cells: [] });
    checked.add(0);
    pending.add(0);
    assert.deepEqual(taken(), [1, 2]);
    pending.delete(0);
    assert.deepEqual(taken(), [0, 1, 2]);
  });

  test("of nobody else on a board without claims, which reports none", () => {
    assert.deepEqual(setUp().taken(), []);
  });
});

test("a lease is renewed in time, and a hold that the app has confirmed or extended keeps its end", async () => {
  const clock = new VirtualClock();
  const renewed: number[] = [];
  const set = async (cell: number) => void renewed.push(cell);
  const own = new OwnCells(clock, { get: () => true, isPending: () => false, set });
  own.opened({ ...OPENED, claims: { ms: 3_000, isLease: true } });
  const cells = [
    [1, 3_000],
    [2, 60_000],
    [3, null],
  ] as const;
  own.receive({ handle: 0, page: 0, cells: cells.map(([cell, leftMs]) => [cell, leftMs]) });
  await clock.pass(1_100);
  own.close();
  const leftMs = (cell: number) => (own.cells.get(cell) ?? Number.NaN) - Date.now();
  assert.ok(renewed.includes(1), `renewed: ${renewed}`);
  assert.ok(leftMs(1) > 2_000 && leftMs(1) <= 3_000, `the lease ends in ${leftMs(1)} ms`);
  assert.ok(leftMs(2) > 50_000, `the extended hold ends in ${leftMs(2)} ms`);
  assert.ok(own.cells.has(3) && own.cells.get(3) === undefined, "the confirmed hold has no end");
  assert.ok(!renewed.includes(3), "a hold without an end needs no renewal");
});
