/*
 * The replica against a naive model of history. The channel may lose, repeat and delay messages.
 * The replica is always at a state of the history, and after a resync at its end.
 */

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { type Bit, countBits, setBit } from "../../src/board/bitmap.js";
import { type Delta, mergeDeltas, packChanges, type Snapshot } from "../../src/board/delta.js";
import { DeltaLog } from "../../src/board/delta-log.js";
import { formatPosition, GENESIS, type Position, parsePosition, samePosition } from "../../src/board/position.js";
import { Replica } from "../../src/board/replica.js";

const CELLS = 64;
let tags = 0;
const newTag = () => (tags++).toString(36).padStart(8, "_");

const batchArbitrary = fc.array(fc.tuple(fc.integer({ min: 0, max: CELLS - 1 }), fc.constantFrom<Bit>(0, 1)), {
  minLength: 1,
  maxLength: 6,
});
const historyArbitrary = fc.array(batchArbitrary, { minLength: 1, maxLength: 30 });

/** A history as the store makes it: each delta, and the bits at each position. */
class History {
  readonly deltas: Delta[] = [];
  readonly states = new Map<string, Uint8Array>();
  #bits = new Uint8Array(CELLS / 8);
  position: Position = GENESIS;

  constructor() {
    this.states.set(formatPosition(GENESIS), this.#bits.slice());
  }

  commit(batch: readonly (readonly [number, Bit])[]): Delta {
    const from = this.position;
    const to = { version: from.version + 1, tag: newTag() };
    for (const [offset, value] of batch) setBit(this.#bits, offset, value);
    this.position = to;
    this.states.set(formatPosition(to), this.#bits.slice());
    const delta: Delta = { kind: "delta", page: 0, from, to, changes: packChanges(batch) };
    this.deltas.push(delta);
    return delta;
  }

  snapshot(): Snapshot {
    return { kind: "snapshot", page: 0, position: this.position, bits: this.#bits.slice() };
  }

  /** Another history from an earlier point, as after a failover to a primary without the tail. */
  forkAt(version: number): History {
    const fork = new History();
    for (const delta of this.deltas.slice(0, version)) {
      fork.deltas.push(delta);
      fork.position = delta.to;
    }
    fork.#bits = (this.states.get(formatPosition(fork.position)) ?? new Uint8Array(CELLS / 8)).slice();
    for (const [key, bits] of this.states) fork.states.set(key, bits);
    return fork;
  }
}

function assertInHistory(replica: Replica, history: History): void {
  const expected = history.states.get(formatPosition(replica.position));
  assert.ok(expected, `the replica is at ${formatPosition(replica.position)}, which never was`);
  assert.deepEqual(replica.bits, expected);
  assert.equal(replica.checked, countBits(expected));
}

describe("the replica", () => {
  test("whatever a lossy, repeating, reordering channel brings, it is at a state of the history", () => {
    fc.assert(
      fc.property(historyArbitrary, fc.infiniteStream(fc.nat()), (batches, chance) => {
        const history = new History();
        for (const batch of batches) history.commit(batch);
        const replica = new Replica(0, CELLS);
        let gaps = 0;
        for (let step = 0; step < batches.length * 3; step++) {
          const delta = history.deltas[(chance.next().value ?? 0) % history.deltas.length];
          if (!delta) continue;
          const before = replica.position;
          const outcome = replica.receive(delta);
          if (outcome === "applied") assert.ok(replica.position.version > before.version);
          else assert.deepEqual(replica.position, before);
          if (outcome === "gap") gaps++;
          assertInHistory(replica, history);
          if (gaps === 5) {
            replica.receive(history.snapshot());
            assert.deepEqual(replica.position, history.position);
            assertInHistory(replica, history);
          }
        }
      }),
    );
  });

  test("a delta built on another tag at the same version is a gap, not the next delta", () => {
    fc.assert(
      fc.property(historyArbitrary, batchArbitrary, fc.nat(), (batches, extra, at) => {
        const lost = new History();
        for (const batch of batches) lost.commit(batch);
        const surviving = lost.forkAt(at % batches.length);
        const replica = new Replica(0, CELLS);
        for (const delta of lost.deltas) assert.equal(replica.receive(delta), "applied");
        while (surviving.position.version <= lost.position.version) {
          const delta = surviving.commit(extra);
          assert.equal(replica.receive(delta), "gap");
          assertInHistory(replica, lost);
        }
        replica.receive(surviving.snapshot());
        assertInHistory(replica, surviving);
      }),
    );
  });

  test("a delta that it passed already is a duplicate", () => {
    const history = new History();
    const replica = new Replica(0, CELLS);
    const deltas = [1, 2, 3].map((cell) => history.commit([[cell, 1]]));
    for (const delta of deltas) replica.receive(delta);
    for (const delta of deltas) assert.equal(replica.receive(delta), "duplicate");
    assertInHistory(replica, history);
  });

  test("a snapshot of the position it holds is a duplicate, any other is taken and its differences reported", () => {
    fc.assert(
      fc.property(historyArbitrary, historyArbitrary, (first, second) => {
        const history = new History();
        for (const batch of first) history.commit(batch);
        const replica = new Replica(0, CELLS);
        replica.receive(history.snapshot());
        assert.equal(replica.receive(history.snapshot()), "duplicate");
        const shown = replica.bits.slice();
        for (const batch of second) history.commit(batch);
        replica.receive(history.snapshot(), (offset, value) => assert.ok(setBit(shown, offset, value)));
        assert.deepEqual(shown, replica.bits);
        assertInHistory(replica, history);
      }),
    );
  });

  test("a delta beyond the page's cells, or a snapshot too long, is an error of ours and changes nothing", () => {
    const replica = new Replica(3, 10);
    const to = { version: 1, tag: newTag() };
    const tooFar: Delta = { kind: "delta", page: 3, from: GENESIS, to, changes: packChanges([[10, 1]]) };
    assert.throws(() => replica.receive(tooFar), RangeError);
    const tooLong: Snapshot = { kind: "snapshot", page: 3, position: to, bits: new Uint8Array(3) };
    assert.throws(() => replica.receive(tooLong), RangeError);
    assert.deepEqual(replica.position, GENESIS);
    assert.equal(replica.checked, 0);
  });
});

describe("deltas", () => {
  test("merged, they do what they do one after another", () => {
    fc.assert(
      fc.property(historyArbitrary, fc.nat(), (batches, at) => {
        const history = new History();
        for (const batch of batches) history.commit(batch);
        const split = at % batches.length;
        const replica = new Replica(0, CELLS);
        for (const delta of history.deltas.slice(0, split)) replica.receive(delta);
        const merged = mergeDeltas(history.deltas.slice(split));
        assert.ok(merged);
        assert.equal(replica.receive(merged), "applied");
        assert.deepEqual(replica.position, history.position);
        assertInHistory(replica, history);
      }),
    );
  });

  test("that do not follow on each other cannot be merged", () => {
    const history = new History();
    const [first, , third] = [1, 2, 3].map((cell) => history.commit([[cell, 1]]));
    assert.ok(first && third);
    assert.throws(() => mergeDeltas([first, third]));
  });

  test("the log leads from any position it holds to the newest, from no other, and stays within its bounds", () => {
    const limits = fc.record({
      deltasMax: fc.integer({ min: 1, max: 10 }),
      changesMax: fc.integer({ min: 1, max: 20 }),
    });
    fc.assert(
      fc.property(historyArbitrary, limits, (batches, bounds) => {
        const history = new History();
        const log = new DeltaLog(bounds);
        for (const batch of batches) {
          log.push(history.commit(batch));
          assert.ok(log.length <= bounds.deltasMax);
        }
        const held = history.deltas.slice(history.deltas.length - log.length);
        assert.ok(held.reduce((sum, delta) => sum + delta.changes.length, 0) <= bounds.changesMax);
        for (const delta of history.deltas) {
          const index = held.findIndex((each) => samePosition(each.from, delta.from));
          assert.deepEqual(log.since(delta.from), index === -1 ? undefined : held.slice(index));
          assert.equal(log.since({ version: delta.from.version, tag: newTag() }), undefined);
        }
        assert.deepEqual(log.since(history.position), []);
      }),
    );
  });
});

describe("positions", () => {
  test("are read back from their text, and only from their text", () => {
    const tag = fc.stringMatching(/^[\w-]{8}$/);
    fc.assert(
      fc.property(fc.maxSafeNat(), tag, (version, text) => {
        const position = { version, tag: text };
        assert.deepEqual(parsePosition(formatPosition(position)), position);
      }),
    );
    for (const text of [
      "",
      "1",
      "1.",
      ".AAAAAAAA",
      "-1.AAAAAAAA",
      "01.AAAAAAAA",
      "1.AAAAAAA",
      "1.AAAAAAAAA",
      "1e3.AAAAAAAA",
      "9999999999999999.AAAAAAAA",
      "1.AAAAAAA\n",
    ]) {
      assert.equal(parsePosition(text), undefined, text);
    }
  });
});
