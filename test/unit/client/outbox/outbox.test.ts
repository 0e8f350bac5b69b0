/* The outbox against a model server that may take, refuse or lose each write. */

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import type { OutboxWrite } from "../../../../src/client/outbox/in-flight.js";
import { Outbox } from "../../../../src/client/outbox/outbox.js";
import { Refusal } from "../../../../src/protocol/errors.js";
import { NOTHING_SEEN, SEQ_WINDOW, takeSeq } from "../../../../src/store/seen.js";

describe("the outbox", () => {
  test("shows a change at once, and lets it go when the replica has it", () => {
    const outbox = new Outbox();
    let settled: unknown = "not yet";
    outbox.set(5, 1, 0, (error) => {
      settled = error;
    });
    assert.equal(outbox.shown(5), 1);
    const write = outbox.take(100, 32);
    assert.deepEqual(write, { seq: 1, changes: [[5, 1]] });
    outbox.acknowledged(1, new Map([[0, 7]]));
    assert.equal(settled, undefined);
    assert.equal(outbox.size, 0);
    assert.equal(outbox.shown(5), 1, "the delta is not here yet");
    assert.deepEqual(outbox.reached(0, 6), []);
    assert.deepEqual(outbox.reached(0, 7), [{ cell: 5, value: 1 }]);
    assert.equal(outbox.shown(5), undefined);
  });

  test("tells all it shows on a page: what waits over what is committed and not here yet", () => {
    const outbox = new Outbox();
    for (const cell of [1, 2, 70_000]) outbox.set(cell, 1, 0, () => undefined);
    outbox.take(100, 32);
    outbox.acknowledged(1, new Map([[0, 7]]));
    assert.deepEqual(outbox.take(100, 32)?.changes, [[70_000, 1]], "a write is of one page");
    outbox.acknowledged(2, new Map());
    outbox.set(2, 0, 0, () => undefined);
    assert.deepEqual(
      new Map(outbox.shownOn(0)),
      new Map([
        [1, 1],
        [2, 0],
      ] as const),
    );
    assert.deepEqual([...outbox.shownOn(1)], []);
  });

  test("makes one of several changes to a cell that are not sent yet, and tells all who wait", () => {
    const outbox = new Outbox();
    let settled = 0;
    for (const value of [1, 0, 1, 0] as const) outbox.set(5, value, 0, () => settled++);
    assert.deepEqual(outbox.take(100, 32), { seq: 1, changes: [[5, 0]] });
    outbox.acknowledged(1, new Map());
    assert.equal(settled, 4);
  });

  test("after a lost connection sends again under the same numbers, oldest first, before anything new", () => {
    const outbox = new Outbox();
    outbox.set(1, 1, 0, () => undefined);
    const first = outbox.take(1, 32);
    outbox.set(2, 1, 0, () => undefined);
    const second = outbox.take(1, 32);
    outbox.disconnected();
    assert.deepEqual(outbox.takeUnsent(), [first, second]);
    assert.deepEqual(outbox.takeUnsent(), []);
  });

  test("puts a refused change back in the queue, unless the cell was changed since", () => {
    const outbox = new Outbox();
    const fates: string[] = [];
    outbox.set(1, 1, 0, () => fates.push("one"));
    outbox.set(2, 1, 0, () => fates.push("two"));
    outbox.take(10, 32);
    outbox.set(2, 0, 0, () => fates.push("two again"));
    outbox.requeue(1);
    const write = outbox.take(10, 32);
    assert.deepEqual([...(write?.changes ?? [])].sort(), [
      [1, 1],
      [2, 0],
    ]);
    outbox.acknowledged(2, new Map());
    assert.deepEqual(fates.sort(), ["one", "two", "two again"]);
  });

  test("names the cells to put back when a change is refused for good or waited too long", () => {
    const outbox = new Outbox();
    const errors: unknown[] = [];
    outbox.set(1, 1, 0, (error) => errors.push(error));
    outbox.take(10, 32);
    const refusal = new Refusal("CELL_OUT_OF_RANGE");
    assert.deepEqual(outbox.refused(1, refusal), [{ cell: 1, value: 1 }]);
    outbox.set(2, 1, 100, (error) => errors.push(error));
    outbox.set(3, 1, 300, () => assert.fail("is not old enough"));
    const expired = new Refusal("EXPIRED");
    assert.deepEqual(outbox.expire(200, expired), [{ cell: 2, value: 1 }]);
    assert.deepEqual(errors, [refusal, expired]);
    assert.equal(outbox.size, 1);
  });

  test("a write in flight does not expire while one of its changes is young, however old the others are", () => {
    const outbox = new Outbox();
    const fates: unknown[] = [];
    outbox.set(1, 1, 100, (error) => fates.push(error));
    outbox.set(2, 1, 300, (error) => fates.push(error));
    outbox.take(10, 32);
    assert.deepEqual(outbox.expire(200, new Refusal("EXPIRED")), []);
    assert.deepEqual([fates, outbox.inFlight], [[], 1]);
    outbox.acknowledged(1, new Map());
    assert.deepEqual(fates, [undefined, undefined]);
  });

  test("of a write that is refused for some of its cells these alone are given up, and the others go under a new number", () => {
    const { outbox, fates, set } = noted();
    for (const cell of [1, 2, 3]) set(cell, 1);
    outbox.take(10, 32);
    const dropped = outbox.refused(1, new Refusal("FROZEN", { cells: [2] }));
    assert.deepEqual([dropped, fates], [[{ cell: 2, value: 1 }], { 2: "FROZEN" }]);
    const rest: OutboxWrite = {
      seq: 2,
      changes: [
        [1, 1],
        [3, 1],
      ],
    };
    assert.deepEqual(outbox.take(10, 32), rest);
    assert.equal(outbox.take(10, 32), undefined);
    outbox.acknowledged(2, new Map());
    assert.deepEqual(fates, { 1: "done", 2: "FROZEN", 3: "done" });
  });

  test("the others of a write that may have taken effect keep its number", () => {
    const { outbox, fates, set } = noted();
    for (const cell of [1, 2, 3]) set(cell, 1);
    outbox.take(10, 32);
    outbox.disconnected();
    outbox.takeUnsent();
    // A copy of the first attempt may still be on its way to the store, which takes a number once.
    outbox.refused(1, new Refusal("FROZEN", { cells: [2] }));
    set(2, 0);
    assert.deepEqual(outbox.take(10, 32), { seq: 2, changes: [[2, 0]] });
    assert.deepEqual(outbox.takeUnsent(), [
      {
        seq: 1,
        changes: [
          [1, 1],
          [3, 1],
        ],
      },
    ]);
    outbox.acknowledged(1, new Map());
    outbox.acknowledged(2, new Map());
    assert.deepEqual(fates, { 1: "done", 2: "FROZEN done", 3: "done" });
  });

  test("cells that were set together share one fate, in a write of their own and in their turn", () => {
    const { outbox, fates, set } = noted();
    set(1, 1);
    outbox.setAll(
      [
        [1, 0],
        [2, 1],
      ],
      false,
      0,
      (error) => set.note("all", error),
    );
    set(2, 0);
    set(3, 1);
    assert.equal(outbox.shown(1), 0);
    assert.deepEqual(outbox.take(10, 32), {
      seq: 1,
      changes: [
        [1, 1],
        [3, 1],
      ],
    });
    assert.equal(outbox.take(10, 32), undefined, "the first change of a cell is not settled yet");
    outbox.acknowledged(1, new Map());
    assert.deepEqual(
      outbox.take(1, 32),
      {
        seq: 2,
        changes: [
          [1, 0],
          [2, 1],
        ],
      },
      "whole, however slow one has to go",
    );
    assert.equal(outbox.take(10, 32), undefined);
    assert.deepEqual(outbox.refused(2, new Refusal("FROZEN", { cells: [1] })), [{ cell: 1, value: 0 }]);
    assert.deepEqual(outbox.take(10, 32), { seq: 3, changes: [[2, 0]] });
    outbox.acknowledged(3, new Map());
    assert.deepEqual(fates, { 1: "done", 2: "done", 3: "done", all: "FROZEN FROZEN" });
    assert.deepEqual([outbox.waiting, outbox.size], [0, 0]);
  });

  test("a change that does not fit the board is given up before it is sent, and an earlier change of the cell is shown again", () => {
    const { outbox, fates, set } = noted();
    const note = (error?: Refusal) => set.note("all", error);
    set(1, 1);
    set(99, 1);
    outbox.setAll(
      [
        [1, 0],
        [2, 0],
        [3, 0],
      ],
      false,
      0,
      note,
    );
    outbox.setAll(
      [
        [4, 1],
        [5, 1],
        [6, 1],
      ],
      true,
      0,
      note,
    );
    const unfit = outbox.fit(50, 2);
    assert.deepEqual(
      unfit.map(({ refusal }) => [refusal.code, refusal.cells]),
      [
        ["CELL_OUT_OF_RANGE", [99]],
        ["NEEDS_SPLIT", undefined],
      ],
    );
    assert.deepEqual([outbox.shown(1), outbox.shown(2), outbox.shown(99)], [1, undefined, undefined]);
    const writes = [outbox.take(2, 32), outbox.take(2, 32), outbox.take(2, 32)].map((write) => write?.changes);
    assert.deepEqual(writes, [
      [[1, 1]],
      [
        [4, 1],
        [5, 1],
      ],
      [[6, 1]],
    ]);
    assert.equal(fates[99], "CELL_OUT_OF_RANGE");
    assert.equal(fates.all, "NEEDS_SPLIT NEEDS_SPLIT NEEDS_SPLIT");
  });

  test("a later change of a cell waits for the fate of the earlier, and others do not wait for it", () => {
    const outbox = new Outbox();
    outbox.set(1, 1, 0, () => undefined);
    const first = outbox.take(10, 32);
    outbox.set(1, 0, 0, () => undefined);
    outbox.set(2, 1, 0, () => undefined);
    assert.equal(outbox.shown(1), 0);
    assert.deepEqual(outbox.take(10, 32), { seq: 2, changes: [[2, 1]] });
    assert.equal(outbox.take(10, 32), undefined);
    // Sent now, it could be in the store before another attempt at the first, which would undo it.
    outbox.disconnected();
    assert.deepEqual(outbox.takeUnsent()[0], first);
    assert.equal(outbox.take(10, 32), undefined);
    outbox.acknowledged(1, new Map());
    assert.deepEqual(outbox.take(10, 32), { seq: 3, changes: [[1, 0]] });
  });

  test("cells that somebody else has use up the number, even if an earlier attempt may have taken effect", () => {
    const outbox = new Outbox();
    const fates: unknown[] = [];
    for (const cell of [1, 2]) outbox.set(cell, 0, 0, (error) => fates.push([cell, error?.code]));
    assert.equal(outbox.take(10, 32)?.seq, 1);
    outbox.disconnected();
    assert.equal(outbox.takeUnsent().length, 1);
    outbox.refused(1, new Refusal("TAKEN", { cells: [1] }));
    // Under the old number the store would answer as to a duplicate, and leave the cell as it is.
    assert.deepEqual(outbox.takeUnsent(), []);
    assert.deepEqual(outbox.take(10, 32), { seq: 2, changes: [[2, 0]] });
    assert.deepEqual(fates, [[1, "TAKEN"]]);
  });

  test("a write that may have taken effect keeps its number when a later attempt is refused", () => {
    for (const lose of [(outbox: Outbox) => outbox.disconnected(), (outbox: Outbox) => outbox.unsettled(1)]) {
      const outbox = new Outbox();
      outbox.set(1, 1, 0, () => undefined);
      const first = outbox.take(10, 32);
      lose(outbox);
      assert.deepEqual(outbox.takeUnsent(), [first]);
      // The first attempt may be in the store. Under another number it would be there twice.
      outbox.requeue(1);
      assert.equal(outbox.take(10, 32), undefined);
      assert.deepEqual(outbox.takeUnsent(), [first]);
    }
  });

  test("a committed change that the page does not reach, because the store lost it, is let go after some seconds", () => {
    const outbox = new Outbox();
    outbox.set(5, 1, 0, () => undefined);
    outbox.take(100, 32);
    outbox.acknowledged(1, new Map([[0, 7]]));
    // A page that is not followed for long enough at a stretch may yet get there.
    for (let second = 0; second < 4; second++) assert.deepEqual(outbox.waited(0), []);
    outbox.disconnected();
    for (let second = 0; second < 5; second++) assert.deepEqual(outbox.waited(0), []);
    assert.deepEqual(outbox.waited(0), [{ cell: 5, value: 1 }]);
    assert.equal(outbox.shown(5), undefined);
  });

  test("counts every call that waits, also many for one cell", () => {
    const outbox = new Outbox();
    for (let call = 0; call < 100; call++) outbox.set(1, call % 2 ? 1 : 0, 0, () => undefined);
    assert.equal(outbox.size, 1);
    assert.equal(outbox.waiting, 100);
    outbox.take(10, 32);
    outbox.acknowledged(1, new Map());
    assert.equal(outbox.waiting, 0);
  });

  test("never has numbers open over more than the window", () => {
    const outbox = new Outbox();
    for (let cell = 0; cell < 100; cell++) outbox.set(cell, 1, 0, () => undefined);
    const taken: OutboxWrite[] = [];
    for (let write = outbox.take(1, 32); write; write = outbox.take(1, 32)) taken.push(write);
    assert.equal(taken.length, 32);
    // The oldest is still open: no progress of the others may move the window past it.
    for (const { seq } of taken.slice(1)) outbox.acknowledged(seq, new Map());
    assert.equal(outbox.take(1, 32), undefined);
    outbox.acknowledged(1, new Map());
    assert.ok(outbox.take(1, 32));
  });

  test("with a server that takes, refuses and loses at random, every change takes effect once and in order", () => {
    const steps = fc.array(fc.tuple(fc.nat(4), fc.nat(9), fc.constantFrom<0 | 1>(0, 1)), { maxLength: 200 });
    fc.assert(
      fc.property(steps, (list) => {
        const outbox = new Outbox();
        const wished = new Map<number, 0 | 1>();
        const board = new Map<number, 0 | 1>();
        const flight: OutboxWrite[] = [];
        let seen = NOTHING_SEEN;
        let settled = 0;
        let made = 0;
        const commit = (write: OutboxWrite) => {
          const taken = takeSeq(seen, write.seq);
          assert.notEqual(taken.outcome, "stale");
          seen = taken.seen;
          if (taken.outcome === "accepted") for (const [cell, value] of write.changes) board.set(cell, value);
        };
        const send = (write: OutboxWrite | undefined) => write && flight.push(write);
        const answer = () => {
          const write = flight.shift();
          if (!write) return;
          commit(write);
          outbox.acknowledged(write.seq, new Map());
        };
        for (const [action, cell, value] of list) {
          if (action <= 1) {
            made++;
            wished.set(cell, value);
            outbox.set(cell, value, 0, () => settled++);
          } else if (action === 2) send(outbox.take(3, SEQ_WINDOW));
          else if (action === 3) answer();
          else {
            // The connection breaks. Some writes were committed, in order, without an answer.
            for (const write of flight.slice(0, cell % (flight.length + 1))) commit(write);
            flight.length = 0;
            outbox.disconnected();
            for (const write of outbox.takeUnsent()) flight.push(write);
          }
        }
        for (let guard = 0; outbox.size > 0 && guard < 1_000; guard++) {
          send(outbox.take(3, SEQ_WINDOW));
          answer();
        }
        assert.deepEqual(board, wished);
        assert.equal(settled, made);
      }),
    );
  });

  test("with a server that names the cells it refuses, every set and every setAll has its own outcome, once and in order", () => {
    const cell = fc.nat(9);
    const bit = fc.constantFrom<0 | 1>(0, 1);
    const steps = fc.array(fc.tuple(fc.nat(5), cell, bit), { maxLength: 200 });
    fc.assert(
      fc.property(steps, fc.uniqueArray(cell, { maxLength: 4 }), (list, frozen) => {
        const outbox = new Outbox();
        const server = modelServer(new Set(frozen), true);
        const wished = new Map<number, 0 | 1>();
        const flight: OutboxWrite[] = [];
        let open = 0;
        const settle = (cells: readonly number[]) => (error?: Refusal) => {
          open--;
          assert.equal(error?.code, cells.some((each) => server.frozen.has(each)) ? "FROZEN" : undefined);
        };
        const wish = (cells: readonly number[], value: 0 | 1) => {
          open += cells.length;
          if (!cells.some((each) => server.frozen.has(each))) for (const each of cells) wished.set(each, value);
        };
        const send = (write: OutboxWrite | undefined) => write && flight.push(write);
        const answer = () => {
          const write = flight.shift();
          if (!write) return;
          const refusal = server.commit(write);
          if (refusal) outbox.refused(write.seq, refusal);
          else outbox.acknowledged(write.seq, new Map());
        };
        for (const [action, cell, value] of list) {
          if (action <= 1) {
            wish([cell], value);
            outbox.set(cell, value, 0, settle([cell]));
          } else if (action === 2) {
            const cells = [cell, (cell + 3) % 10, (cell + 5) % 10];
            wish(cells, value);
            outbox.setAll(
              cells.map((each) => [each, value]),
              false,
              0,
              settle(cells),
            );
          } else if (action === 3) send(outbox.take(3, SEQ_WINDOW));
          else if (action === 4) answer();
          else {
            for (const write of flight.slice(0, cell % (flight.length + 1))) server.commit(write);
            flight.length = 0;
            outbox.disconnected();
            for (const write of outbox.takeUnsent()) flight.push(write);
          }
        }
        for (let guard = 0; outbox.size > 0 && guard < 5_000; guard++) {
          for (const write of outbox.takeUnsent()) flight.push(write);
          send(outbox.take(3, SEQ_WINDOW));
          answer();
        }
        assert.deepEqual([open, outbox.waiting], [0, 0]);
        assert.deepEqual(server.board, wished);
      }),
    );
  });

  test("with a server that names no cells, halves of a write find those that are refused, in a bounded number of attempts", () => {
    const cells = fc.uniqueArray(fc.nat(600), { minLength: 1, maxLength: 512 });
    fc.assert(
      fc.property(cells, fc.double({ min: 0, max: 1, noNaN: true }), (list, share) => {
        const outbox = new Outbox();
        const frozen = new Set(list.filter((cell) => ((cell * 7_919) % 601) / 601 < share));
        const server = modelServer(frozen, false);
        const fates = new Map<number, string>();
        for (const cell of list) outbox.set(cell, 1, 0, (error) => fates.set(cell, error?.code ?? "done"));
        let refusals = 0;
        for (let write = outbox.take(512, SEQ_WINDOW); write; write = outbox.take(512, SEQ_WINDOW)) {
          const refusal = server.commit(write);
          if (!refusal) outbox.acknowledged(write.seq, new Map());
          else {
            refusals++;
            outbox.refused(write.seq, refusal, true);
          }
        }
        assert.equal(outbox.waiting, 0);
        assert.ok(refusals <= 33, `${refusals} refusals`);
        for (const cell of list) {
          if (frozen.has(cell)) assert.equal(fates.get(cell), "FROZEN");
          else if (list.length <= 17) assert.equal(fates.get(cell), "done");
          // The reports are true, also for cells that are given up with their neighbours.
          assert.equal(server.board.has(cell), fates.get(cell) === "done");
        }
      }),
      { examples: [[Array.from({ length: 512 }, (_, cell) => cell), 1]] },
    );
  });
});

