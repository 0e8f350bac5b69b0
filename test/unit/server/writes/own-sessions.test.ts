/* Writes that the instance makes itself, many at once, over a store whose answer is lost. */

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { packChanges } from "../../../../src/board/delta.js";
import { Refusal } from "../../../../src/protocol/errors.js";
import { IDLE_SESSIONS_MAX, OPEN_WRITES_MAX, OwnSessions } from "../../../../src/server/writes/own-sessions.js";
import { Writer } from "../../../../src/server/writes/writer.js";
import { SEQ_WINDOW } from "../../../../src/store/seen.js";
import { StoreAway } from "../../../../src/store/store.js";
import { ModelStore } from "../../../support/model-store.js";
import { written } from "../../../support/promised.js";
import { VirtualClock } from "../../../support/virtual-clock.js";

const page = { board: "main", page: 0 };

function setUp() {
  const clock = new VirtualClock();
  const store = new ModelStore(clock);
  const observer = { committed: () => undefined, failed: (error: unknown) => assert.fail(String(error)) };
  const writer = new Writer(store, clock, { waitMs: 1_000, queuedChangesMax: 50_000 }, observer);
  const lanes = new OwnSessions();
  const sessions = new Set<string>();
  const set = (cell: number) =>
    lanes.run((session, seq) => {
      sessions.add(session);
      return written(writer, page, session, seq, packChanges([[cell, 1]]));
    });
  return { clock, store, set, sessions };
}

describe("the lanes of an instance's own writes", () => {
  test("no write is called stale when a batch of a hundred is sent again: its answer was lost, its effect was not", async () => {
    const { clock, store, set, sessions } = setUp();
    const commit = store.commit.bind(store);
    let lost = 0;
    store.commit = async (ref, batch) => {
      const committed = await commit(ref, batch);
      if (batch.writes.length < 2 || lost++ > 0) return committed;
      throw new StoreAway("the answer is lost", { sent: true });
    };
    const writes = Promise.all(Array.from({ length: 101 }, (_, cell) => set(cell)));
    await clock.pass(500);
    await writes;
    assert.equal(lost, 2);
    assert.equal(store.checked(page), 101);
    assert.equal(sessions.size, 4);
  });

  test("one after another they need one session, whatever becomes of them", async () => {
    const { clock, store, set, sessions } = setUp();
    for (let cell = 0; cell < 100; cell++) {
      const done = set(cell);
      await clock.pass(1);
      await done;
    }
    store.commit = () => Promise.reject(new StoreAway("away", { sent: false }));
    const refused = assert.rejects(set(100), { code: "STORE_AWAY" });
    await clock.pass(2_000);
    await refused;
    assert.equal(sessions.size, 1);
  });

  test("a burst takes as many as it needs and steps by its length alone, and leaves a few", async (t) => {
    const lanes = new OwnSessions();
    const sessions = new Set<string>();
    const answers: (() => void)[] = [];
    const write = (session: string) => {
      sessions.add(session);
      return new Promise<void>((done) => answers.push(done));
    };
    // Looking at a lane is looking into its set of open numbers.
    let looks = 0;
    const iterator = Set.prototype[Symbol.iterator];
    Set.prototype[Symbol.iterator] = function () {
      looks++;
      assert.ok(looks <= 200_000, "more looks at lanes than two for each write");
      return iterator.call(this);
    };
    t.after(() => {
      Set.prototype[Symbol.iterator] = iterator;
    });
    const burst = async (length: number) => {
      const done = Array.from({ length }, () => lanes.run(write));
      assert.equal(lanes.size, Math.ceil(length / SEQ_WINDOW));
      for (const answer of answers.splice(0)) answer();
      await Promise.all(done);
      assert.ok(lanes.size <= IDLE_SESSIONS_MAX, `${lanes.size} lanes are left of ${length} writes`);
    };
    await burst(100_000);
    assert.ok(looks >= 100_000, "looks are counted");
    assert.equal(sessions.size, 100_000 / SEQ_WINDOW);
    await burst(1_000);
    assert.equal(sessions.size, (100_000 + 1_000 + 24) / SEQ_WINDOW - IDLE_SESSIONS_MAX);
  });

  test("refuses writes beyond their bound with BUSY, and takes them again when one has its answer", async () => {
    const lanes = new OwnSessions();
    let answer = () => {};
    const write = () =>
      new Promise<void>((done) => {
        answer = done;
      });
    const open = Array.from({ length: OPEN_WRITES_MAX }, () => lanes.run(write));
    await assert.rejects(
      lanes.run(() => assert.fail("it is not to be made")),
      (error) => error instanceof Refusal && error.code === "BUSY",
    );
    assert.equal(lanes.size, OPEN_WRITES_MAX / SEQ_WINDOW);
    answer();
    await open.at(-1);
    const last = lanes.run(write);
    answer();
    await last;
  });
});
