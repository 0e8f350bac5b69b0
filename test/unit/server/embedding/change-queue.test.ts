/* Reports of changes to code of the app around, which never hold up a client. */

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { getBit, setBit } from "../../../../src/board/bitmap.js";
import { packChanges } from "../../../../src/board/delta.js";
import { type BoardChange, type ChangeListener, ChangeQueue } from "../../../../src/server/embedding/change-queue.js";
import { FanOut } from "../../../../src/server/pages/fan-out.js";
import { Pages } from "../../../../src/server/pages/pages.js";
import { newTag } from "../../../../src/store/tag.js";
import { FAN_OUT_LIMITS } from "../../../support/fan-out-limits.js";
import { ModelStore } from "../../../support/model-store.js";
import { settle, VirtualClock } from "../../../support/virtual-clock.js";

const board = { name: "main", size: 70_000, handle: 1 };

function setUp() {
  const clock = new VirtualClock();
  const store = new ModelStore(clock, 100);
  const fanOut = new FanOut(clock, FAN_OUT_LIMITS);
  const pages = new Pages(store, clock, fanOut, {
    resync: () => undefined,
    caughtUp: () => undefined,
    failed: (error) => assert.fail(String(error)),
  });
  const failures: string[] = [];
  const listen = async (
    listener: ChangeListener,
    others: { start?: number; end?: number; fromEmpty?: boolean } = {},
  ) => {
    const { start = 0, end = board.size, fromEmpty = false } = others;
    const feed = new ChangeQueue(listener, {
      board,
      range: { start, end },
      pages,
      clock,
      failed: (hook, error) => failures.push(`${hook}: ${error instanceof Error ? error.message : error}`),
      fromEmpty,
    });
    await clock.pass(0);
    await feed.ready;
    return feed;
  };
  const commit = async (page: number, ...changes: [offset: number, value: 0 | 1][]) => {
    const write = { session: "", seq: 1, changes: packChanges(changes) };
    const committed = await store.commit({ board: "main", page }, { tag: newTag(), writes: [write] });
    await clock.pass(0);
    return committed.position;
  };
  return { clock, store, pages, failures, listen, commit };
}

/** Turns the event loop often enough for everything queued to be reported. */
async function turns(count = 20): Promise<void> {
  for (let turn = 0; turn < count; turn++) await settle();
}

const cellsOf = ({ changes }: BoardChange) => changes.map(({ cell, value }) => (value ? cell : -cell));

