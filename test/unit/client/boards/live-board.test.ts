/* A board as an app uses it: its signals, its end, its refusals, its counts, and what it reports. */

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { CellChange } from "../../../../src/client/api/board.js";
import { elapsed } from "../../../../src/client/timing/elapsed-clock.js";
import { Refusal } from "../../../../src/protocol/errors.js";
import { OPENED } from "../../../support/opened.js";
import { scriptedClient } from "../../../support/scripted-line.js";
import { settle } from "../../../support/virtual-clock.js";

async function live() {
  const parts = scriptedClient();
  await parts.line.up();
  const events: CellChange[] = [];
  parts.board.on("change", (changes) => events.push(...changes));
  return { ...parts, events };
}

async function fateOf(promise: Promise<unknown>): Promise<unknown> {
  const pending = settle().then(() => "pending");
  const [fate] = await Promise.all([
    Promise.race([promise.then(() => "done"), pending]).catch((error) => error),
    pending,
  ]);
  return fate;
}

const reason = new Error("the user has left");

describe("a signal", () => {
  for (const isSent of [false, true]) {
    test(`gives up a set that ${isSent ? "is on its way, and may still take effect" : "has not been sent, and withdraws it"}`, async () => {
      const { board, line, events } = await live();
      await Promise.all([board.watch({ start: 0, end: 100 }).ready, settle()]);
      const leaving = new AbortController();
      if (isSent) line.isSilent = true;
      else await line.down();
      const set = board.set(7, true, { signal: leaving.signal });
      await settle();
      assert.equal(board.get(7), true);
      leaving.abort(reason);
      assert.equal(await fateOf(set), reason);
      assert.equal(board.get(7), isSent);
      assert.deepEqual(
        events.map(({ value, mine }) => [value, mine]),
        isSent
          ? [[true, true]]
          : [
              [true, true],
              [false, true],
            ],
      );
      if (isSent) await line.down();
      line.isSilent = false;
      line.writes.length = 0;
      await line.up();
      assert.deepEqual(
        line.writes.map(({ changes }) => changes),
        isSent ? [[[7, 1]]] : [],
      );
      assert.equal(board.pending, 0);
    });
  }

  test("withdraws a set that was on its way and would be sent again, as the instance was busy", async () => {
    const { board, line, clock } = await live();
    const leaving = new AbortController();
    line.judge = () => {
      leaving.abort(reason);
      return new Refusal("BUSY");
    };
    assert.equal(await fateOf(board.set(7, true, { signal: leaving.signal })), reason);
    await clock.pass(10_000);
    assert.deepEqual([line.writes.length, board.pending], [1, 0]);
  });

  test("withdraws no other change of the cell, made before or after", async () => {
    const { board, line } = await live();
    await line.down();
    const leaving = new AbortController();
    const sets = [board.set(7, true), board.set(7, false, { signal: leaving.signal }), board.set(8, true)];
    const fates = Promise.allSettled(sets);
    leaving.abort(reason);
    assert.equal(board.get(7), true);
    const later = board.set(7, false);
    await line.up();
    await later;
    assert.deepEqual(
      (await fates).map((fate) => (fate.status === "rejected" ? fate.reason : "done")),
      ["done", reason, "done"],
    );
    assert.equal(line.writes.flatMap(({ changes }) => changes).length, 2);
  });

  test("withdraws the steps of a setAll that have not been sent, and none that has", async () => {
    const { board, line } = await live();
    const leaving = new AbortController();
    line.opens = () => ({ ...OPENED, limits: { ...OPENED.limits, writesInFlightMax: 1 } });
    await line.down();
    await line.up();
    line.isSilent = true;
    const all = board.setAll(
      [
        [1, true],
        [70_000, true],
      ],
      { split: true, signal: leaving.signal },
    );
    await settle();
    leaving.abort(reason);
    assert.equal(await fateOf(all), reason);
    assert.deepEqual([board.get(1), board.get(70_000)], [true, undefined]);
    assert.equal(line.writes.length, 1);
  });

  test("that was aborted before lets nothing begin, and one that is aborted later changes nothing", async () => {
    const { board, line, events } = await live();
    const signal = AbortSignal.abort(reason);
    const { ready } = board.watch({ start: 0, end: 10 }, { signal });
    const watched = board.watchOverview({ signal });
    const given = [board.set(7, true, { signal }), board.whenReady({ signal }), ready, watched.ready];
    assert.deepEqual(await Promise.all(given.map(fateOf)), [reason, reason, reason, reason]);
    assert.deepEqual([line.writes.length, events.length, board.bitsOf(0)], [0, 0, undefined]);
    const leaving = new AbortController();
    await board.set(7, true, { signal: leaving.signal });
    leaving.abort(reason);
    assert.equal(line.writes.length, 1);
  });

  test("ends a watch before it is ready, and after", async () => {
    const { board, line } = await live();
    line.isSilent = true;
    const early = new AbortController();
    const { ready } = board.watch({ start: 0, end: 10 }, { signal: early.signal });
    await settle();
    early.abort(reason);
    assert.equal(await fateOf(ready), reason);
    await line.down();
    line.isSilent = false;
    await line.up();
    const late = new AbortController();
    await Promise.all([board.watch({ start: 0, end: 10 }, { signal: late.signal }).ready, settle()]);
    assert.ok(board.bitsOf(0));
    late.abort(reason);
    assert.equal(board.bitsOf(0), undefined);
  });
});

