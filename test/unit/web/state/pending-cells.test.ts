import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { PendingCells } from "../../../../src/web/state/pending-cells.js";
import { VirtualClock } from "../../../support/virtual-clock.js";

describe("pending cells", () => {
  function make() {
    const clock = new VirtualClock();
    const onTheirWay = new Set<number>();
    const board = {
      set: (cell: number) => {
        onTheirWay.add(cell);
        return Promise.reject(new Error("refused"));
      },
      isPending: (cell: number) => onTheirWay.has(cell),
    };
    const changes: [cell: number, isPending: boolean][] = [];
    const pending = new PendingCells(board, (cell, isPending) => changes.push([cell, isPending]), clock);
    return { clock, onTheirWay, changes, pending };
  }

  test("are those that the board says are pending, until it says so no longer", async () => {
    const { clock, onTheirWay, changes, pending } = make();
    pending.set(1, true);
    pending.set(1, false);
    await clock.pass(500);
    pending.set(2, true);
    assert.deepEqual(changes.splice(0), [
      [1, true],
      [2, true],
    ]);
    assert.deepEqual([...pending.longerThan(200, clock.now())], [1], "the first has been pending for long enough");
    onTheirWay.delete(1);
    await clock.pass(200);
    assert.deepEqual(changes.splice(0), [[1, false]]);
    onTheirWay.delete(2);
    await clock.pass(200);
    assert.deepEqual(changes, [[2, false]]);
  });

  test("are not those that the board did not take, and none are followed after the end", async () => {
    const { clock, onTheirWay, changes, pending } = make();
    pending.follow(7);
    assert.deepEqual(changes, []);
    pending.set(8, true);
    pending.close();
    onTheirWay.clear();
    await clock.pass(1_000);
    assert.deepEqual(changes, [[8, true]]);
  });
});
