/* What history.ts promises, on a store whose boards keep a history. */

import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import fc from "fast-check";
import { packChanges } from "../../src/board/delta.js";
import type { PageRef } from "../../src/board/geometry.js";
import { Replica } from "../../src/board/replica.js";
import type { Histories, PageHistory } from "../../src/store/history.js";
import type { Store } from "../../src/store/store.js";
import { newTag } from "../../src/store/tag.js";

export const CONTRACT_HISTORIES: Histories = { boards: new Map([["quiet", 0]]), others: 60_000, deltasMax: 300 };
const ALWAYS = { fromMs: 0, toMs: Number.POSITIVE_INFINITY };

let boards = 0;
const freshPage = (): PageRef => ({ board: `h${process.pid}x${boards++}`, page: 2 });

export function historyContract(name: string, open: () => Promise<{ store: Store; close(): Promise<void> }>): void {
  describe(`history contract: ${name}`, () => {
    let store: Store;
    let close: () => Promise<void>;
    before(async () => {
      const opened = await open();
      store = opened.store;
      close = opened.close;
    });
    after(() => close());

    const commit = (page: PageRef, ...writes: [number, 0 | 1][][]) =>
      store.commit(page, {
        tag: newTag(),
        writes: writes.map((changes) => ({ session: "", seq: 1, changes: packChanges(changes) })),
      });
    const read = async (page: PageRef, range = ALWAYS): Promise<PageHistory> => {
      const history = await store.history(page, range);
      assert.ok(history);
      return history;
    };
    /** Plays all that was recorded; gives the state after each step. */
    const replay = ({ start, deltas }: PageHistory): Replica => {
      const replica = new Replica(2, 65_536);
      replica.receive(start);
      for (const { delta } of deltas) assert.equal(replica.receive(delta), "applied");
      return replica;
    };

    test("a page's record leads from nothing to the present, each delta with its time", async () => {
      const page = freshPage();
      await commit(page, [[3, 1]], [[5, 1]]);
      await commit(page, [[3, 0]]);
      await commit(page, [[60_000, 1]]);
      const history = await read(page);
      assert.deepEqual(history.start.position, { version: 0, tag: "AAAAAAAA" });
      assert.ok(history.start.bits.every((byte) => byte === 0));
      assert.deepEqual(
        history.deltas.map(({ delta }) => [...delta.changes]),
        [[7, 11], [6], [120_001]],
      );
      assert.deepEqual(replay(history).position, (await store.read(page)).position);
      const times = history.deltas.map(({ ms }) => ms);
      assert.deepEqual(
        times,
        times.toSorted((a, b) => a - b),
      );
      assert.ok(times.every((ms) => ms <= history.nowMs));
    });

    test("asked for a time, it gives the page as it was then, and what came up to the end", async () => {
      const page = freshPage();
      const moments: number[] = [];
      for (let cell = 0; cell < 12; cell++) {
        await commit(page, [[cell, 1]]);
        moments.push((await read(page)).nowMs);
      }
      const all = (await read(page)).deltas;
      const fromMs = all[4]?.ms ?? 0;
      const toMs = all[8]?.ms ?? 0;
      const history = await read(page, { fromMs, toMs });
      const expected = all.filter(({ ms }) => ms >= fromMs && ms <= toMs);
      assert.deepEqual(history.deltas, expected);
      const before = all.filter(({ ms }) => ms < fromMs).length;
      assert.equal(history.start.position.version, before);
      const replica = new Replica(2, 65_536);
      replica.receive(history.start);
      assert.equal(replica.checked, before);
    });

    test("any batches, with cells set back and forth and bits replaced in between, are undone to nothing and replayed", async () => {
      const change = fc.tuple(fc.integer({ min: 0, max: 20 }), fc.constantFrom<0 | 1>(0, 1));
      const step = fc.oneof(
        { weight: 5, arbitrary: fc.array(fc.array(change, { maxLength: 4 }), { minLength: 1, maxLength: 5 }) },
        { weight: 1, arbitrary: fc.uint8Array({ maxLength: 3 }) },
      );
      await fc.assert(
        fc.asyncProperty(fc.array(step, { maxLength: 10 }), async (steps) => {
          const page = freshPage();
          for (const each of steps) {
            if (each instanceof Uint8Array) await store.replace(page, newTag(), each);
            else await commit(page, ...each);
          }
          const history = await read(page);
          assert.equal(history.start.position.version, 0);
          assert.ok(history.start.bits.every((byte) => byte === 0));
          const { position, bits } = await store.read(page);
          const replica = replay(history);
          assert.deepEqual(replica.position, position);
          assert.deepEqual(Buffer.from(replica.bits.subarray(0, bits.length)), Buffer.from(bits));
        }),
        { numRuns: 40 },
      );
    });

    test("asked for any time, over any number of keyframes, it gives the states that were", async () => {
      const page = freshPage();
      const states = [new Uint8Array(8_192)];
      for (let at = 0; at < 60; at++) {
        const size = [1, 3, 700, 4_096][at % 4] ?? 1;
        const first = (at * 4_999) % 61_000;
        await commit(
          page,
          Array.from({ length: size }, (_, cell): [number, 0 | 1] => [first + cell, at % 5 === 4 ? 0 : 1]),
        );
        const { bits, position } = await store.read(page);
        const state = new Uint8Array(8_192);
        state.set(bits);
        // A batch that changes nothing makes no version.
        states[position.version] = state;
      }
      const times: number[] = [];
      let toMs = Number.MAX_SAFE_INTEGER;
      for (let isWhole = false; !isWhole; ) {
        const { start, deltas, fromMs } = await read(page, { fromMs: 0, toMs });
        assert.ok(deltas.length > 0, "each part has something");
        for (const { delta, ms } of deltas) times[delta.to.version - 1] = ms;
        isWhole = start.position.version === 0;
        toMs = fromMs;
      }
      assert.equal(times.length, states.length - 1);
      for (const [index, fromMs] of times.entries()) {
        const toMs = times[Math.min(times.length - 1, index + 2)] ?? fromMs;
        const history = await read(page, { fromMs, toMs });
        const { version } = history.start.position;
        assert.deepEqual(Buffer.from(history.start.bits), Buffer.from(states[version] ?? []), `at version ${version}`);
        const replica = replay(history);
        assert.deepEqual(Buffer.from(replica.bits), Buffer.from(states[replica.position.version] ?? []));
        assert.ok(replica.position.version >= index + 1);
      }
    });

    test("it is bounded, and its start is the state before its first batch", async () => {
      const page = freshPage();
      for (let at = 0; at < CONTRACT_HISTORIES.deltasMax + 250; at++) await commit(page, [[at, 1]]);
      const history = await read(page);
      assert.ok(history.deltas.length >= 250 && history.deltas.length <= CONTRACT_HISTORIES.deltasMax + 150);
      assert.equal(history.fromMs, history.deltas[0]?.ms);
      assert.equal(history.start.position.version, CONTRACT_HISTORIES.deltasMax + 250 - history.deltas.length);
      assert.deepEqual(replay(history).position, (await store.read(page)).position);
    });

    test("the activity of any period counts the batches of each part, and dates the first", async () => {
      const page = freshPage();
      for (let cell = 0; cell < 40; cell++) {
        await commit(page, [[cell, 1]]);
        // So that the batches are spread over several milliseconds, with gaps.
        if (cell % 7 === 0) for (let wait = 0; wait < 5; wait++) await read(page);
      }
      const times = (await read(page)).deltas.map(({ ms }) => ms);
      const [first = 0, last = 0] = [times[0], times.at(-1)];
      await fc.assert(
        fc.asyncProperty(
          fc.nat(last - first + 20),
          fc.nat(last - first + 20),
          fc.integer({ min: 1, max: 30 }),
          async (skipped, lengthMs, parts) => {
            const range = { fromMs: first - 10 + skipped, toMs: first - 10 + skipped + lengthMs };
            const within = times.filter((ms) => ms >= range.fromMs && ms <= range.toMs);
            const partMs = Math.ceil((lengthMs + 1) / parts);
            const counts = Array.from(
              { length: parts },
              (_, part) => within.filter((ms) => Math.floor((ms - range.fromMs) / partMs) === part).length,
            );
            const { nowMs = 0, ...found } = (await store.activity(page, range, parts)) ?? {};
            assert.deepEqual(found, { firstMs: within[0], counts });
            assert.ok(nowMs >= last);
            assert.equal((await store.activity(page, range, 0))?.firstMs, within[0]);
          },
        ),
        { numRuns: 60 },
      );
    });

    test("a board that keeps none gives none", async () => {
      const page = { board: "quiet", page: 0 };
      await commit(page, [[1, 1]]);
      assert.equal(await store.history(page, ALWAYS), undefined);
      assert.equal(await store.activity(page, ALWAYS, 4), undefined);
    });
  });
}
