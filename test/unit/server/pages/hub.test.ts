/* The way from the store to the clients of one instance: follower, hub, fan-out and position check, on our own clock. */

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { packChanges } from "../../../../src/board/delta.js";
import { GENESIS, type Position } from "../../../../src/board/position.js";
import { type Outcome, Replica } from "../../../../src/board/replica.js";
import { decodeSnapshot } from "../../../../src/protocol/codec.js";
import { decodeDelta } from "../../../../src/protocol/delta-text.js";
import { FanOut } from "../../../../src/server/pages/fan-out.js";
import { Pages } from "../../../../src/server/pages/pages.js";
import type { PageFrame, Recipient } from "../../../../src/server/pages/recipient.js";
import { StoreAway } from "../../../../src/store/store.js";
import { newTag } from "../../../../src/store/tag.js";
import { FAN_OUT_LIMITS } from "../../../support/fan-out-limits.js";
import { ModelStore } from "../../../support/model-store.js";
import { VirtualClock } from "../../../support/virtual-clock.js";

const board = { name: "main", size: 65_536, handle: 3 };
const page = { board: "main", page: 0 };

function payloadBytes(frame: PageFrame): number {
  return frame.kind === "delta" ? frame.text.length : frame.bytes.length;
}

class TestRecipient implements Recipient {
  readonly replica = new Replica(0, board.size);
  readonly frames: PageFrame[] = [];
  readonly outcomes: Outcome[] = [];
  backlogged = false;
  isGivenUp = false;

  send(frame: PageFrame): void {
    this.frames.push(frame);
    const decoded = frame.kind === "delta" ? decodeDelta(frame.text) : decodeSnapshot(frame.bytes, () => board.size);
    assert.ok(decoded);
    assert.equal(decoded.handle, board.handle);
    this.outcomes.push(this.replica.receive(decoded.content));
  }

  giveUp(): void {
    this.isGivenUp = true;
  }
}

function setUp(seed = 1, logMax = 100) {
  const clock = new VirtualClock(seed);
  const store = new ModelStore(clock, logMax);
  const fanOut = new FanOut(clock, FAN_OUT_LIMITS);
  const resyncs: string[] = [];
  const pages = new Pages(store, clock, fanOut, {
    resync: (cause) => resyncs.push(cause),
    caughtUp: () => undefined,
    failed: (error) => assert.fail(String(error)),
  });
  const use = pages.use(board, 0);
  const { hub } = use;
  const commit = (...changes: [number, 0 | 1][]) =>
    store.commit(page, { tag: newTag(), writes: [{ session: "", seq: 1, changes: packChanges(changes) }] });
  const join = async (recipient: TestRecipient, position: Position = recipient.replica.position) => {
    const joined = hub.watch(recipient, position);
    await clock.pass(100);
    await joined;
  };
  const assertLevel = (recipient: TestRecipient) => {
    const { position, bits } = store.snapshot(page);
    assert.deepEqual(recipient.replica.position, position);
    assert.deepEqual(recipient.replica.bits, bits);
    assert.ok(!recipient.outcomes.includes("gap"), "a frame did not fit");
  };
  return { clock, store, pages, hub, use, commit, join, assertLevel, resyncs, fanOut };
}

