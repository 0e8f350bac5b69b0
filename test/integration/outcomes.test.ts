/* What becomes of each `set` and `setAll`: each has an outcome of its own, whatever the library sent together. */

import assert from "node:assert/strict";
import { after, before, describe, type TestContext, test } from "node:test";
import { type Board, connect, type RefusedChange } from "../../src/client/index.js";
import { EmbeddedStore } from "../../src/store/embedded/embedded-store.js";
import { temporaryFolder } from "../support/folder.js";
import { type LocalInstance, startInstance } from "../support/instances.js";
import { outcome } from "../support/outcome.js";
import { TcpProxy } from "../support/tcp-proxy.js";
import { until } from "../support/until.js";

const PAGE_CELLS = 65_536;
const SIZE = 200_000;

describe("the outcome of", () => {
  let store: EmbeddedStore;
  let instance: LocalInstance;
  let boards = 0;
  const names = Array.from({ length: 12 }, (_, index) => `b${index}`);
  before(async () => {
    store = await EmbeddedStore.open({ directory: temporaryFolder({ after }) });
    instance = await startInstance(
      { BOARDS: names.map((name) => `${name}=${SIZE}`).join(), WRITES_PER_SECOND: "10000" },
      store,
    );
  });
  after(async () => {
    await instance.stop();
    await store.close();
  });

  const open = (t: TestContext, url = instance.url) => {
    const client = connect(url);
    t.after(() => client.close());
    const board = client.board(names[boards++] ?? "");
    const refused: RefusedChange[] = [];
    board.on("refused", (each) => refused.push(each));
    return { board, refused };
  };
  const freeze = (board: Board, ...cells: number[]) =>
    Promise.all(
      cells.map((cell) => {
        const start = cell % PAGE_CELLS;
        const ref = { board: board.name, page: Math.floor(cell / PAGE_CELLS) };
        return store.freeze(ref, { start, end: start + 1 }, true);
      }),
    );
  const outcomes = async (sets: readonly (readonly [cell: number, set: Promise<void>])[]) => {
    const told: [number, string][] = await Promise.all(sets.map(async ([cell, set]) => [cell, await outcome(set)]));
    return Object.fromEntries<string>(told);
  };

  test("each of twenty boxes set while offline, one of which was frozen meanwhile, is its own", async (t) => {
    const proxy = await TcpProxy.start(Number(new URL(instance.url).port));
    t.after(() => proxy.close());
    const { board, refused } = open(t, `http://127.0.0.1:${proxy.port}`);
    await board.watch({ start: 0, end: 100 }).ready;
    proxy.refuse();
    await until("the client is offline", () => board.status === "connecting");
    const sets = Array.from({ length: 20 }, (_, cell) => [cell, board.set(cell, true)] as const);
    await freeze(board, 7);
    proxy.heal();
    const told = await outcomes(sets);
    assert.deepEqual(told, Object.fromEntries(sets.map(([cell]) => [cell, cell === 7 ? "FROZEN" : "done"])));
    await until("the screen shows it", () => sets.every(([cell]) => board.get(cell) === (cell !== 7)));
    assert.deepEqual(
      refused.map(({ cell }) => cell),
      [7],
    );
  });

  test("a number that is too large, set before the size is known, does not touch those of others", async (t) => {
    const { board, refused } = open(t);
    const sets = [5, SIZE, 70_000, 2 ** 40].map((cell) => [cell, board.set(cell, true)] as const);
    assert.deepEqual(await outcomes(sets), {
      5: "done",
      70000: "done",
      [SIZE]: "CELL_OUT_OF_RANGE",
      [2 ** 40]: "CELL_OUT_OF_RANGE",
    });
    assert.deepEqual(
      refused.map(({ cell }) => cell),
      [2 ** 40, SIZE],
    );
  });

  test("a set on a different page from the frozen cells is what the store did", async (t) => {
    const { board } = open(t);
    await board.watch({ start: 0, end: SIZE }).ready;
    await freeze(board, 5, 65_600);
    const sets = [4, 5, 65_599, 65_600, 70_000, 199_999].map((cell) => [cell, board.set(cell, true)] as const);
    const frozen = [5, 65_600];
    assert.deepEqual(
      await outcomes(sets),
      Object.fromEntries(sets.map(([cell]) => [cell, frozen.includes(cell) ? "FROZEN" : "done"])),
    );
    await until("the screen shows it", () => sets.every(([cell]) => board.get(cell) === !frozen.includes(cell)));
  });

  test("setAll is one: all or nothing, beside sets that have their own", async (t) => {
    const { board, refused } = open(t);
    await board.watch({ start: 0, end: 100 }).ready;
    await freeze(board, 12);
    const all = board.setAll([
      [10, true],
      [11, true],
      [12, true],
    ]);
    const other = board.setAll([
      [20, true],
      [21, true],
    ]);
    const own = board.set(13, true);
    assert.deepEqual([board.get(10), board.get(12), board.get(20)], [true, true, true]);
    assert.deepEqual([await outcome(all), await outcome(other), await outcome(own)], ["FROZEN", "done", "done"]);
    await until("the screen shows it", () => board.get(13) === true && board.get(21) === true);
    assert.deepEqual([board.get(10), board.get(11), board.get(12)], [false, false, false]);
    assert.deepEqual(refused.map(({ cell }) => cell).sort(), [10, 11, 12]);
    await board.setAll([]);
  });

  test("setAll over more than a page or the write limit is NEEDS_SPLIT, also where that is known later; with split it is many", async (t) => {
    const { board } = open(t);
    const twoPages = [
      [0, true],
      [PAGE_CELLS, true],
    ] as const;
    const tooMany = Array.from({ length: 1_200 }, (_, cell) => [cell, true] as const);
    for (const when of ["before it is open", "after"]) {
      const fates = [board.setAll(twoPages), board.setAll(tooMany), board.setAll([[SIZE, true], ...twoPages])];
      assert.deepEqual(
        await Promise.all(fates.map(outcome)),
        ["NEEDS_SPLIT", "NEEDS_SPLIT", when === "after" ? "CELL_OUT_OF_RANGE" : "NEEDS_SPLIT"],
        when,
      );
    }
    await freeze(board, 100_000);
    const { board: early } = open(t);
    for (const each of [board, early]) {
      const read = each.watch({ start: 0, end: SIZE });
      await each.setAll([...twoPages, ...tooMany], { split: true });
      await read.ready;
      // The last delta may come after its acknowledgement.
      await until("all are counted", () => each.checked === 1_201);
    }
    const parts = board.setAll([...twoPages, [100_000, true], [150_000, true]], { split: true });
    assert.equal(await outcome(parts), "FROZEN");
    await board.set(150_000, true);
  });
});
