/* The contract of store/boards.ts, as tests for every implementation. Other tests may have boards of their own. */

import assert from "node:assert/strict";
import { test } from "node:test";
import type { BoardRecord } from "../../src/store/boards.js";
import type { Store } from "../../src/store/store.js";
import { until } from "../support/until.js";

let boards = 0;
const freshName = () => `r${process.pid}x${boards++}`;

/** To be called inside a `describe`. `store` is there when the tests run. */
export function boardsContract(store: () => Store): void {
  const recordOf = async (name: string) => (await store().boards.list())?.get(name);
  const change = (name: string, before: BoardRecord | undefined, after: BoardRecord | undefined) =>
    store().boards.change(name, before, after);

  test("a store without any record says so, and has a list once one was written, even an empty one", async () => {
    assert.equal(await store().boards.list(), undefined);
    const name = freshName();
    assert.equal(await change(name, undefined, { size: 1 }), true);
    assert.equal(await change(name, { size: 1 }, undefined), true);
    assert.deepEqual(await store().boards.list(), new Map());
  });

  test("a record is kept as it was written, with its claims, until it is removed", async () => {
    const name = freshName();
    assert.equal(await recordOf(name), undefined);
    const records: BoardRecord[] = [{ size: 240 }, { size: 2 ** 32, claims: "lease:10s" }, { size: 240, claims: "5m" }];
    let before: BoardRecord | undefined;
    for (const record of records) {
      assert.equal(await change(name, before, record), true);
      assert.deepEqual(await recordOf(name), record);
      before = record;
    }
    assert.equal(await change(name, before, undefined), true);
    assert.equal(await recordOf(name), undefined);
  });

  test("a change is made only of the record that it names", async () => {
    const name = freshName();
    assert.equal(await change(name, { size: 5 }, { size: 6 }), false);
    assert.equal(await change(name, undefined, { size: 5 }), true);
    for (const other of [undefined, { size: 4 }, { size: 5, claims: "5m" }]) {
      assert.equal(await change(name, other, { size: 7 }), false);
      assert.equal(await change(name, other, undefined), false);
    }
    assert.deepEqual(await recordOf(name), { size: 5 });
    const all = await Promise.all([6, 7, 8, 9].map((size) => change(name, { size: 5 }, { size })));
    assert.deepEqual(all.toSorted(), [false, false, false, true]);
  });

  test("listeners hear of every change, and of no attempt that changed nothing, until they unsubscribe", async () => {
    const name = freshName();
    let heard = 0;
    const unsubscribe = await store().boards.subscribe(() => heard++);
    const other = await store().boards.subscribe(() => undefined);
    await change(name, { size: 9 }, { size: 8 });
    await change(name, undefined, { size: 5 });
    await until("the new one is heard", () => heard === 1);
    await change(name, { size: 5 }, { size: 5 });
    await change(name, { size: 5 }, { size: 6 });
    await until("the larger one is heard", () => heard === 2);
    await change(name, { size: 6 }, undefined);
    await until("the removal is heard", () => heard === 3);
    unsubscribe();
    const last = freshName();
    let isHeard = false;
    const later = await store().boards.subscribe(() => {
      isHeard = true;
    });
    await change(last, undefined, { size: 1 });
    await until("another listener hears", () => isHeard);
    assert.equal(heard, 3);
    other();
    later();
  });
}
