/* An outbox that outlives its page: saved at any moment, restored in another, each change once. */

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { PAGE_CELLS } from "../../../../src/board/geometry.js";
import type { OutboxWrite } from "../../../../src/client/outbox/in-flight.js";
import { Outbox } from "../../../../src/client/outbox/outbox.js";
import { cellsIn, fromText, savedBefore, toText } from "../../../../src/client/outbox/saved-outbox.js";
import { Refusal } from "../../../../src/protocol/errors.js";

/** How far the wall clock is ahead, in the page that saves and in the one that restores. */
const [AHEAD_MS, LATER_AHEAD_MS] = [1_700_000_000_000, 1_700_000_400_000];
/** By the clock of the page that restores. */
const NOW_MS = 10_000_000;
const ignore = () => undefined;

/** What the page after the next load restores. */
function reloaded(outbox: Outbox, settle: (error?: Refusal) => void = ignore): Outbox {
  const { saved } = outbox;
  const next = new Outbox();
  if (!saved) return next;
  const restored = fromText(toText(saved, AHEAD_MS), LATER_AHEAD_MS, NOW_MS);
  assert.ok(restored, "the text can be read");
  next.restore(restored, settle);
  return next;
}

describe("a saved outbox", () => {
  test("is nothing while nothing waits, and again once all is settled", () => {
    const outbox = new Outbox();
    assert.equal(outbox.saved, undefined);
    outbox.set(5, 1, 0, ignore);
    assert.ok(outbox.saved);
    outbox.take(10, 32);
    assert.ok(outbox.saved, "it may not have arrived");
    outbox.acknowledged(1, new Map());
    assert.equal(outbox.saved, undefined);
  });

  test("sends what was on its way again under its number, and what waited under a new one", () => {
    const outbox = new Outbox();
    outbox.set(1, 1, 0, ignore);
    outbox.setAll(
      [
        [7, 1],
        [8, 0],
      ],
      false,
      0,
      ignore,
    );
    const [first] = [outbox.take(10, 32)];
    const next = reloaded(outbox);
    assert.deepEqual(next.takeUnsent(), [first]);
    assert.deepEqual(next.take(10, 32), {
      seq: 2,
      changes: [
        [7, 1],
        [8, 0],
      ],
    });
  });

  test("keeps the cells of a write in flight closed, so that a later change cannot overtake it", () => {
    const outbox = new Outbox();
    outbox.set(1, 1, 0, ignore);
    outbox.take(10, 32);
    outbox.set(1, 0, 0, ignore);
    const next = reloaded(outbox);
    assert.equal(next.shown(1), 0);
    assert.equal(next.take(10, 32), undefined);
    next.takeUnsent();
    next.acknowledged(1, new Map());
    assert.deepEqual(next.take(10, 32), { seq: 2, changes: [[1, 0]] });
  });

  test("keeps the age of a change by the wall clock", () => {
    const outbox = new Outbox();
    outbox.set(1, 1, 1_000_000, ignore);
    const fates: unknown[] = [];
    const next = reloaded(outbox, (error) => fates.push(error?.code));
    const sinceMs = 1_000_000 + AHEAD_MS - LATER_AHEAD_MS;
    next.expire(sinceMs - 1, new Refusal("EXPIRED"));
    assert.deepEqual(fates, []);
    next.expire(sinceMs + 2, new Refusal("EXPIRED"));
    assert.deepEqual(fates, ["EXPIRED"]);
  });

  test("is not younger than now, and too old if the wall clock was set back so far that its age is unknown", () => {
    const outbox = new Outbox();
    outbox.set(1, 1, NOW_MS, ignore);
    const { saved } = outbox;
    assert.ok(saved);
    const sinceMs = (backMs: number) => fromText(toText(saved, backMs), 0, NOW_MS)?.queued[0]?.ops[0]?.sinceMs ?? 0;
    assert.equal(sinceMs(299_999), NOW_MS);
    assert.ok(sinceMs(300_000) < NOW_MS - 300_000);
    assert.ok(savedBefore(toText(saved, 300_000), NOW_MS));
    assert.ok(!savedBefore(toText(saved, 299_999), NOW_MS));
  });

  test("gives each change the same time whenever it is saved, to the millisecond", () => {
    fc.assert(
      fc.property(
        fc.double({ min: 0, max: 1e7, noNaN: true }),
        fc.double({ min: 0, max: 1e7, noNaN: true }),
        (one, two) => {
          const outbox = new Outbox();
          outbox.set(1, 1, one, ignore);
          const timesIn = (text: string) => {
            const read = fromText(text, 0, Number.POSITIVE_INFINITY);
            return read?.queued.map(({ ops }) => ops[0]?.sinceMs);
          };
          const text = () => toText(outbox.saved ?? assert.fail(), AHEAD_MS + 0.25);
          const [alone] = timesIn(text()) ?? [];
          outbox.set(2, 1, two, ignore);
          assert.equal(timesIn(text())?.[0], alone);
          const restored = fromText(text(), LATER_AHEAD_MS + 0.75, AHEAD_MS);
          assert.equal(timesIn(toText(restored ?? assert.fail(), LATER_AHEAD_MS + 0.75))?.[0], alone);
        },
      ),
    );
  });

  test("is nothing if its text was written by something else", () => {
    const outbox = new Outbox();
    outbox.set(1, 1, 0, ignore);
    const { saved } = outbox;
    assert.ok(saved);
    const good = toText(saved, AHEAD_MS);
    assert.ok(fromText(good, AHEAD_MS, NOW_MS));
    for (const text of [
      "",
      "{}",
      "null",
      "[]",
      "[0,1,[],[[]]]",
      "[0,0,[],[]]",
      "[null,5,[],[]]",
      "[0,1,[],[[1e999,0,1,1]]]",
      "[0,1,[[2,[[0,0,1,1]]]],[]]",
      "[0,2,[[1,[[0,0,1,1]]],[1,[[0,0,2,1]]]],[]]",
      "[0,1,[],[[0,0,-1,1]]]",
      `[0,1,[],[[0,0,1,1,${PAGE_CELLS},1]]]`,
    ]) {
      assert.equal(fromText(text, AHEAD_MS, NOW_MS), undefined, text);
    }
    fc.assert(
      fc.property(fc.nat(good.length - 1), fc.string({ maxLength: 3 }), (at, put) => {
        const changed = good.slice(0, at) + put + good.slice(at + 1);
        const read = fromText(changed, AHEAD_MS, NOW_MS);
        if (read) new Outbox().restore(read, ignore);
      }),
    );
  });

  test("brings each change to the store once, however often and at whatever moment the page is loaded again", () => {
    const step = fc.oneof(
      { weight: 4, arbitrary: fc.record({ kind: fc.constant("set" as const), cell: fc.nat(6), value: fc.nat(1) }) },
      { weight: 1, arbitrary: fc.record({ kind: fc.constant("all" as const), first: fc.nat(4) }) },
      { weight: 3, arbitrary: fc.record({ kind: fc.constant("take" as const), arrives: fc.boolean() }) },
      { weight: 2, arbitrary: fc.record({ kind: fc.constant("answer" as const) }) },
      { weight: 1, arbitrary: fc.record({ kind: fc.constant("load" as const) }) },
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        let outbox = new Outbox();
        const store = new Map<number, number>();
        /** Of the present session. */
        let committed = new Map<number, OutboxWrite>();
        const wanted = new Map<number, number>();
        /** Sent on the present connection, not answered yet. */
        let sent: OutboxWrite[] = [];
        const arrive = (write: OutboxWrite) => {
          const before = committed.get(write.seq);
          if (before) return assert.deepEqual(write, before, "a number has one write");
          committed.set(write.seq, write);
          for (const [cell, value] of write.changes) store.set(cell, value);
        };
        const send = (write: OutboxWrite, arrives: boolean) => {
          if (!arrives) return;
          arrive(write);
          sent.push(write);
        };
        for (const each of steps) {
          if (each.kind === "set") {
            outbox.set(each.cell, each.value as 0 | 1, 0, ignore);
            wanted.set(each.cell, each.value);
          } else if (each.kind === "all") {
            outbox.setAll(
              [
                [each.first, 1],
                [each.first + 1, 1],
              ],
              false,
              0,
              ignore,
            );
            for (const cell of [each.first, each.first + 1]) wanted.set(cell, 1);
          } else if (each.kind === "take") {
            for (const write of outbox.takeUnsent()) send(write, each.arrives);
            const write = outbox.take(3, 32);
            if (write) send(write, each.arrives);
          } else if (each.kind === "answer") {
            const write = sent.shift();
            if (write) outbox.acknowledged(write.seq, new Map());
          } else {
            // A page that leaves nothing is followed by a new session.
            if (!outbox.saved) committed = new Map();
            outbox = reloaded(outbox);
            sent = [];
          }
        }
        if (!outbox.saved) committed = new Map();
        outbox = reloaded(outbox);
        for (let rounds = 0; outbox.saved; rounds++) {
          assert.ok(rounds < 200, "it comes to an end");
          const writes = outbox.takeUnsent();
          for (let write = outbox.take(3, 32); write; write = outbox.take(3, 32)) writes.push(write);
          for (const each of writes) {
            arrive(each);
            outbox.acknowledged(each.seq, new Map());
          }
        }
        assert.deepEqual(new Map([...store].sort()), new Map([...wanted].sort()));
      }),
      { numRuns: 500 },
    );
  });

  test("counts its cells", () => {
    const outbox = new Outbox();
    outbox.set(1, 1, 0, ignore);
    outbox.take(10, 32);
    outbox.setAll(
      [
        [2, 1],
        [3, 1],
      ],
      false,
      0,
      ignore,
    );
    assert.ok(outbox.saved);
    assert.equal(cellsIn(outbox.saved), 3);
  });
});
