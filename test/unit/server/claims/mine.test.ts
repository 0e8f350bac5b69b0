/* What a watcher is sent of its own cells. */

import assert from "node:assert/strict";
import { test } from "node:test";
import type { Bit } from "../../../../src/board/bitmap.js";
import { packChanges } from "../../../../src/board/delta.js";
import { GENESIS } from "../../../../src/board/position.js";
import { Mine } from "../../../../src/server/claims/mine.js";
import { FanOut } from "../../../../src/server/pages/fan-out.js";
import { Follower } from "../../../../src/server/pages/follower.js";
import { Hub } from "../../../../src/server/pages/hub.js";
import type { Frame } from "../../../../src/server/pages/recipient.js";
import { ownerName, parseClaims } from "../../../../src/store/claims.js";
import { newTag } from "../../../../src/store/tag.js";
import { FAN_OUT_LIMITS } from "../../../support/fan-out-limits.js";
import { ModelStore } from "../../../support/model-store.js";
import { VirtualClock } from "../../../support/virtual-clock.js";

const PAGE = { board: "seats", page: 0 };
const ann = ownerName("subject", "ann");

function setUp() {
  const clock = new VirtualClock();
  const store = new ModelStore(clock, 100, parseClaims("seats"));
  const failed = (error: unknown) => assert.fail(String(error));
  const nothing = () => undefined;
  const listener = { applied: nothing, restarted: nothing, resync: nothing, failed };
  const follower = new Follower(PAGE, 100, store, clock, listener);
  const hub = new Hub(0, follower, store, new FanOut(clock, FAN_OUT_LIMITS), clock, nothing);
  const mine = new Mine(store, clock, failed);
  const told: Pick<Extract<Frame, { kind: "mine" }>["mine"], "cells" | "gone">[] = [];
  const send = (frame: Frame) => {
    if (frame.kind !== "mine") return;
    const { cells, gone } = frame.mine;
    told.push(gone ? { cells, gone } : { cells });
  };
  const recipient = { backlogged: false, send, giveUp: nothing };
  const set = (cell: number, value: Bit) => {
    const write = { session: "", seq: 1, changes: packChanges([[cell, value]]), owner: ann };
    return store.commit(PAGE, { tag: newTag(), writes: [write] });
  };
  return { clock, store, follower, hub, mine, told, recipient, set };
}

test("watchers are told all that is theirs when the claims are read again, without what ended meanwhile", async () => {
  const { clock, store, follower, hub, mine, told, recipient, set } = setUp();
  await clock.pass(0);
  await set(3, 1);
  void hub.watch(recipient, GENESIS);
  void mine.join(hub, ann, recipient);
  await clock.pass(10);
  assert.ok(told.length > 0 && told.splice(0).every(({ cells }) => String(cells) === "3,"), "cell 3 has no end");

  store.lose = () => true;
  await set(7, 1);
  store.delayMs.answer = 100;
  void follower.catchUp("check");
  // The claims are being read: cell 7 is among them. Meanwhile it is given back.
  await clock.pass(150);
  store.lose = () => false;
  void set(7, 0);
  await clock.pass(1_000);
  assert.deepEqual(told, [{ cells: [[3, null]] }]);
  mine.close();
  hub.close();
});

test("a watcher that leaves while it joins leaves nothing behind", async () => {
  const { clock, store, hub, mine, recipient } = setUp();
  const joined = hub.watch(recipient, GENESIS).then(() => mine.join(hub, ann, recipient));
  hub.unwatch(recipient);
  let reads = 0;
  const claims = store.claims.bind(store);
  store.claims = (page) => {
    reads++;
    return claims(page);
  };
  await clock.pass(10);
  await joined;
  assert.equal(reads, 0, "the claims would be followed for nobody");
  mine.close();
  hub.close();
});
