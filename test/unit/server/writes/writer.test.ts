/* Group commit, on a clock of our own. */

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { packChanges } from "../../../../src/board/delta.js";
import { Refusal } from "../../../../src/protocol/errors.js";
import { Writer } from "../../../../src/server/writes/writer.js";
import { BATCH_CHANGES_MAX, BATCH_WRITES_MAX, StoreAway } from "../../../../src/store/store.js";
import { ModelStore } from "../../../support/model-store.js";
import { written } from "../../../support/promised.js";
import { settle, VirtualClock } from "../../../support/virtual-clock.js";

const page = { board: "main", page: 0 };
const LIMITS = { waitMs: 1_000, queuedChangesMax: 50_000 };

function setUp(limits = LIMITS) {
  const clock = new VirtualClock();
  const store = new ModelStore(clock);
  const failures: unknown[] = [];
  const writer = new Writer(store, clock, limits, {
    committed: () => undefined,
    failed: (error) => failures.push(error),
  });
  let seq = 0;
  const write = (cell: number, at = page) => written(writer, at, "session", ++seq, packChanges([[cell, 1]]));
  return { clock, store, writer, write, failures };
}

describe("the writer", () => {
  test("sends the first write at once, gathers the others while it is in flight, and sends them as one batch", async () => {
    const { clock, store, write } = setUp();
    store.delayMs.answer = 10;
    const writes = [write(0), write(1), write(2), write(3)];
    await settle();
    assert.deepEqual(
      store.commits.map(({ writes }) => writes.length),
      [1],
    );
    await clock.pass(10);
    assert.deepEqual(
      store.commits.map(({ writes }) => writes.length),
      [1, 3],
    );
    await clock.pass(10);
    const positions = await Promise.all(writes);
    assert.deepEqual(
      positions.map(({ version }) => version),
      [1, 2, 2, 2],
    );
  });

  test("does not let one page wait for another", async () => {
    const { clock, store, write } = setUp();
    store.delayMs.answer = 10;
    const writes = [write(0), write(0, { board: "main", page: 1 })];
    await settle();
    assert.equal(store.commits.length, 2);
    await clock.pass(10);
    await Promise.all(writes);
  });

  test("keeps a batch within its bounds", async () => {
    const { clock, store, writer } = setUp();
    store.delayMs.answer = 1;
    const large = packChanges(Array.from({ length: 2_000 }, (_, cell) => [cell, 1]));
    const writes = [
      ...Array.from({ length: 8 }, (_, index) => written(writer, page, "a", index + 1, large)),
      ...Array.from({ length: 2_500 }, (_, index) => written(writer, page, "b", index + 1, packChanges([[index, 0]]))),
    ];
    await clock.pass(20);
    await Promise.all(writes);
    for (const { writes } of store.commits) {
      assert.ok(writes.length <= BATCH_WRITES_MAX);
      assert.ok(writes.reduce((sum, { changes }) => sum + changes.length, 0) <= BATCH_CHANGES_MAX);
    }
  });

  test("sends a batch again when its answer is lost, and the write takes effect once", async () => {
    const { clock, store, write } = setUp();
    const commit = store.commit.bind(store);
    let toLose = 2;
    store.commit = async (ref, batch) => {
      const committed = await commit(ref, batch);
      if (toLose-- > 0) throw new StoreAway("lost", { sent: true });
      return committed;
    };
    const written = write(7);
    const later = write(8);
    await clock.pass(500);
    assert.equal((await written).version, 1);
    assert.equal((await later).version, 2);
    assert.equal(store.commits.length, 4);
  });

  test("gives a write up at its deadline, saying whether it may have happened", async () => {
    for (const [sent, code] of [
      [false, "STORE_AWAY"],
      [true, "OUTCOME_UNKNOWN"],
    ] as const) {
      const { clock, store, write } = setUp();
      store.commit = async () => {
        throw new StoreAway("away", { sent });
      };
      const failures: unknown[] = [];
      const waiting = write(1).catch((error: unknown) => failures.push(error));
      await clock.pass(LIMITS.waitMs - 1);
      assert.equal(failures.length, 0);
      await clock.pass(500);
      await waiting;
      const [failed] = failures;
      assert.ok(failed instanceof Refusal && failed.code === code);
    }
  });

  test("refuses with BUSY what would queue past the bound, and takes it again when there is room", async () => {
    const { clock, store, write } = setUp({ waitMs: 1_000, queuedChangesMax: 2 });
    store.delayMs.answer = 10;
    const taken = [write(0), write(1)];
    await assert.rejects(write(2), (error) => error instanceof Refusal && error.code === "BUSY");
    await clock.pass(30);
    await Promise.all(taken);
    const again = write(3);
    await clock.pass(30);
    await again;
  });

  test("passes a failure that is not the world's on as INTERNAL, and goes on", async () => {
    const { clock, store, write, failures } = setUp();
    const commit = store.commit.bind(store);
    store.commit = async () => {
      throw new TypeError("a defect");
    };
    await assert.rejects(write(0), (error) => error instanceof Refusal && error.code === "INTERNAL");
    assert.equal(failures.length, 1);
    store.commit = commit;
    const next = write(1);
    await clock.pass(1);
    await next;
  });

  test("when closed answers what it has taken and refuses the rest with GOING_AWAY", async () => {
    const { clock, store, writer, write } = setUp();
    store.delayMs.answer = 10;
    const taken = [write(0), write(1)];
    await settle();
    const closed = writer.close();
    await assert.rejects(write(2), (error) => error instanceof Refusal && error.code === "GOING_AWAY");
    await clock.pass(20);
    await Promise.all([...taken, closed]);
    assert.equal(store.commits.length, 2);
  });

  test("gives each attempt a tag of its own, so that no two histories share a position", async () => {
    const { clock, store, write } = setUp();
    const commit = store.commit.bind(store);
    const tags: string[] = [];
    store.commit = async (ref, batch) => {
      tags.push(batch.tag);
      if (tags.length < 3) throw new StoreAway("lost", { sent: true });
      return commit(ref, batch);
    };
    const written = write(7);
    await clock.pass(500);
    await written;
    assert.equal(new Set(tags).size, 3);
  });
});