describe("the hub", () => {
  test("sends nothing for a page that was never touched", async () => {
    const { join } = setUp();
    const recipient = new TestRecipient();
    await join(recipient);
    assert.equal(recipient.frames.length, 0);
  });

  test("sends the first delta after a quiet time at once, then one frame per interval with the last values", async () => {
    const { clock, commit, join, assertLevel } = setUp();
    const recipients = [new TestRecipient(), new TestRecipient()];
    for (const recipient of recipients) await join(recipient);
    await commit([1, 1]);
    await clock.pass(0);
    for (const { frames } of recipients) assert.equal(frames.length, 1);
    for (let turn = 0; turn < 10; turn++) {
      await commit([1, turn % 2 === 0 ? 0 : 1], [turn + 2, 1]);
      await clock.pass(1);
    }
    await clock.pass(20);
    for (const recipient of recipients) {
      assert.equal(recipient.frames.length, 2);
      assertLevel(recipient);
    }
    assert.equal(recipients[0]?.frames[1], recipients[1]?.frames[1], "one frame, encoded once, for all");
  });

  test("lets clients join at any moment between commits and flushes without a gap or a wrong bit", async () => {
    for (let seed = 1; seed <= 60; seed++) {
      const { clock, store, hub, commit, assertLevel } = setUp(seed);
      store.delayMs = { request: 1, answer: 2, news: 3 };
      const recipients: TestRecipient[] = [];
      const pending: Promise<unknown>[] = [];
      for (let step = 0; step < 60; step++) {
        const chance = clock.random();
        if (chance < 0.4) pending.push(commit([Math.floor(clock.random() * 50), clock.random() < 0.5 ? 1 : 0]));
        else if (chance < 0.6) {
          const recipient = new TestRecipient();
          recipients.push(recipient);
          pending.push(hub.watch(recipient, GENESIS));
        } else if (chance < 0.8 && recipients.length > 0) {
          // Leaves and comes back with what it has.
          const recipient = recipients[Math.floor(clock.random() * recipients.length)];
          if (recipient) {
            hub.unwatch(recipient);
            pending.push(hub.watch(recipient, recipient.replica.position));
          }
        } else await clock.pass(clock.random() * 20);
      }
      await clock.pass(200);
      await Promise.all(pending);
      assert.equal(hub.watchers, recipients.length);
      for (const recipient of recipients) assertLevel(recipient);
    }
  });

  test("a watch that overtakes another of the same client lets neither think that it has joined before it has", async () => {
    const { clock, store, hub, commit, assertLevel } = setUp();
    await commit([9, 1]);
    store.delayMs.answer = 100;
    const recipient = new TestRecipient();
    const seen: number[] = [];
    const watches = [1, 2].map(() => hub.watch(recipient, GENESIS).then(() => seen.push(recipient.replica.get(9))));
    await clock.pass(50);
    assert.deepEqual(seen, []);
    await clock.pass(500);
    await Promise.all(watches);
    assert.deepEqual(seen, [1, 1]);
    assertLevel(recipient);
  });

  test("a watch that was overtaken fails alone when its request fails: the later one joins, from its own position", async () => {
    const { clock, store, hub, commit, assertLevel } = setUp();
    for (const cell of [1, 2, 3]) await commit([cell, 1]);
    await clock.pass(100);
    const since = store.since.bind(store);
    const [unknown, other] = [
      { version: 7, tag: "________" },
      { version: 8, tag: "________" },
    ];
    const fails: (() => void)[] = [];
    store.since = (ref, position) =>
      position.version === 7
        ? new Promise((_, fail) => fails.push(() => fail(new StoreAway("lost", { sent: false }))))
        : since(ref, position);
    store.delayMs.answer = 50;
    const recipient = new TestRecipient();
    const watches = [hub.watch(recipient, unknown), hub.watch(recipient, other)];
    await clock.pass(10);
    assert.equal(fails.length, 1);
    for (const fail of fails) fail();
    await clock.pass(500);
    await Promise.all(watches);
    assertLevel(recipient);
    store.delayMs.answer = 0;
    await commit([4, 1]);
    await clock.pass(100);
    assertLevel(recipient);
  });

  test("brings a returning client up to date by one delta from its own log", async () => {
    const { clock, commit, join, hub, assertLevel } = setUp();
    const recipient = new TestRecipient();
    await join(recipient);
    for (let cell = 0; cell < 3_000; cell += 10) await commit([cell, 1]);
    await clock.pass(100);
    hub.unwatch(recipient);
    const before = recipient.frames.length;
    for (let cell = 1; cell < 100; cell += 10) await commit([cell, 1]);
    await clock.pass(100);
    await join(recipient);
    assert.deepEqual(
      recipient.frames.slice(before).map(({ kind }) => kind),
      ["delta"],
    );
    assertLevel(recipient);
  });

  test("answers made-up positions without the store's log or bits, and all with one snapshot", async () => {
    const { store, commit, join, assertLevel, clock } = setUp();
    await join(new TestRecipient());
    for (let cell = 0; cell < 300; cell++) await commit([cell, 1]);
    await clock.pass(100);
    const asked: Position[] = [];
    const since = store.since.bind(store);
    store.since = (ref, position) => {
      asked.push(position);
      return since(ref, position);
    };
    const liars = Array.from({ length: 50 }, () => new TestRecipient());
    for (const [index, liar] of liars.entries()) await join(liar, { version: 1 + index * 5, tag: newTag() });
    for (const liar of liars) assertLevel(liar);
    const { position } = store.snapshot(page);
    assert.deepEqual(
      asked.filter((each) => each.tag !== position.tag),
      [],
    );
    assert.equal(new Set(liars.map(({ frames }) => frames[0])).size, 1);
  });

  test("never sets back a client that has seen more than this instance", async () => {
    const { clock, store, commit, join, assertLevel, hub } = setUp();
    const recipient = new TestRecipient();
    await join(recipient);
    await clock.pass(100);
    hub.unwatch(recipient);
    // The instance hears nothing of these; the client got them elsewhere.
    store.lose = () => true;
    for (let cell = 0; cell < 5; cell++) await commit([cell, 1]);
    const answer = await store.since(page, GENESIS);
    assert.ok(answer.kind === "deltas");
    for (const delta of answer.deltas) recipient.replica.receive(delta);
    const joined = hub.watch(recipient, recipient.replica.position);
    await clock.pass(50);
    await joined;
    assert.equal(hub.follower.replica.position.version, 5);
    assertLevel(recipient);
  });

  test("skips a recipient that does not read, and catches it up when it has drained", async () => {
    const { clock, commit, join, hub, assertLevel } = setUp();
    const [slow, quick] = [new TestRecipient(), new TestRecipient()];
    await join(slow);
    await join(quick);
    slow.backlogged = true;
    for (let cell = 0; cell < 50; cell++) {
      await commit([cell, 1]);
      await clock.pass(20);
    }
    assert.equal(slow.frames.length, 0);
    assert.equal(hub.laggingCount, 1);
    assertLevel(quick);
    slow.backlogged = false;
    await clock.pass(100);
    assert.equal(slow.frames.length, 1);
    assert.equal(hub.laggingCount, 0);
    assertLevel(slow);
    await commit([99, 1]);
    await clock.pass(100);
    assertLevel(slow);
  });

  test("catches up a client that stalls for a minute while it joins, and one that returns after longer, from where it was", async () => {
    for (const stalledMs of [59_000, 120_000]) {
      const { clock, commit, hub, assertLevel } = setUp(1, 20);
      for (let cell = 0; cell < 5; cell++) await commit([cell, 1]);
      const recipient = new TestRecipient();
      recipient.backlogged = true;
      const joined = hub.watch(recipient, GENESIS);
      await clock.pass(100);
      await joined;
      // More than any log keeps.
      for (let passedMs = 0; passedMs < stalledMs; passedMs += 1_000) {
        await commit([passedMs / 1_000 + 10, 1]);
        await clock.pass(1_000);
      }
      assert.equal(recipient.frames.length, 0);
      recipient.backlogged = false;
      if (recipient.isGivenUp) {
        hub.unwatch(recipient);
        const again = hub.watch(recipient, recipient.replica.position);
        await clock.pass(100);
        await again;
      }
      await clock.pass(100);
      assertLevel(recipient);
      await commit([9, 1]);
      await clock.pass(100);
      assertLevel(recipient);
    }
  });

  test("sends each client at most 300 KB in a minute of 1,000 changes a second, however many clients there are", async () => {
    const { clock, commit, join, assertLevel } = setUp();
    const recipients = Array.from({ length: 20 }, () => new TestRecipient());
    for (const recipient of recipients) await join(recipient);
    for (let batch = 0; batch < 6_000; batch++) {
      const changes = Array.from({ length: 10 }, (): [number, 0 | 1] => [
        Math.floor(clock.random() * board.size),
        clock.random() < 0.5 ? 1 : 0,
      ]);
      await commit(...changes);
      await clock.pass(10);
    }
    await clock.pass(100);
    for (const recipient of recipients) {
      assertLevel(recipient);
      const bytes = recipient.frames.reduce((sum, frame) => sum + payloadBytes(frame), 0);
      assert.ok(bytes <= 300_000, `${bytes} bytes`);
    }
  });

  test("gives a recipient up that does not read for a minute", async () => {
    const { clock, commit, join } = setUp();
    const recipient = new TestRecipient();
    await join(recipient);
    recipient.backlogged = true;
    await commit([0, 1]);
    await clock.pass(59_000);
    assert.equal(recipient.isGivenUp, false);
    await clock.pass(2_000);
    assert.equal(recipient.isGivenUp, true);
  });
});

