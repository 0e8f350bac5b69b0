/* How an instance follows the records of boards, on a clock that the test moves. */

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { packChanges } from "../../../../src/board/delta.js";
import { resizeBoard } from "../../../../src/server/admin/board-admin.js";
import { BoardKeeper } from "../../../../src/server/instance/board-keeper.js";
import type { BoardRecord, BoardRecords } from "../../../../src/store/boards.js";
import { NO_CLAIMS } from "../../../../src/store/claims.js";
import { LocalBoards } from "../../../../src/store/embedded/local-boards.js";
import { StoreAway } from "../../../../src/store/store.js";
import { newTag } from "../../../../src/store/tag.js";
import { boardsInMemory } from "../../../support/list-in-memory.js";
import { modelInstance } from "../../../support/model-instance.js";
import { ModelStore } from "../../../support/model-store.js";
import { VirtualClock } from "../../../support/virtual-clock.js";

function storedIn(table = boardsInMemory()) {
  return new LocalBoards({ ...table, read: async (action) => action(), atomically: async (action) => action() });
}

async function keep(records: BoardRecords, boards: Record<string, number>, clock = new VirtualClock()) {
  const failures: unknown[] = [];
  const keeper = new BoardKeeper({
    boards,
    records,
    clock,
    claims: NO_CLAIMS,
    ruled: () => undefined,
    failed: (error) => failures.push(error),
  });
  const resized: string[] = [];
  keeper.tell({ resized: ({ board, before }) => resized.push(`${board.name} ${before} ${board.size}`) });
  const started = keeper.start();
  await clock.pass(0);
  return { keeper, clock, resized, failures, started, sizes: () => sizesOf(keeper.boards.values()) };
}

function sizesOf(boards: Iterable<{ name: string; size: number }>): Record<string, number> {
  return Object.fromEntries(Array.from(boards, ({ name, size }) => [name, size]));
}

describe("the keeper of boards", () => {
  test("writes the records that a new store lacks, and takes those that others wrote", async () => {
    const records = storedIn();
    const one = await keep(records, { main: 100 });
    const two = await keep(records, { main: 200, hall: 7 });
    const three = await keep(records, { main: 50 });
    for (const { sizes } of [one, two, three]) assert.deepEqual(sizes(), { main: 200, hall: 7 });
    assert.deepEqual(await records.list(), new Map(Object.entries({ main: { size: 200 }, hall: { size: 7 } })));
    assert.deepEqual(one.resized, ["main 100 200", "hall 0 7"]);
    assert.deepEqual(three.resized, ["main 50 200", "hall 0 7"]);
    await Promise.all([one, two, three].map(({ started }) => started));
  });

  test("keeps the claims of a record that it grows", async () => {
    const records = storedIn();
    await records.change("main", undefined, { size: 5, claims: "5m" });
    await keep(records, { main: 100 });
    assert.deepEqual((await records.list())?.get("main"), { size: 100, claims: "5m" });
  });

  test("finds a change within 3 s whose news was lost", async () => {
    const records = storedIn();
    records.subscribe = async () => () => undefined;
    const { clock, sizes, resized } = await keep(records, { main: 100 });
    await records.change("main", { size: 100 }, { size: 50 });
    await records.change("hall", undefined, { size: 9 });
    await clock.pass(3_000);
    assert.deepEqual(sizes(), { main: 50, hall: 9 });
    await records.change("main", { size: 50 }, undefined);
    await clock.pass(3_000);
    assert.deepEqual(sizes(), { hall: 9 });
    assert.deepEqual(resized, ["main 100 50", "hall 0 9", "main 50 0"]);
  });

  test("gives a store that has lost all records those of the boards that are served, added ones too", async () => {
    const table = boardsInMemory();
    const records = storedIn(table);
    const { clock, sizes } = await keep(records, { main: 100 });
    await records.change("hall", undefined, { size: 9, claims: "5m" });
    await records.change("main", { size: 100 }, { size: 50 });
    await clock.pass(0);
    for (const [name] of [...table.entries()]) table.put(name, undefined);
    await clock.pass(3_000);
    const expected: Record<string, BoardRecord> = { main: { size: 50 }, hall: { size: 9, claims: "5m" } };
    assert.deepEqual(await records.list(), new Map(Object.entries(expected)));
    assert.deepEqual(sizes(), { main: 50, hall: 9 });
  });

  test("serves the boards of BOARDS if the store is away at the start, and follows once it answers", async () => {
    const records = storedIn();
    await records.change("main", undefined, { size: 500 });
    const { list } = records;
    records.list = () => Promise.reject(new StoreAway("away", { sent: false }));
    const { clock, sizes, started, failures } = await keep(records, { main: 100 });
    let isStarted = false;
    void started.then(() => {
      isStarted = true;
    });
    await clock.pass(2_900);
    assert.equal(isStarted, false);
    await clock.pass(200);
    assert.equal(isStarted, true);
    assert.deepEqual(sizes(), { main: 100 });
    records.list = list;
    await clock.pass(3_000);
    assert.deepEqual([sizes(), failures], [{ main: 500 }, []]);
  });

  test("gives each board a handle of its own, also one that comes back", async () => {
    const records = storedIn();
    const { keeper, clock } = await keep(records, { main: 100 });
    const handles = new Set([keeper.boards.get("main")?.handle]);
    for (let round = 0; round < 3; round++) {
      await records.change("hall", undefined, { size: 9 });
      await clock.pass(0);
      handles.add(keeper.boards.get("hall")?.handle);
      await records.change("hall", { size: 9 }, undefined);
      await clock.pass(0);
      assert.equal(keeper.boards.has("hall"), false);
    }
    assert.deepEqual([...handles], [0, 1, 2, 3]);
  });

  test("makes of changes that meet one after the other, and loses none", async () => {
    const records = storedIn();
    const { keeper, clock, sizes } = await keep(records, { main: 100 });
    const other = await keep(records, { main: 100 }, clock);
    const grow = (each: BoardKeeper) => each.change("main", (record) => ({ size: (record?.size ?? 0) + 1 }));
    const all = Promise.all([keeper, other.keeper, keeper, other.keeper].map(grow));
    await clock.pass(1_000);
    await all;
    assert.deepEqual([sizes(), other.sizes()], [{ main: 104 }, { main: 104 }]);
  });
});

describe("a board that shrinks", () => {
  test("is emptied once more beyond its end, after instances that had not heard of it have", async () => {
    const clock = new VirtualClock();
    const store = new ModelStore(clock);
    const instance = modelInstance({ clock, store, cells: 200 });
    await instance.keeper.start();
    const writeBeyond = (session: string) => {
      const write = { session, seq: 1, changes: packChanges([[150, 1]]) };
      return store.commit({ board: "main", page: 0 }, { tag: newTag(), writes: [write] });
    };
    await resizeBoard(instance, "main", 100);
    await writeBeyond("late");
    assert.equal(store.checked({ board: "main", page: 0 }), 1);
    await clock.pass(10_000);
    assert.equal(store.checked({ board: "main", page: 0 }), 0);

    // Cells that are there again are left alone.
    await resizeBoard(instance, "main", 50);
    await resizeBoard(instance, "main", 200);
    await writeBeyond("in time");
    await clock.pass(10_000);
    assert.equal(store.checked({ board: "main", page: 0 }), 1);
    instance.close();
  });
});