describe("the end", () => {
  test("makes `ready` reject, also of a board that was ready, and of one that is asked for later", async () => {
    const { client, board } = await live();
    await board.ready;
    client.close();
    const later = client.board("later");
    for (const each of [board, later]) {
      await assert.rejects(each.ready, { code: "CLOSED", board: each.name });
      await assert.rejects(each.whenReady(), { code: "CLOSED" });
      await assert.rejects(each.watch({ start: 0, end: 1 }).ready, { code: "CLOSED" });
      assert.equal(each.status, "closed");
    }
  });

  test("comes with `using`, for a watch, a board and a client", async () => {
    const { client, board } = await live();
    const watch = board.watch({ start: 0, end: 10 });
    await Promise.all([watch.ready, settle()]);
    watch[Symbol.dispose]();
    assert.equal(board.bitsOf(0), undefined);
    const other = client.board("other");
    other[Symbol.dispose]();
    assert.deepEqual([other.status, board.status], ["closed", "live"]);
    client[Symbol.dispose]();
    assert.equal(board.status, "closed");
  });
});

describe("a refusal", () => {
  test("names the board and the cells: those of the call, or those of them that are to blame", async () => {
    const { board, line } = await live();
    line.judge = ({ changes }) => new Refusal("FORBIDDEN", changes.length > 1 ? { cells: [9] } : {});
    const refused = async (settled: Promise<void>) => {
      const error = await settled.then(undefined, (error: unknown) => error);
      assert.ok(error instanceof Refusal);
      return [error.code, error.board, error.cells];
    };
    assert.deepEqual(await refused(board.set(7, true)), ["FORBIDDEN", "main", [7]]);
    assert.deepEqual(
      await refused(
        board.setAll([
          [8, true],
          [9, true],
        ]),
      ),
      ["FORBIDDEN", "main", [9]],
    );
    assert.deepEqual(await refused(board.set(-1, true)), ["CELL_OUT_OF_RANGE", "main", [-1]]);
  });

  test("names the board that cannot be watched or opened", async () => {
    const { client, line } = await live();
    line.opens = () => new Refusal("UNKNOWN_BOARD");
    const nowhere = client.board("nowhere");
    await assert.rejects(nowhere.ready, { code: "UNKNOWN_BOARD", board: "nowhere" });
    await assert.rejects(nowhere.watch({ start: 0, end: 1 }).ready, { code: "UNKNOWN_BOARD", board: "nowhere" });
    assert.equal(nowhere.failure?.board, "nowhere");
  });

  test("that delays the opening of a board is in the state until the board is open", async () => {
    const { client, board, line, clock } = scriptedClient();
    line.opens = () => new Refusal("UNDECIDED");
    await line.up();
    assert.deepEqual([client.state.connected, client.state.reason?.code], [true, "UNDECIDED"]);
    line.opens = () => OPENED;
    await clock.pass(1_000);
    await board.ready;
    assert.equal(client.state.reason, undefined);
  });
});

