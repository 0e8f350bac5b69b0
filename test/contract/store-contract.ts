/*
 * The contract of store.ts as tests, for every implementation. Each test uses a board of its own, so that one server or
 * directory serves all.
 */

import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import fc from "fast-check";
import { countBits, getBit, setBit } from "../../src/board/bitmap.js";
import { type Delta, packChange, packChanges } from "../../src/board/delta.js";
import type { PageRef } from "../../src/board/geometry.js";
import { GENESIS, samePosition } from "../../src/board/position.js";
import { Replica } from "../../src/board/replica.js";
import { SEQ_WINDOW } from "../../src/store/seen.js";
import {
  BATCH_CHANGES_MAX,
  type Batch,
  type Committed,
  type PageHead,
  type Store,
  type StoreLimits,
  type Write,
} from "../../src/store/store.js";
import { newTag } from "../../src/store/tag.js";
import { until } from "../support/until.js";
import { boardsContract } from "./boards-contract.js";
import { overviewContract } from "./overview-contract.js";

export const CONTRACT_LIMITS: StoreLimits = {
  logDeltasMax: 200,
  logMs: 60_000,
  seenMs: 60_000,
  seenSessionsMax: 100,
};

const UNTOUCHED: PageHead = { position: GENESIS, checked: 0, frozen: [] };

let boards = 0;
function freshPage(page = 0): PageRef {
  return { board: `b${process.pid}x${boards++}`, page };
}

let sessions = 0;
function write(changes: [number, 0 | 1][], session = `s${sessions++}`, seq = 1): Write {
  return { session, seq, changes: packChanges(changes) };
}

function batch(...writes: Write[]): Batch {
  return { tag: newTag(), writes };
}

async function collect(store: Store, page: PageRef) {
  const deltas: Delta[] = [];
  const unsubscribe = await store.subscribe(page, { delta: (delta) => deltas.push(delta), resumed: () => undefined });
  return { deltas, unsubscribe };
}

/** What every store answers. Some add their clock. */
function withoutClock({ storeMs: _, ...rest }: Committed): Omit<Committed, "storeMs"> {
  return rest;
}

