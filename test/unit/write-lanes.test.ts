/* Writes that the instance makes itself, many at once, over a store whose answer is lost. */

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { packChanges } from "../../src/board/delta.js";
import { WriteLanes } from "../../src/server/write-lanes.js";
import { Writer } from "../../src/server/writer.js";
import { StoreAway } from "../../src/store/store.js";
import { ModelStore } from "../support/model-store.js";
import { VirtualClock } from "../support/virtual-clock.js";

const page = { board: "main", page: 0 };

function setUp() {
  const clock = new VirtualClock();
  const store = new ModelStore(clock);
  const observer = { committed: () => undefined, failed: (error: unknown) => assert.fail(String(error)) };
  const writer = new Writer(store, clock, { waitMs: 1_000, queuedChangesMax: 50_000 }, observer);
  const lanes = new WriteLanes();
  const sessions = new Set<string>();
  const set = (cell: number) =>
    lanes.run((session, seq) => {
      sessions.add(session);
      return writer.write(page, session, seq, packChanges([[cell, 1]]));
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
});