describe("the queue of changes for a listener", () => {
  test("tells each commit by itself, in the order of the page's history, with the position that it made", async () => {
    const { listen, commit } = setUp();
    await commit(0, [1, 1]);
    const heard: BoardChange[] = [];
    await listen((change) => heard.push(change));
    const first = await commit(0, [2, 1], [9, 1]);
    const second = await commit(0, [2, 0]);
    const third = await commit(1, [5, 1]);
    await turns();
    assert.deepEqual(
      heard.map((change) => [change.kind, change.page, cellsOf(change), change.position]),
      [
        ["delta", 0, [2, 9], first],
        ["delta", 0, [-2], second],
        ["delta", 1, [65_541], third],
      ],
    );
  });

  test("from empty, tells first what is checked already", async () => {
    const { listen, commit } = setUp();
    await commit(0, [1, 1], [3, 1]);
    const heard: BoardChange[] = [];
    await listen((change) => heard.push(change), { fromEmpty: true });
    await commit(0, [4, 1]);
    await turns();
    assert.deepEqual(
      heard.map((change) => [change.kind, cellsOf(change)]),
      [
        ["snapshot", [1, 3]],
        ["delta", [4]],
      ],
    );
  });

  test("tells of its range alone", async () => {
    const { listen, commit } = setUp();
    const heard: BoardChange[] = [];
    await listen((change) => heard.push(change), { start: 10, end: 20 });
    await commit(0, [9, 1], [10, 1], [19, 1], [20, 1]);
    await commit(0, [5, 1]);
    await turns();
    assert.deepEqual(heard.map(cellsOf), [[10, 19]]);
  });

  test("has one call under way at a time, goes on after one that throws or rejects, and tells of both failures", async () => {
    const { listen, commit, failures } = setUp();
    const heard: number[][] = [];
    let underWay = 0;
    await listen(async (change) => {
      assert.equal(underWay++, 0);
      heard.push(cellsOf(change));
      await settle();
      underWay--;
      if (heard.length === 2) throw new Error("rejected");
    });
    await listen((change) => {
      if (cellsOf(change)[0] === 1) throw new Error("thrown");
    });
    for (const offset of [1, 2, 3, 4]) await commit(0, [offset, 1]);
    await turns();
    assert.deepEqual(heard, [[1], [2], [3], [4]]);
    assert.deepEqual(failures.sort(), ["onChange: rejected", "onChange: thrown"]);
  });

  test("tells a listener that was too slow for single commits the whole difference at once, and single ones again after it", async () => {
    const { listen, commit, pages } = setUp();
    const shown = new Uint8Array(8_192);
    const kinds: string[] = [];
    let goOn = () => {};
    await listen(async (change) => {
      kinds.push(change.kind);
      for (const { cell, value } of change.changes) {
        assert.notEqual(getBit(shown, cell) === 1, value, "reported a cell again without a change");
        setBit(shown, cell, value ? 1 : 0);
      }
      if (kinds.length === 1)
        await new Promise<void>((done) => {
          goOn = done;
        });
    });
    await commit(0, [0, 1]);
    await turns();
    // More changes than may wait: 40 commits of 2,000.
    for (let round = 0; round < 40; round++) {
      await commit(
        0,
        ...Array.from({ length: 2_000 }, (_, at): [number, 0 | 1] => [
          1 + ((at + round * 50) % 4_000),
          (at + round) % 2 ? 1 : 0,
        ]),
      );
    }
    const last = await commit(0, [60_000, 1]);
    assert.deepEqual(kinds, ["delta"]);
    goOn();
    await turns(60);
    assert.equal(kinds.at(-1), "snapshot");
    assert.ok(kinds.length < 40, `${kinds.length} calls`);
    assert.ok(last.version > 40);
    await commit(0, [60_001, 1]);
    await turns();
    assert.equal(kinds.at(-1), "delta");
    const replica = pages.peek({ board: "main", page: 0 })?.replica;
    assert.deepEqual(shown, replica?.bits);
  });

  test("tells what came with a snapshot as one difference", async () => {
    const { listen, commit, store, clock } = setUp();
    await commit(0, [1, 1]);
    const heard: BoardChange[] = [];
    await listen((change) => heard.push(change));
    const bits = new Uint8Array(8_192);
    setBit(bits, 2, 1);
    await store.replace({ board: "main", page: 0 }, newTag(), bits);
    await clock.pass(3_000);
    await turns();
    assert.deepEqual(
      heard.map((change) => [change.kind, cellsOf(change)]),
      [["snapshot", [-1, 2]]],
    );
  });

  test("a listener that never returns is logged once, and holds up no client: the replica goes on", async () => {
    const { listen, commit, failures, pages, clock } = setUp();
    await listen(() => new Promise(() => undefined));
    for (let offset = 0; offset < 50; offset++) await commit(0, [offset, 1]);
    await turns();
    await clock.pass(40_000);
    assert.equal(pages.peek({ board: "main", page: 0 })?.replica.checked, 50);
    assert.deepEqual(failures, ["onChange: a listener of main has not returned for 30000 ms"]);
  });

  test("hears nothing after it is stopped, and lets go of its pages", async () => {
    const { listen, commit, pages, clock } = setUp();
    const heard: BoardChange[] = [];
    const feed = await listen((change) => heard.push(change));
    assert.equal(pages.size, 2);
    await commit(0, [1, 1]);
    await turns();
    feed.stop();
    await commit(0, [2, 1]);
    await turns();
    await clock.pass(20_000);
    assert.deepEqual(heard.map(cellsOf), [[1]]);
    assert.equal(pages.size, 0);
  });
});
