/* The feed of a page, on a clock and over a store that the test controls. */

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { packChanges } from "../../../../../src/board/delta.js";
import { formatPosition, GENESIS, type Position, samePosition } from "../../../../../src/board/position.js";
import { Replica } from "../../../../../src/board/replica.js";
import { decodeSnapshot } from "../../../../../src/protocol/codec.js";
import { decodeDown } from "../../../../../src/protocol/lane.js";
import { type FeedAnswer, PageFeed } from "../../../../../src/server/http/feed/page-feed.js";
import { FanOut } from "../../../../../src/server/pages/fan-out.js";
import { Pages } from "../../../../../src/server/pages/pages.js";
import { newTag } from "../../../../../src/store/tag.js";
import { FAN_OUT_LIMITS } from "../../../../support/fan-out-limits.js";
import { ModelStore } from "../../../../support/model-store.js";
import { Random } from "../../../../support/random.js";
import { VirtualClock } from "../../../../support/virtual-clock.js";

const board = { name: "main", size: 65_536, handle: 3 };
const page = { board: "main", page: 0 };

/** An instance that holds the page, as far as the feed needs one. */
function openPage(store: ModelStore, clock: VirtualClock) {
  const pages = new Pages(store, clock, new FanOut(clock, FAN_OUT_LIMITS), {
    resync: () => undefined,
    caughtUp: () => undefined,
    failed: (error) => assert.fail(String(error)),
  });
  const { hub } = pages.use(board, 0);
  const feed = new PageFeed(hub.follower, store, { clock, wallMs: () => clock.now() });
  return { pages, follower: hub.follower, feed };
}

async function setUp(seed = 1, logMax = 100) {
  const clock = new VirtualClock(seed);
  const store = new ModelStore(clock, logMax);
  const commit = (...changes: [number, 0 | 1][]) =>
    store.commit(page, { tag: newTag(), writes: [{ session: "", seq: 1, changes: packChanges(changes) }] });
  await commit([9, 1]);
  const instance = openPage(store, clock);
  await clock.pass(10);
  return { clock, store, commit, ...instance };
}

/** Settles with the answer, and knows meanwhile whether there is one. */
function ask(feed: PageFeed, position: Position) {
  const asked: { answer?: FeedAnswer; error?: unknown } = {};
  feed.since(position).then(
    (answer) => Object.assign(asked, { answer }),
    (error: unknown) => Object.assign(asked, { error }),
  );
  return asked;
}

function apply(replica: Replica, answer: FeedAnswer | undefined): string {
  if (!answer || !("bytes" in answer)) return answer?.kind ?? "none";
  const message = decodeDown(answer.bytes, undefined);
  assert.equal(message?.kind, answer.kind);
  if (message?.kind === "delta") return replica.receive(message.delta);
  assert.ok(message?.kind === "snapshot");
  const snapshot = decodeSnapshot(message.bytes, () => board.size)?.content;
  assert.ok(snapshot);
  return replica.receive(snapshot);
}

