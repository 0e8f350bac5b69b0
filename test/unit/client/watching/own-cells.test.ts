/* Which cells are the user's, which are somebody else's, and what is not known yet. */

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { OwnCells } from "../../../../src/client/watching/own-cells.js";
import { OPENED } from "../../../support/opened.js";
import { VirtualClock } from "../../../support/virtual-clock.js";

const FAR = 70_000;

function setUp() {
  const checked = new Set([1, 2, FAR]);
  const pending = new Set<number>();
  const set = async () => undefined;
  const clock = new VirtualClock();
  const changes: number[] = [];
  const board = { get: (cell: number) => checked.has(cell), isPending: (cell: number) => pending.has(cell), set };
  const own = new OwnCells(clock, board, () => changes.push(own.cells.size));
  own.opened({ ...OPENED, claims: { ms: 0, isLease: false } });
  const taken = () => [0, 1, 2, FAR].filter((cell) => own.isTaken(cell));
  return { own, checked, pending, taken, clock, changes };
}

describe("cells of a board with claims", () => {
  test("are somebody else's if they are checked and not the user's, once the page is reported", () => {
    const { own, checked, taken } = setUp();
    assert.deepEqual(taken(), [], "not known yet");
    assert.equal(own.receive({ handle: 0, page: 0, version: 1, cells: [[1, null]] }), true);
    assert.deepEqual(taken(), [2]);
    assert.equal(own.receive({ handle: 0, page: 1, version: 1, cells: [] }), true, "that none is the user's is news");
    assert.deepEqual(taken(), [2, FAR]);
    own.receive({ handle: 0, page: 0, version: 1, cells: [[2, null]], gone: [1] });
    assert.deepEqual(taken(), [1, FAR]);
    checked.delete(1);
    assert.deepEqual(taken(), [FAR]);
    own.forget(1);
    assert.deepEqual(taken(), [], "the page is not watched any more");
  });

  test("are not somebody else's while the user's own change of them waits", () => {
    const { own, checked, pending, taken } = setUp();
    own.receive({ handle: 0, page: 0, version: 1, cells: [] });
    checked.add(0);
    pending.add(0);
    assert.deepEqual(taken(), [1, 2]);
    pending.delete(0);
    assert.deepEqual(taken(), [0, 1, 2]);
  });

  test("are the user's as soon as the change is committed, unless a report of that version has come", () => {
    const { own, taken } = setUp();
    own.receive({ handle: 0, page: 0, version: 5, cells: [[1, null]] });
    assert.equal(own.committed([[2, 1]], [[0, 6]]), true);
    assert.deepEqual([[...own.cells.keys()], taken()], [[1, 2], []]);
    assert.equal(own.committed([[1, 0]], [[0, 7]]), true);
    assert.deepEqual([...own.cells.keys()], [2]);
    own.receive({ handle: 0, page: 0, version: 9, cells: [], gone: [2] });
    assert.equal(own.committed([[2, 1]], [[0, 8]]), false, "it was released meanwhile");
    assert.equal(own.committed([[FAR, 1]], [[1, 3]]), false, "the page is not watched");
    assert.deepEqual([...own.cells.keys()], []);
  });

  test("are the user's no longer if no report of them comes", async () => {
    const { own, clock, changes } = setUp();
    own.receive({ handle: 0, page: 0, version: 1, cells: [] });
    own.committed(
      [
        [1, 1],
        [2, 1],
      ],
      [[0, 2]],
    );
    own.receive({ handle: 0, page: 0, version: 2, cells: [[2, null]], gone: [] });
    await clock.pass(4_900);
    assert.deepEqual([...own.cells.keys()], [1, 2]);
    await clock.pass(200);
    assert.deepEqual([[...own.cells.keys()], changes.length], [[2], 1]);
  });

  test("of nobody else on a board without claims, which reports none", () => {
    assert.deepEqual(setUp().taken(), []);
  });
});

const LEASE_MS = 9_000;

test("a lease is renewed while it has an end; an end that the app has put off stays", async () => {
  const clock = new VirtualClock();
  const renewed: number[] = [];
  let arrive: () => void = () => undefined;
  const set = (cell: number) => {
    renewed.push(cell);
    return new Promise<void>((done) => {
      if (cell === 5) arrive = done;
      else done();
    });
  };
  // Cell 4 is being given back.
  const own = new OwnCells(clock, { get: (cell) => cell !== 4, isPending: () => false, set });
  own.opened({ ...OPENED, claims: { ms: LEASE_MS, isLease: true } });
  const mine = {
    handle: 0,
    page: 0,
    version: 1,
    cells: [
      [1, 3_000],
      [2, null],
      [3, 60_000],
      [4, 3_000],
      [5, 3_000],
    ] as const,
  };
  const startMs = Date.now();
  own.receive(mine);
  const leftMs = (cell: number) => (own.cells.get(cell) ?? Number.NaN) - startMs;
  await clock.pass(LEASE_MS / 3 + 100);
  assert.deepEqual(renewed.splice(0), [1, 3, 5]);
  assert.ok(leftMs(1) >= LEASE_MS, `${leftMs(1)} ms`);
  assert.equal(own.cells.get(2), undefined, "it was confirmed");
  assert.ok(leftMs(3) >= 60_000, `${leftMs(3)} ms`);
  await clock.pass(LEASE_MS / 3);
  assert.deepEqual(renewed.splice(0), [1, 3], "one renewal at a time is on its way");
  arrive();
  await clock.pass(LEASE_MS / 3);
  assert.deepEqual(renewed.splice(0), [1, 3, 5]);
  own.close();
  await clock.pass(LEASE_MS);
  assert.deepEqual(renewed, []);
});

test("a lease that was given back is not renewed, whatever reports of a lost history say", async () => {
  const clock = new VirtualClock();
  const renewed: number[] = [];
  const set = async (cell: number) => void renewed.push(cell);
  // The replica is at the lost version 12, where the cells are checked.
  const own = new OwnCells(clock, { get: () => true, isPending: () => false, set });
  own.opened({ ...OPENED, claims: { ms: LEASE_MS, isLease: true } });
  const cells = [
    [1, 3_000],
    [2, 3_000],
  ] as const;
  own.receive({ handle: 0, page: 0, version: 12, cells });
  own.committed([[1, 0]], [[0, 11]]);
  await clock.pass(LEASE_MS / 3 + 100);
  assert.deepEqual(renewed.splice(0), [2]);
  // The report of the give-back, and then one of a history that has lost it.
  own.receive({ handle: 0, page: 0, version: 13, cells: [], gone: [1] });
  own.receive({ handle: 0, page: 0, version: 12, cells });
  await clock.pass(LEASE_MS / 3);
  assert.deepEqual(renewed.splice(0), [2]);
  own.committed([[1, 1]], [[0, 13]]);
  await clock.pass(LEASE_MS / 3);
  assert.deepEqual(renewed.splice(0), [1, 2], "the user has taken it again");
  own.committed([[1, 0]], [[0, 14]]);
  own.receive({ handle: 0, page: 0, version: 15, cells });
  await clock.pass(2 * LEASE_MS);
  assert.ok(renewed.includes(1), "after a lease, it was given to the user again");
  own.close();
});