describe("pacing", () => {
  async function run(writesPerMs: number, isSequential: boolean): Promise<number> {
    const clock = new VirtualClock();
    const store = new ModelStore(clock);
    store.delayMs = { request: 0.5, answer: 0.5, news: 0 };
    const limits = { waitMs: 3_000, queuedChangesMax: 100_000 };
    const writer = new Writer(store, clock, limits, { committed: () => undefined, failed: assert.fail });
    const page = { board: "main", page: 0 };
    let seq = 0;
    const one = () => written(writer, page, "session", ++seq, packChanges([[seq % 1_000, 1]]));
    if (isSequential) {
      let isOver = false;
      void (async () => {
        while (!isOver) await one();
      })();
      await clock.pass(2_000);
      isOver = true;
    } else {
      for (let ms = 0; ms < 2_000; ms++) {
        for (let count = 0; count < writesPerMs; count++) void one();
        await clock.pass(1);
      }
    }
    await clock.pass(20);
    return store.commits.length;
  }

  test("many writes gather into a batch every ten milliseconds", async () => {
    const commits = await run(1, false);
    assert.ok(commits > 200 && commits < 400, `${commits} commits for 2,000 writes in 2 s`);
  });

  test("one writer who waits for each answer is slowed down a tenth of the time at most", async () => {
    const commits = await run(0, true);
    assert.ok(commits > 1_700, `${commits} writes one after another in 2 s of round trips of 1 ms`);
  });

  test("forty writers to one page commit at the same moments of the store's clock, and a quiet one at once", async () => {
    const clock = new VirtualClock();
    const store = new ModelStore(clock);
    store.delayMs = { request: 0.5, answer: 0.5, news: 0 };
    const commit = store.commit.bind(store);
    const ranMs: number[] = [];
    store.commit = async (ref, batch) => {
      const committed = await commit(ref, batch);
      const storeMs = clock.now() - store.delayMs.answer;
      ranMs.push(storeMs);
      return { ...committed, storeMs };
    };
    const observer = { committed: () => undefined, failed: assert.fail };
    const limits = { waitMs: 3_000, queuedChangesMax: 100_000 };
    const writers = Array.from({ length: 40 }, () => new Writer(store, clock, limits, observer));
    for (let seq = 1; seq <= 100; seq++) {
      for (const [index, writer] of writers.entries()) {
        const changes = packChanges([[index * 100 + seq, 1]]);
        written(writer, page, `session ${index}`, seq, changes).catch(assert.fail);
        await clock.pass(0.5);
      }
    }
    const late = ranMs.filter((ms) => ms > 1_000);
    assert.ok(late.length < 850, `${late.length} commits in the last second, instead of 2,000`);
    assert.ok(new Set(late.map(Math.round)).size <= 19, "not at the same moments");
    await clock.pass(5_000);
    const [first] = writers;
    assert.ok(first);
    const beganMs = clock.now();
    const quiet = written(first, page, "session 0", 101, packChanges([[0, 1]]));
    await clock.pass(1);
    await quiet;
    assert.equal(ranMs.at(-1), beganMs + 0.5);
  });
});