describe("the feed of a page", () => {
  test("answers an old position at once, and the present one at the next full second, once for all who wait", async () => {
    const { clock, store, commit, follower, feed } = await setUp();
    const before = follower.replica.position;
    await clock.pass(1_300);
    const early = [ask(feed, before), ask(feed, before)];
    await commit([1, 1], [2, 1]);
    await clock.pass(300);
    await commit([1, 0]);
    const late = ask(feed, before);
    await clock.pass(389);
    assert.deepEqual(early, [{}, {}]);
    await clock.pass(1);
    const [first, second] = early;
    assert.ok(first?.answer && "bytes" in first.answer);
    assert.equal(second?.answer, first.answer);
    assert.equal(late.answer, first.answer);
    const replica = new Replica(0, board.size);
    replica.receive({ kind: "snapshot", page: 0, position: before, bits: Uint8Array.of(0, 64) });
    assert.equal(apply(replica, first.answer), "applied");
    assert.deepEqual(replica.bits, store.snapshot(page).bits);

    // Between two steps, the answer to an older position ends at the last step.
    await commit([5, 1]);
    const again = ask(feed, before);
    await clock.pass(1);
    assert.equal(again.answer, first.answer);
    const next = ask(feed, replica.position);
    await clock.pass(998);
    assert.deepEqual(next, {});
    await clock.pass(1);
    assert.equal(apply(replica, next.answer), "applied");
    assert.deepEqual(replica.position, store.snapshot(page).position);
  });

  test("answers after 25 s that there is nothing", async () => {
    const { clock, follower, feed } = await setUp();
    const asked = ask(feed, follower.replica.position);
    await clock.pass(24_999);
    assert.deepEqual(asked, {});
    await clock.pass(1);
    assert.deepEqual(asked, { answer: { kind: "nothing" } });
  });

  test("waits for the first change of a page on which there was none", async () => {
    const clock = new VirtualClock(1);
    const store = new ModelStore(clock);
    const { feed } = openPage(store, clock);
    const asked = ask(feed, GENESIS);
    await clock.pass(5_100);
    assert.deepEqual(asked, {});
    await store.commit(page, { tag: newTag(), writes: [{ session: "", seq: 1, changes: packChanges([[7, 1]]) }] });
    await clock.pass(900);
    const replica = new Replica(0, board.size);
    assert.equal(apply(replica, asked.answer), "applied");
    assert.equal(replica.get(7), 1);
  });

  test("says that a position is unknown only after it has asked the store", async () => {
    const { clock, store, commit, follower, feed } = await setUp();
    // This instance hears nothing, so it is behind.
    store.lose = () => true;
    await commit([1, 1]);
    const ahead = store.snapshot(page).position;
    await commit([2, 1]);
    assert.equal(follower.replica.position.version, 1);
    const replica = new Replica(0, board.size);
    replica.receive({ kind: "snapshot", page: 0, position: ahead, bits: Uint8Array.of(64, 64) });
    const asked = ask(feed, ahead);
    await clock.pass(1_000);
    assert.equal(apply(replica, asked.answer), "applied");
    assert.deepEqual(replica.bits, store.snapshot(page).bits);

    const { position } = store.snapshot(page);
    for (const version of [1, position.version, position.version + 5]) {
      const madeUp = ask(feed, { version, tag: "AAAABBBB" });
      await clock.pass(1);
      assert.deepEqual(madeUp.answer, { kind: "unknown", position });
    }
  });

  test("does not know a position that was lost, and goes on from one before the fork", async () => {
    const { clock, store, commit, feed } = await setUp();
    const common = store.snapshot(page).position;
    for (const cell of [1, 2, 3]) await commit([cell, 1]);
    await clock.pass(1_000);
    const lost = store.snapshot(page).position;
    const waiting = ask(feed, lost);
    store.loseTail(page, 3);
    for (const cell of [11, 12, 13, 14]) await commit([cell, 1]);
    await clock.pass(3_000);
    const { position, bits } = store.snapshot(page);
    assert.deepEqual(waiting.answer, { kind: "unknown", position });
    const replica = new Replica(0, board.size);
    replica.receive({ kind: "snapshot", page: 0, position: common, bits: Uint8Array.of(0, 64) });
    const asked = ask(feed, common);
    await clock.pass(1);
    assert.equal(apply(replica, asked.answer), "applied");
    assert.deepEqual(replica.bits, bits);
  });

  test("sends the page to a viewer who is too far behind", async () => {
    const { clock, store, commit, feed } = await setUp(1, 5);
    const old = store.snapshot(page).position;
    // More changes than the instance remembers, and more deltas than the store does.
    for (let batch = 0; batch < 9; batch++) {
      await commit(...Array.from({ length: 2_000 }, (_, cell): [number, 1] => [batch * 2_000 + cell, 1]));
    }
    await clock.pass(1_000);
    const asked = ask(feed, old);
    await clock.pass(1);
    assert.equal(asked.answer?.kind, "snapshot");
    const replica = new Replica(0, board.size);
    assert.equal(apply(replica, asked.answer), "applied");
    assert.deepEqual(replica.bits, store.snapshot(page).bits);
  });

  test("refuses while the store is away, if it has to be asked, and ends all waits when it closes", async () => {
    const { clock, store, follower, feed } = await setUp();
    const waiting = ask(feed, follower.replica.position);
    store.available = false;
    const asked = ask(feed, { version: 5, tag: "AAAABBBB" });
    await clock.pass(1);
    assert.ok(asked.error instanceof Error && "code" in asked.error);
    assert.equal(asked.error.code, "STORE_AWAY");
    assert.deepEqual(waiting, {});
    feed.close();
    await clock.pass(1);
    assert.deepEqual(waiting, { answer: { kind: "closed" } });
  });

  test("forgets those who have gone, and begins anew with those who come", async () => {
    const { clock, commit, follower, feed } = await setUp();
    const gone = ask(feed, follower.replica.position);
    feed.rest();
    const asked = ask(feed, follower.replica.position);
    await clock.pass(1);
    assert.deepEqual([gone.answer?.kind, asked.answer], ["closed", undefined]);
    await commit([1, 1]);
    await clock.pass(1_000);
    assert.equal(asked.answer?.kind, "delta");
  });

  for (let seed = 1; seed <= 20; seed++) {
    test(`never sets a viewer back who asks instances that hear late or nothing, or lost commits (seed ${seed})`, async () => {
      const { clock, store, commit, ...first } = await setUp(seed, 40);
      const random = new Random(seed);
      const instances = [first, openPage(store, clock)];
      store.lose = () => random.next() < 0.2;
      const viewers = [1, 2, 3].map(() => ({ replica: new Replica(0, board.size), asked: ask(first.feed, GENESIS) }));
      let forks = 0;
      const step = async () => {
        store.delayMs = { request: random.next() * 20, answer: random.next() * 20, news: random.next() * 1_500 };
        await clock.pass(random.next() * 900);
        for (const viewer of viewers) {
          const { replica, asked } = viewer;
          assert.equal(asked.error, undefined);
          if (!asked.answer) continue;
          const before = replica.position;
          const outcome = apply(replica, asked.answer);
          assert.notEqual(outcome, "gap");
          if (outcome === "unknown") {
            assert.ok(forks > 0, "only a fork loses positions");
            replica.receive(store.snapshot(page));
          } else if (forks === 0) assert.ok(replica.position.version >= before.version, "it went back");
          const { feed } = instances[Math.floor(random.next() * 2)] ?? first;
          viewer.asked = ask(feed, replica.position);
        }
      };
      for (let round = 0; round < 60; round++) {
        store.delayMs = { request: 0, answer: 0, news: random.next() * 1_500 };
        await commit([Math.floor(random.next() * 200), random.next() < 0.5 ? 1 : 0]);
        if (seed % 2 === 0 && round === 30) {
          store.loseTail(page, 3);
          forks++;
        }
        await step();
      }
      store.lose = () => false;
      for (let round = 0; round < 60; round++) await step();
      const { position, bits } = store.snapshot(page);
      for (const { replica } of viewers) {
        assert.ok(samePosition(replica.position, position), `${formatPosition(replica.position)} is not the store's`);
        assert.deepEqual(replica.bits, bits);
      }
    });
  }
});
