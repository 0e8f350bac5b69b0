/* The user's own cells: leases are renewed in time, and keep an end that is later. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { OwnCells } from "../../../src/client/own-cells.js";
import { OPENED } from "../../support/opened.js";
import { VirtualClock } from "../../support/virtual-clock.js";

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
  const own = new OwnCells(clock, { get: (cell) => cell !== 4, set });
  own.opened({ ...OPENED, claims: { ms: LEASE_MS, isLease: true } });
  const mine = {
    handle: 0,
    page: 0,
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