describe("a change that waits while the computer sleeps", () => {
  for (const [isSent, sleptMs, fate] of [
    [true, 299_000, "done"],
    [true, 301_000, "EXPIRED"],
    [false, 299_000, "done"],
    [false, 301_000, "EXPIRED"],
  ] as const) {
    test(`${isSent ? "on its way" : "in the queue"}, for ${sleptMs / 1_000} s: ${fate}`, async () => {
      let aheadMs = 0;
      const { board, line } = scriptedClient((clock) => ({
        now: elapsed(clock, () => clock.now() + aheadMs).now,
        after: (ms, run) => clock.after(ms, run),
        random: () => clock.random(),
      }));
      await line.up();
      if (isSent) line.isSilent = true;
      else await line.down();
      const settled = board.set(7, true).then(
        () => "done",
        ({ code }) => code,
      );
      await settle();
      // No timer fires meanwhile, and the connection is the first thing that is noticed afterwards.
      aheadMs += sleptMs;
      if (isSent) await line.down();
      line.isSilent = false;
      line.writes.length = 0;
      await line.up();
      assert.equal(await settled, fate);
      assert.equal(line.writes.length, fate === "done" ? 1 : 0);
    });
  }
});

describe("a count", () => {
  test("is of the shown cells of the range, and undefined while one of them is not loaded", async () => {
    const { board, line } = await live();
    assert.equal(board.count({ start: 0, end: 10 }), undefined);
    await Promise.all([board.watch({ start: 0, end: 100_000 }).ready, settle()]);
    line.sendDelta(7, 1);
    line.isSilent = true;
    for (const cell of [3, 16, 65_535, 65_536, 99_999]) board.set(cell, true).catch(() => undefined);
    const counts = [
      [0, 3],
      [0, 4],
      [4, 7],
      [3, 8],
      [0, 17],
      [17, 65_536],
      [65_535, 65_537],
      [0, 131_072],
    ] as const;
    assert.deepEqual(
      counts.map(([start, end]) => board.count({ start, end })),
      [0, 1, 0, 2, 3, 1, 2, 6],
    );
    assert.equal(board.count({ start: 0, end: 131_073 }), undefined, "the third page is not watched");
  });

  test("ends with the board", async () => {
    const { board, line } = scriptedClient();
    line.opens = () => ({ ...OPENED, size: 10, pages: 1 });
    assert.equal(board.count({ start: 0, end: 10 }), undefined, "its size is not known");
    await line.up();
    await Promise.all([board.watch({ start: 0, end: 10 }).ready, settle()]);
    await board.set(9, true);
    assert.equal(board.count({ start: 0, end: 1_000_000_000 }), 1);
  });
});

describe("a watch", () => {
  test("reports its range alone, and what this client sets", async () => {
    const { board, line, events } = await live();
    const watch = board.watch({ start: 10, end: 20 });
    await Promise.all([watch.ready, settle()]);
    line.sendDelta(25, 1);
    assert.deepEqual(events, []);
    await board.set(30, true);
    assert.deepEqual(events.splice(0), [{ cell: 30, value: true, mine: true }]);
    // Its page is loaded already, and its checked cells have not been reported yet.
    board.watch({ start: 15, end: 26 });
    await settle();
    assert.deepEqual(events.splice(0), [{ cell: 25, value: true, mine: false }]);
    board.watch({ start: 20, end: 26 });
    await settle();
    assert.deepEqual(events, [], "another watch covers them");
  });

  test("with `initial: false` does not report what it finds, which another watch still may", async () => {
    const { board, line, events } = await live();
    await Promise.all([board.watch({ start: 90, end: 91 }).ready, settle()]);
    line.sendDelta(7, 1);
    await Promise.all([board.watch({ start: 0, end: 20 }, { initial: false }).ready, settle()]);
    assert.deepEqual(events, []);
    board.watch({ start: 0, end: 10 });
    await settle();
    assert.deepEqual(events, [{ cell: 7, value: true, mine: false }]);
  });

  test("with `initial: false` reports what changes", async () => {
    const { board, line, events } = await live();
    await Promise.all([board.watch({ start: 0, end: 20 }, { initial: false }).ready, settle()]);
    line.sendDelta(8, 1);
    assert.deepEqual(events, [{ cell: 8, value: true, mine: false }]);
  });

  test("that is stopped reports nothing more, while another goes on", async () => {
    const { board, line, events } = await live();
    const watches = [board.watch({ start: 0, end: 20 }), board.watch({ start: 0, end: 5 })];
    await Promise.all([...watches.map(({ ready }) => ready), settle()]);
    watches[0]?.stop();
    line.sendDelta(7, 1);
    assert.deepEqual(events, []);
    assert.equal(board.get(7), true, "its page is known for the other watch");
  });
});