export function storeContract(
  name: string,
  open: () => Promise<{ store: Store; close(): Promise<void> }>,
  /**
   * The models remember all sessions for ever. A relay's upstream gathers batches, and draws their tags.
   */
  { forgets = true, gathers = false } = {},
): void {
  describe(`store contract: ${name}`, () => {
    let store: Store;
    let close: () => Promise<void>;
    before(async () => {
      const opened = await open();
      store = opened.store;
      close = opened.close;
    });
    after(() => close());

    overviewContract(() => store);
    boardsContract(() => store);

    test("an untouched page is at genesis with no bits", async () => {
      const page = freshPage(7);
      assert.deepEqual((await store.read(page)).position, GENESIS);
      assert.equal(countBits((await store.read(page)).bits), 0);
      assert.deepEqual(await store.heads([page]), [UNTOUCHED]);
      assert.deepEqual(await store.since(page, GENESIS), { kind: "deltas", deltas: [] });
    });

    test("a commit sets the bits and moves the page by one version to the batch's tag", async () => {
      const page = freshPage();
      const first = batch(write([[3, 1]]), write([[65_535, 1]]));
      const committed = await store.commit(page, first);
      assert.deepEqual(withoutClock(committed), {
        position: { version: 1, tag: gathers ? committed.position.tag : first.tag },
        outcomes: ["accepted", "accepted"],
        checked: 2,
      });
      const snapshot = await store.read(page);
      assert.deepEqual(snapshot.position, committed.position);
      assert.equal(getBit(snapshot.bits, 3), 1);
      assert.equal(getBit(snapshot.bits, 65_535), 1);
      assert.equal(snapshot.bits.length, 8192);
      const { position, checked } = committed;
      assert.deepEqual(await store.heads([page, freshPage()]), [{ position, checked, frozen: [] }, UNTOUCHED]);
    });

    test("a batch that changes no cell makes no position and no delta", async () => {
      const page = freshPage();
      const { deltas, unsubscribe } = await collect(store, page);
      const idle = await store.commit(page, batch(write([[5, 0]])));
      assert.deepEqual(withoutClock(idle), { position: GENESIS, outcomes: ["accepted"], checked: 0 });
      const changed = await store.commit(page, batch(write([[5, 1]])));
      const again = await store.commit(page, batch(write([[5, 1]])));
      assert.deepEqual(again.position, changed.position);
      await store.commit(page, batch(write([[6, 1]])));
      await until("the second delta arrives", () => deltas.length === 2);
      assert.deepEqual(
        deltas.map((delta) => delta.to.version),
        [1, 2],
      );
      unsubscribe();
    });

    test("if a batch changes one cell several times, the last change wins", async () => {
      const page = freshPage();
      const { deltas, unsubscribe } = await collect(store, page);
      await store.commit(page, batch(write([[9, 1]]), write([[9, 0]]), write([[9, 1]])));
      await until("the delta arrives", () => deltas.length === 1);
      assert.deepEqual([...(deltas[0]?.changes ?? [])], [packChange(9, 1)]);
      assert.equal(getBit((await store.read(page)).bits, 9), 1);
      unsubscribe();
    });

    test("a write sent again is a duplicate and undoes nothing", async () => {
      const page = freshPage();
      const original = write([[1, 1]], "again", 1);
      await store.commit(page, batch(original));
      const others = await store.commit(page, batch(write([[1, 0]])));
      const retried = await store.commit(page, batch(original));
      assert.deepEqual(withoutClock(retried), { position: others.position, outcomes: ["duplicate"], checked: 0 });
      assert.equal(getBit((await store.read(page)).bits, 1), 0);
    });

    test("a late write inside the window is taken once, below the window it is stale", async () => {
      const page = freshPage();
      const seqs = [1, SEQ_WINDOW + 1, 2, 2, SEQ_WINDOW + 2, 1];
      const outcomes: string[] = [];
      for (const seq of seqs) {
        const committed = await store.commit(page, batch(write([[seq, 1]], "late", seq)));
        outcomes.push(...committed.outcomes);
      }
      assert.deepEqual(outcomes, ["accepted", "accepted", "accepted", "duplicate", "accepted", "stale"]);
    });

    test("sequence numbers are judged as a set judges them, in any order", async () => {
      const seqs = fc.array(fc.integer({ min: 1, max: SEQ_WINDOW * 3 }), { maxLength: 60 });
      await fc.assert(
        fc.asyncProperty(seqs, async (list) => {
          const page = freshPage();
          const taken = new Set<number>();
          let highest = 0;
          const expected = list.map((seq) => {
            if (highest - seq > SEQ_WINDOW) return "stale";
            if (taken.has(seq)) return "duplicate";
            taken.add(seq);
            highest = Math.max(highest, seq);
            return "accepted";
          });
          const committed = await store.commit(page, batch(...list.map((seq) => write([[0, 1]], "model", seq))));
          assert.deepEqual(committed.outcomes, expected);
        }),
        { numRuns: 60 },
      );
    });

    test("sessions are forgotten by halves when a page has seen too many", async () => {
      const page = freshPage();
      const many = Array.from({ length: CONTRACT_LIMITS.seenSessionsMax + 1 }, (_, i) => write([[i, 1]], `many${i}`));
      await store.commit(page, batch(...many));
      const newest = write([[500, 1]], "newest");
      await store.commit(page, batch(newest));
      const soon = await store.commit(page, batch(newest, ...many.slice(0, 3)));
      assert.deepEqual(soon.outcomes, ["duplicate", "duplicate", "duplicate", "duplicate"]);
    });

    if (forgets) {
      test("a session is forgotten, and its number taken again, when two generations have filled up since", async () => {
        const page = freshPage();
        const first = write([[0, 1]], "first");
        await store.commit(page, batch(first));
        const fill = () => {
          const others = Array.from({ length: CONTRACT_LIMITS.seenSessionsMax + 1 }, () => write([[1, 1]]));
          return store.commit(page, batch(...others));
        };
        await fill();
        assert.deepEqual((await store.commit(page, batch(first))).outcomes, ["duplicate"]);
        for (let generation = 0; generation < 3; generation++) await fill();
        assert.deepEqual((await store.commit(page, batch(first))).outcomes, ["accepted"]);
      });
    }

    test("deltas since a position lead to the present, and a replica follows them", async () => {
      const page = freshPage();
      const replica = new Replica(0, 65_536);
      for (let i = 0; i < 20; i++) await store.commit(page, batch(write([[i * 3, 1]]), write([[i, 1]])));
      const answer = await store.since(page, GENESIS);
      assert.equal(answer.kind, "deltas");
      if (answer.kind !== "deltas") return;
      for (const delta of answer.deltas) assert.equal(replica.receive(delta), "applied");
      const snapshot = await store.read(page);
      assert.deepEqual(replica.position, snapshot.position);
      assert.deepEqual(Buffer.from(replica.bits.subarray(0, snapshot.bits.length)), Buffer.from(snapshot.bits));
    });

    test("a position that the log no longer holds is answered with a snapshot", async () => {
      const page = freshPage();
      const early = (await store.commit(page, batch(write([[0, 1]])))).position;
      for (let i = 1; i <= CONTRACT_LIMITS.logDeltasMax + 150; i++) {
        await store.commit(page, batch(write([[i, 1]])));
      }
      const answer = await store.since(page, early);
      assert.equal(answer.kind, "snapshot");
    });

    test("deltas that weigh more than a few snapshots are answered with a snapshot", async () => {
      const page = freshPage();
      const bulk = (value: 0 | 1) =>
        batch(write(Array.from({ length: BATCH_CHANGES_MAX }, (_, cell) => [cell, value] as [number, 0 | 1])));
      await store.commit(page, bulk(1));
      const { position } = await store.commit(page, bulk(0));
      const little = await store.since(page, GENESIS);
      assert.ok(little.kind === "deltas" && little.deltas.length === 2);
      for (const value of [1, 0] as const) await store.commit(page, bulk(value));
      assert.equal((await store.since(page, GENESIS)).kind, "snapshot");
      assert.equal((await store.since(page, position)).kind, "deltas");
    });

    test("a position of another history is answered with a snapshot", async () => {
      const page = freshPage();
      for (let i = 0; i < 5; i++) await store.commit(page, batch(write([[i, 1]])));
      for (const version of [0, 3, 5, 6, 2 ** 40]) {
        const answer = await store.since(page, { version, tag: newTag() });
        assert.equal(answer.kind, "snapshot", `version ${version}`);
      }
    });

    test("every subscriber gets every delta in order, until it unsubscribes", async () => {
      const page = freshPage();
      const first = await collect(store, page);
      const second = await collect(store, page);
      await store.commit(page, batch(write([[1, 1]])));
      await until("both have one", () => first.deltas.length === 1 && second.deltas.length === 1);
      first.unsubscribe();
      first.unsubscribe();
      await store.commit(page, batch(write([[2, 1]])));
      await until("the other has two", () => second.deltas.length === 2);
      assert.equal(first.deltas.length, 1);
      assert.ok(samePosition(second.deltas[1]?.from ?? GENESIS, second.deltas[0]?.to ?? GENESIS));
      second.unsubscribe();
    });

    test("replace sets the bits whole, at a new position that every follower reaches by a snapshot alone", async () => {
      const page = freshPage();
      const replica = new Replica(0, 65_536);
      const { deltas, unsubscribe } = await collect(store, page);
      const retried = write([[1, 1]], "before", 1);
      await store.commit(page, batch(retried));
      await store.commit(page, batch(write([[2, 1]])));
      await until("both deltas are here", () => deltas.length === 2);
      for (const delta of deltas) assert.equal(replica.receive(delta), "applied");
      const bits = new Uint8Array(8_192);
      for (const cell of [3, 40_000]) setBit(bits, cell, 1);
      const tag = newTag();
      const replaced = await store.replace(page, tag, bits);
      assert.deepEqual(replaced, { position: { version: 3, tag }, checked: 2, isReplaced: true });
      await until("the news is here", () => deltas.length === 3);
      for (const delta of deltas.slice(2)) assert.equal(replica.receive(delta), "gap");
      const answer = await store.since(page, replica.position);
      assert.ok(answer.kind === "snapshot");
      replica.receive(answer);
      assert.deepEqual(Buffer.from(replica.bits), Buffer.from(bits));
      assert.equal((await store.since(page, GENESIS)).kind, "snapshot");
      const after = await store.commit(page, batch(retried, write([[4, 1]])));
      assert.deepEqual([after.position.version, after.outcomes, after.checked], [4, ["duplicate", "accepted"], 3]);
      assert.equal((await store.since(page, replica.position)).kind, "deltas");
      assert.equal((await store.since(page, { version: 2, tag: deltas[1]?.to.tag ?? "" })).kind, "snapshot");
      unsubscribe();
    });

    test("replace by what is there does nothing, and an empty page can be made of any", async () => {
      const page = freshPage();
      assert.equal((await store.replace(page, newTag(), new Uint8Array(8_192))).isReplaced, false);
      assert.deepEqual(await store.heads([page]), [UNTOUCHED]);
      const { position } = await store.commit(
        page,
        batch(write([[100, 1]]), write([[60_000, 1]]), write([[60_000, 0]])),
      );
      const { bits } = await store.read(page);
      const same = await store.replace(page, newTag(), bits.slice(0, 100));
      assert.deepEqual(same, { position, checked: 1, isReplaced: false });
      const emptied = await store.replace(page, newTag(), new Uint8Array(0));
      assert.deepEqual([emptied.checked, emptied.isReplaced], [0, true]);
      assert.equal(countBits((await store.read(page)).bits), 0);
      const [head] = await store.heads([page]);
      assert.deepEqual([head?.position.version, head?.checked], [2, 0]);
    });

    test("concurrent commits never undo each other", async () => {
      const page = freshPage();
      const cells = Array.from({ length: 500 }, (_, i) => i * 7);
      const { deltas, unsubscribe } = await collect(store, page);
      await Promise.all(cells.map((cell) => store.commit(page, batch(write([[cell, 1]])))));
      const snapshot = await store.read(page);
      assert.deepEqual(
        cells.filter((cell) => getBit(snapshot.bits, cell) === 0),
        [],
      );
      if (!gathers) assert.equal(snapshot.position.version, cells.length);
      const replica = new Replica(0, 65_536);
      await until("all deltas are here", () => deltas.length === snapshot.position.version);
      for (const delta of deltas) assert.equal(replica.receive(delta), "applied");
      unsubscribe();
    });

    test("any sequence of batches leaves the bits of a naive bitmap", async () => {
      const change = fc.tuple(fc.integer({ min: 0, max: 300 }), fc.constantFrom<0 | 1>(0, 1));
      const batches = fc.array(fc.array(fc.array(change, { maxLength: 5 }), { maxLength: 5 }), { maxLength: 8 });
      await fc.assert(
        fc.asyncProperty(batches, async (list) => {
          const page = freshPage();
          const naive = new Uint8Array(8192);
          let version = 0;
          for (const writes of list) {
            const before = Buffer.from(naive);
            let changed = false;
            for (const changes of writes) {
              for (const packed of packChanges(changes)) {
                changed = setBit(naive, packed >>> 1, packed & 1 ? 1 : 0) || changed;
              }
            }
            if (changed) version++;
            else assert.deepEqual(before, Buffer.from(naive));
            const committed = await store.commit(page, batch(...writes.map((changes) => write(changes, ""))));
            assert.equal(committed.position.version, version);
          }
          const { bits } = await store.read(page);
          assert.deepEqual(Buffer.from(bits), Buffer.from(naive.subarray(0, bits.length)));
          assert.ok(naive.subarray(bits.length).every((byte) => byte === 0));
        }),
        { numRuns: 60 },
      );
    });
  });
}
