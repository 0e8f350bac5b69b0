/* The teaching protocol below its sockets: writes that are made again, and changes at the pace of each client. */

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { ANYBODY } from "../../src/server/access.js";
import { Instance } from "../../src/server/instance.js";
import { createLog } from "../../src/server/log.js";
import { Teaching } from "../../src/server/teaching.js";
import { StoreAway } from "../../src/store/store.js";
import { ModelStore } from "../support/model-store.js";
import { VirtualClock } from "../support/virtual-clock.js";

const LOTS = { perSecond: 1_000_000, burst: 1_000_000 };

function setUp(size: number) {
  const clock = new VirtualClock();
  const store = new ModelStore(clock);
  const instance = new Instance({
    name: "one",
    boards: { main: size },
    store,
    clock,
    log: createLog("silent"),
    admission: { writes: LOTS, requests: LOTS, watches: LOTS, connectionsPerAddress: 100, connects: LOTS },
    writer: { waitMs: 5_000, queuedChangesMax: 100_000 },
    fanOut: { flushMsMin: 16, flushMsMax: 1_000, share: 0.2, unseenMs: 60, framesUnseen: 500 },
    watchedPagesMax: 10,
  });
  return { clock, store, instance, teaching: new Teaching(instance, () => undefined) };
}

describe("writes of a teaching client", () => {
  test("any number sent at once are all acknowledged, in order and once, however many answers of the store are lost", async () => {
    for (const count of [33, 34, 60, 400]) {
      const { clock, store, instance, teaching } = setUp(1_000);
      store.delayMs = { request: 5, answer: 5, news: 0 };
      const commit = store.commit.bind(store);
      let attempts = 0;
      // The first answer to every batch is lost.
      store.commit = async (page, batch) => {
        const committed = await commit(page, batch);
        if (attempts++ % 2 === 0) throw new StoreAway("the answer was lost", { sent: true });
        return committed;
      };
      const write = teaching.writer("a", ANYBODY);
      // Each cell is checked and, at the end, the first one is cleared again.
      const updates = Array.from({ length: count }, (_, index) => ({ index, value: true }));
      const written = Promise.allSettled([...updates, { index: 0, value: false }].map(write));
      await clock.pass(2_000);
      for (const answer of await written) assert.equal(answer.status, "fulfilled", `${count}: ${answer.status}`);
      assert.equal(store.checked({ board: "main", page: 0 }), count - 1);
      instance.close();
    }
  });
});
