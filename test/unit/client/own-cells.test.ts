/* The user's own cells, and the renewal of their leases. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { OwnCells } from "../../../src/client/own-cells.js";
import { OPENED } from "../../support/opened.js";
import { VirtualClock } from "../../support/virtual-clock.js";

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
