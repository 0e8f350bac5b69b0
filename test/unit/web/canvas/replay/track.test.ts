/* One page's record, read in parts, against the whole record. */

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { type Bit, setBit } from "../../../../../src/board/bitmap.js";
import { packChanges } from "../../../../../src/board/delta.js";
import { type PageRecord, type Period, Track } from "../../../../../src/web/canvas/replay/track.js";

const CELLS = 64;
const END_MS = 5_000;

interface Step {
  readonly ms: number;
  readonly changes: readonly (readonly [number, Bit])[];
}

/** Answers as the server does: with at most so many deltas, the last ones. */
function answer(steps: readonly Step[], beginsMs: number, deltasMax: number, { fromMs, toMs }: Period): PageRecord {
  const wanted = steps.filter(({ ms }) => ms >= Math.max(fromMs, beginsMs) && ms <= toMs);
  const given = wanted.slice(-deltasMax);
  const start = new Uint8Array(CELLS / 8);
  const before = given[0] ? steps.slice(0, steps.indexOf(given[0])) : steps.filter(({ ms }) => ms <= toMs);
  for (const { changes } of before) for (const [offset, value] of changes) setBit(start, offset, value);
  const leftOut = wanted.at(-deltasMax - 1);
  return {
    cells: CELLS,
    fromMs: Math.max(fromMs, beginsMs, leftOut?.ms ?? 0),
    start,
    record: given.map(({ ms, changes }) => ({ ms, changes: packChanges(changes) })),
  };
}

function stateAt(steps: readonly Step[], at: number): Uint8Array {
  const bits = new Uint8Array(CELLS / 8);
  for (const { ms, changes } of steps) {
    if (ms <= at) for (const [offset, value] of changes) setBit(bits, offset, value);
  }
  return bits;
}

const change = fc.tuple(fc.nat(CELLS - 1), fc.constantFrom<Bit>(0, 1));
const steps = fc
  .array(fc.tuple(fc.integer({ min: 1, max: 80 }), fc.array(change, { minLength: 1, maxLength: 3 })), { maxLength: 60 })
  .map((items) => {
    let ms = 0;
    return items.map(([waitMs, changes]): Step => {
      ms += waitMs;
      return { ms, changes };
    });
  });

describe("the track of a page", () => {
  test("knows any moment after few reads, with the bits that the page had, and when it changes next", () => {
    fc.assert(
      fc.property(
        steps,
        fc.integer({ min: 1, max: 10 }),
        fc.array(fc.integer({ min: 0, max: END_MS }), { minLength: 1, maxLength: 12 }),
        (steps, deltasMax, moments) => {
          const track = new Track(END_MS);
          for (const moment of moments) {
            let reads = 0;
            while (!track.isKnown(moment)) {
              const missing = track.missing(moment);
              assert.ok(missing && missing.fromMs <= moment && missing.toMs > missing.fromMs);
              track.add(missing, answer(steps, 0, deltasMax, missing), moment);
              assert.ok(++reads <= 16, `${reads} reads for ${moment}`);
            }
            const part = track.at(moment);
            part?.replay.moveTo(moment, () => undefined);
            assert.deepEqual(part?.replay.bits, stateAt(steps, moment));
            const next = steps.find(({ ms }) => ms > moment)?.ms ?? END_MS;
            assert.equal(track.quietUntil(moment), Math.min(next, part?.toMs ?? 0));
          }
        },
      ),
    );
  });

  test("reads on ahead, so that playing from the beginning never comes to what is unknown", () => {
    fc.assert(
      fc.property(steps, fc.integer({ min: 2, max: 10 }), (steps, deltasMax) => {
        const track = new Track(END_MS);
        const read = (at: number) => {
          const missing = track.missing(at);
          if (missing) track.add(missing, answer(steps, 0, deltasMax, missing), at);
        };
        while (!track.isKnown(0)) read(0);
        for (let at = 0; at <= END_MS; at++) {
          assert.ok(track.isKnown(at), `${at} ms`);
          read(at);
          read(at);
        }
      }),
      { numRuns: 30 },
    );
  });

  test("what lies before the record is asked for once, and then known to be unknown", () => {
    const track = new Track(END_MS);
    let reads = 0;
    while (!track.isKnown(100)) {
      const missing = track.missing(100) ?? assert.fail();
      track.add(missing, answer([], 3_000, 10, missing), 100);
      assert.ok(++reads <= 2);
    }
    assert.equal(track.at(100), undefined);
    assert.equal(track.missing(100), undefined);
    assert.equal(track.quietUntil(100), 3_000);
    assert.ok(track.at(3_000));
  });

  test("of a long record it keeps the parts around the moment, and drops the farthest", () => {
    const track = new Track(END_MS);
    const steps = Array.from({ length: 490 }, (_, index): Step => ({ ms: 10 * index, changes: [[index % CELLS, 1]] }));
    for (let at = 0; at < END_MS; at += 5) {
      for (let missing = track.missing(at); missing; missing = track.missing(at)) {
        track.add(missing, answer(steps, 0, 5, missing), at);
      }
    }
    assert.ok(track.at(END_MS - 10));
    assert.equal(track.at(10), undefined);
  });
});