/** A page that takes a number once and refuses any write with a frozen cell; it may name these. */
function modelServer(frozen: ReadonlySet<number>, namesCells: boolean) {
  const board = new Map<number, 0 | 1>();
  let seen = NOTHING_SEEN;
  return {
    board,
    frozen,
    commit({ seq, changes }: OutboxWrite): Refusal | undefined {
      const taken = takeSeq(seen, seq);
      assert.notEqual(taken.outcome, "stale");
      if (taken.outcome === "duplicate") return undefined;
      const cells = changes.flatMap(([cell]) => (frozen.has(cell) ? cell : []));
      if (cells.length > 0) return new Refusal("FROZEN", namesCells ? { cells } : {});
      seen = taken.seen;
      for (const [cell, value] of changes) board.set(cell, value);
      return undefined;
    },
  };
}

/** An outbox, and the fates of each cell: one word for each time that it was settled. */
function noted() {
  const outbox = new Outbox();
  const fates: Record<string, string> = {};
  const note = (name: string | number, error?: Refusal) => {
    const fate = error?.code ?? "done";
    fates[name] = fates[name] ? `${fates[name]} ${fate}` : fate;
  };
  const set = Object.assign((cell: number, value: 0 | 1) => outbox.set(cell, value, 0, (error) => note(cell, error)), {
    note,
  });
  return { outbox, fates, set };
}