describe("the follower", () => {
  test("is not set back by a snapshot that was read before the deltas it has heard since", async () => {
    const { clock, store, hub, commit, join, assertLevel } = setUp(1, 0);
    const recipient = new TestRecipient();
    await join(recipient);
    const versions: number[] = [];
    hub.observe({ flushed: () => versions.push(hub.follower.replica.position.version) });
    store.delayMs = { request: 0, answer: 60, news: 30 };
    //  0 ms  commit 1, and a question that is answered with a snapshot at 1
    // 30 ms  the news of 1 arrives
    // 40 ms  the news of 2 arrives
    // 60 ms  the answer arrives
    const first = commit([1, 1]);
    const caughtUp = hub.follower.catchUp("resumed");
    await clock.pass(10);
    const second = commit([2, 1]);
    await clock.pass(200);
    await Promise.all([first, second, caughtUp]);
    assert.deepEqual(
      versions,
      versions.toSorted((a, b) => a - b),
    );
    assertLevel(recipient);
  });
});

describe("the position check", () => {
  test("repairs a lost delta within 2 s of its commit, without other traffic", async () => {
    for (let seed = 1; seed <= 20; seed++) {
      const { clock, store, commit, join, assertLevel } = setUp(seed);
      const recipient = new TestRecipient();
      await join(recipient);
      await clock.pass(clock.random() * 10_000);
      store.lose = () => true;
      await commit([5, 1]);
      await clock.pass(2_000);
      assertLevel(recipient);
      assert.equal(recipient.replica.get(5), 1);
    }
  });

  test("repairs a lost delta by the next delta at once", async () => {
    const { clock, store, commit, join, assertLevel, resyncs } = setUp();
    const recipient = new TestRecipient();
    await join(recipient);
    store.lose = () => true;
    await commit([5, 1]);
    await clock.pass(1);
    store.lose = () => false;
    await commit([6, 1]);
    await clock.pass(50);
    assertLevel(recipient);
    assert.deepEqual(resyncs, ["start", "gap"]);
  });

  test("asks for the subscriber to be restarted when page after page is found behind, and not for one lost delta", async () => {
    const { clock, store, commit, join } = setUp();
    await join(new TestRecipient());
    store.lose = () => true;
    await commit([1, 1]);
    await clock.pass(10_000);
    assert.equal(store.restarts, 0);
    for (let cell = 2; cell < 8; cell++) {
      await commit([cell, 1]);
      await clock.pass(2_000);
    }
    assert.ok(store.restarts >= 1);
  });

  test("waits while the store is away, and goes on when it is back", async () => {
    const { clock, store, commit, join, assertLevel } = setUp();
    const recipient = new TestRecipient();
    await join(recipient);
    store.lose = () => true;
    await commit([1, 1]);
    store.available = false;
    await clock.pass(10_000);
    store.available = true;
    await clock.pass(2_000);
    assertLevel(recipient);
  });
});

describe("pages", () => {
  test("are held while watched and a little longer, then let go with their subscription", async () => {
    const { clock, pages, use, hub, commit } = setUp();
    await clock.pass(10);
    use.release();
    use.release();
    await clock.pass(5_000);
    const again = pages.use(board, 0);
    assert.equal(again.hub, hub, "a page held again in time is the same, warm");
    again.release();
    await clock.pass(20_000);
    assert.equal(pages.size, 0);
    await commit([1, 1]);
    await clock.pass(100);
    assert.deepEqual(hub.follower.replica.position, GENESIS, "it hears nothing any more");
  });
});
