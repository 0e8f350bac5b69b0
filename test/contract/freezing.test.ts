/* What every store that can freeze promises: a frozen cell takes no write, from the moment the freeze is acknowledged. */

import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import fc from "fast-check";
import { getBit } from "../../src/board/bitmap.js";
import { packChanges } from "../../src/board/delta.js";
import { EmbeddedStore } from "../../src/store/embedded/embedded-store.js";
import { FROZEN_RANGES_MAX } from "../../src/store/frozen.js";
import type { Store } from "../../src/store/store.js";
import { newTag } from "../../src/store/tag.js";
import { ValkeyStore } from "../../src/store/valkey/valkey-store.js";
import { relayed } from "../support/relay.js";
import { startServer } from "../support/valkey-server.js";

const PAGE_CELLS = 65_536;
let boards = 0;
const freshPage = () => ({ board: `f${boards++}`, page: 0 });

function freezing(name: string, open: () => Promise<{ store: Store; stop(): Promise<void> }>): void {
  describe(`freezing: ${name}`, () => {
    let store: Store;
    let stop: () => Promise<void>;
    before(async () => {
      const opened = await open();
      store = opened.store;
      stop = opened.stop;
    });
    after(async () => {
      await store.close();
      await stop();
    });

    const write = async (
      page: ReturnType<typeof freshPage>,
      changes: [number, 0 | 1][],
      { session = "", seq = 1, overridesFreeze = false } = {},
    ) => {
      const writes = [{ session, seq, changes: packChanges(changes) }];
      const { outcomes, position } = await store.commit(page, { tag: newTag(), writes, overridesFreeze });
      return { outcome: outcomes[0], version: position.version };
    };
    const bit = async (page: ReturnType<typeof freshPage>, cell: number) => getBit((await store.read(page)).bits, cell);

    test("a write with a frozen cell does nothing, whole, and leaves the others of its batch alone", async () => {
      const page = freshPage();
      assert.equal(await store.freeze(page, { start: 10, end: 20 }, true), true);
      const batch = [
        [[9, 1]],
        [
          [8, 1],
          [10, 1],
        ],
        [[19, 1]],
        [[20, 1]],
      ] as [number, 0 | 1][][];
      const writes = batch.map((changes, index) => ({ session: `s${index}`, seq: 1, changes: packChanges(changes) }));
      const { outcomes, position, frozen } = await store.commit(page, { tag: newTag(), writes });
      assert.deepEqual(outcomes, ["accepted", "frozen", "frozen", "accepted"]);
      assert.deepEqual(frozen, [{ start: 10, end: 20 }], "so that the refusal can name the cells");
      assert.equal(position.version, 1);
      assert.deepEqual(await Promise.all([8, 9, 10, 19, 20].map((cell) => bit(page, cell))), [0, 1, 0, 0, 1]);
    });

    test("a write refused as frozen is taken when it comes again after the thaw; one taken before is a duplicate still", async () => {
      const page = freshPage();
      assert.equal((await write(page, [[5, 1]], { session: "s", seq: 1 })).outcome, "accepted");
      await store.freeze(page, { start: 0, end: PAGE_CELLS }, true);
      assert.equal((await write(page, [[5, 1]], { session: "s", seq: 1 })).outcome, "duplicate");
      assert.equal((await write(page, [[6, 1]], { session: "s", seq: 2 })).outcome, "frozen");
      assert.equal((await write(page, [[7, 1]], { session: "t", seq: 1 })).outcome, "frozen");
      assert.equal((await write(page, [[8, 1]])).outcome, "frozen");
      await store.freeze(page, { start: 0, end: PAGE_CELLS }, false);
      assert.equal((await write(page, [[9, 1]], { session: "s", seq: 3 })).outcome, "accepted");
      assert.equal((await write(page, [[6, 1]], { session: "s", seq: 2 })).outcome, "accepted");
      assert.equal((await write(page, [[7, 1]], { session: "t", seq: 1 })).outcome, "accepted");
    });

    test("an older number that comes late is frozen too", async () => {
      const page = freshPage();
      await write(page, [[1, 1]], { session: "s", seq: 3 });
      await store.freeze(page, { start: 0, end: 10 }, true);
      assert.equal((await write(page, [[2, 1]], { session: "s", seq: 2 })).outcome, "frozen");
      assert.equal(await bit(page, 2), 0);
    });

    test("an admin's batch goes through, and the page stays frozen", async () => {
      const page = freshPage();
      await store.freeze(page, { start: 0, end: 10 }, true);
      assert.equal((await write(page, [[5, 1]], { overridesFreeze: true })).outcome, "accepted");
      assert.equal(await bit(page, 5), 1);
      assert.equal((await write(page, [[5, 0]])).outcome, "frozen");
    });

    test("a page keeps only so many ranges, and what would make more changes nothing", async () => {
      const page = freshPage();
      for (let index = 0; index < FROZEN_RANGES_MAX; index++) {
        assert.equal(await store.freeze(page, { start: index * 4, end: index * 4 + 2 }, true), true);
      }
      const [before] = await store.heads([page]);
      assert.equal(await store.freeze(page, { start: 60_000, end: 60_001 }, true), false);
      assert.deepEqual((await store.heads([page]))[0], before);
      assert.equal(await store.freeze(page, { start: 0, end: PAGE_CELLS }, true), true);
      assert.deepEqual((await store.heads([page]))[0]?.frozen, [{ start: 0, end: PAGE_CELLS }]);
    });

    test("freezing and thawing at random leaves frozen what a set of cells says", async () => {
      const step = fc.record({ start: fc.nat(30), length: fc.integer({ min: 1, max: 12 }), isFrozen: fc.boolean() });
      await fc.assert(
        fc.asyncProperty(fc.array(step, { maxLength: 15 }), async (steps) => {
          const page = freshPage();
          const cells = new Set<number>();
          for (const { start, length, isFrozen } of steps) {
            await store.freeze(page, { start, end: start + length }, isFrozen);
            for (let cell = start; cell < start + length; cell++) {
              if (isFrozen) cells.add(cell);
              else cells.delete(cell);
            }
          }
          const ranges = (await store.heads([page]))[0]?.frozen ?? [];
          const expected = Array.from({ length: 50 }, (_, cell) => cells.has(cell));
          const isCovered = (cell: number) => ranges.some(({ start, end }) => cell >= start && cell < end);
          assert.deepEqual(
            expected.map((_, cell) => isCovered(cell)),
            expected,
          );
          for (const [index, range] of ranges.entries()) assert.ok(range.start > (ranges[index - 1]?.end ?? -1));
          const [probe = 0] = steps.map(({ start }) => start);
          assert.equal((await write(page, [[probe, 1]])).outcome, cells.has(probe) ? "frozen" : "accepted");
        }),
        { numRuns: 40 },
      );
    });
  });
}

for (const isRelayed of [false, true]) {
  freezing(isRelayed ? "relay" : "embedded", async () => {
    const directory = mkdtempSync(join(tmpdir(), "socketscaler-test-"));
    const inner = await EmbeddedStore.open({ directory });
    const { store, close } = isRelayed ? await relayed(inner) : { store: inner, close: () => undefined };
    return {
      store,
      stop: async () => {
        await close();
        rmSync(directory, { recursive: true, force: true });
      },
    };
  });
}
for (const engine of ["valkey-server", "redis-server"] as const) {
  freezing(engine, async () => {
    const server = await startServer(engine);
    return { store: await ValkeyStore.open({ url: server.url }), stop: () => server.stop() };
  });
}
