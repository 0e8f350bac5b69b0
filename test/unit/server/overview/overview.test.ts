/* The way of a count from a commit to the clients of one instance: reporter, follower and hub, on our own clock. */

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { packChanges } from "../../../../src/board/delta.js";
import { decodeCounts, decodeOverview } from "../../../../src/protocol/overview-codec.js";
import { Overviews } from "../../../../src/server/overview/overviews.js";
import { Reporter } from "../../../../src/server/overview/reporter.js";
import { FanOut } from "../../../../src/server/pages/fan-out.js";
import { Heads } from "../../../../src/server/pages/heads.js";
import type { Frame, Recipient } from "../../../../src/server/pages/recipient.js";
import type { OverviewListener } from "../../../../src/store/overview.js";
import { newTag } from "../../../../src/store/tag.js";
import { FAN_OUT_LIMITS } from "../../../support/fan-out-limits.js";
import { ModelStore } from "../../../support/model-store.js";
import { VirtualClock } from "../../../support/virtual-clock.js";

const BILLION = 1_000_000_000;

class TestRecipient implements Recipient {
  readonly frames: Frame[] = [];
  readonly counts: Uint32Array;
  backlogged = false;

  constructor(pages: number) {
    this.counts = new Uint32Array(pages);
  }

  send(frame: Frame): void {
    assert.ok(!this.backlogged, "a frame is sent to a client that does not read");
    this.frames.push(frame);
    const pages = () => this.counts.length;
    if (frame.kind === "overview") this.counts.set(decodeOverview(frame.bytes, pages)?.content ?? []);
    if (frame.kind === "counts") {
      for (const [page, checked] of decodeCounts(frame.bytes, pages)?.content ?? []) this.counts[page] = checked;
    }
  }

  giveUp(): void {}
}

function setUp(size = BILLION) {
  const clock = new VirtualClock();
  const store = new ModelStore(clock);
  const failed = (error: unknown) => assert.fail(String(error));
  const fanOut = new FanOut(clock, FAN_OUT_LIMITS);
  const board = { name: "main", size, handle: 3 };
  const heads = new Heads(store, clock, { failed });
  const overviews = new Overviews(store.overview, heads, clock, fanOut, failed);
  const pages = Math.ceil(size / 65_536);
  /** Commits as an instance does whose reports come, or are lost with it. */
  const reporter = new Reporter(store.overview, clock, failed);
  const commit = async (page: number, changes: [number, 0 | 1][], isReported = true) => {
    const ref = { board: "main", page };
    const batch = { tag: newTag(), writes: [{ session: "", seq: 1, changes: packChanges(changes) }] };
    const { position, checked } = await store.commit(ref, batch);
    if (isReported) reporter.committed({ page: ref, position, checked });
  };
  const join = async () => {
    const recipient = new TestRecipient(pages);
    const hold = overviews.use(board);
    const joined = hold.hub.watch(recipient);
    await clock.pass(0);
    await joined;
    return { recipient, hold };
  };
  const assertLevel = (recipient: TestRecipient) => {
    const wrong: string[] = [];
    recipient.counts.forEach((shown, page) => {
      const stored = store.checked({ board: "main", page });
      if (shown !== stored) wrong.push(`page ${page}: ${shown} instead of ${stored}`);
    });
    assert.deepEqual(wrong, []);
  };
  return { clock, store, commit, join, assertLevel, reporter, overviews };
}

describe("the overview", () => {
  test("sends all counts to who joins, then those that changed, in one frame for all and not more than twice a second", async () => {
    const { clock, commit, join, assertLevel, reporter } = setUp();
    await commit(15_258, [[9, 1]]);
    await clock.pass(1_000);
    const watchers = [await join(), await join()];
    for (const { recipient } of watchers) assertLevel(recipient);
    for (let at = 0; at < 200; at++) {
      await commit(at % 50, [[at, 1]]);
      // As if many instances reported, each in its own time.
      await reporter.flush();
      await clock.pass(20);
    }
    await clock.pass(1_000);
    for (const { recipient } of watchers) {
      assertLevel(recipient);
      const counts = recipient.frames.filter(({ kind }) => kind === "counts");
      assert.ok(counts.length >= 4 && counts.length <= 10, `${counts.length} frames in 4 s`);
    }
    const [one, other] = watchers;
    assert.equal(one?.recipient.frames.at(-1), other?.recipient.frames.at(-1));
  });

  test("finds pages whose report was lost, all within 20 s for a billion cells", async () => {
    const { clock, commit, join, assertLevel } = setUp();
    const { recipient } = await join();
    for (const page of [0, 999, 1_000, 7_777, 15_258]) await commit(page, [[1, 1]], false);
    await clock.pass(20_000);
    assertLevel(recipient);
  });

  test("finds a lost report of a busy page within 4 s, even on a board of a billion", async () => {
    const { clock, store, commit, join, assertLevel } = setUp();
    const { recipient } = await join();
    for (let cell = 0; cell < 20; cell++) for (const page of [9_000, 15_258]) await commit(page, [[cell, 1]]);
    await clock.pass(700);
    // The instance dies before its next report.
    await commit(9_000, [[100, 1]], false);
    // A replica takes over that lacks three deltas, and writes go on there, under versions that were there before.
    store.loseTail({ board: "main", page: 15_258 }, 3);
    await commit(15_258, [[200, 1]]);
    await clock.pass(4_000);
    assertLevel(recipient);
    assert.deepEqual([recipient.counts[9_000], recipient.counts[15_258]], [21, 18]);
  });

  test("finds a page that lost the end of its history, even if its versions are used again", async () => {
    const { clock, store, commit, join, assertLevel } = setUp(1_000_000);
    const { recipient } = await join();
    for (let cell = 0; cell < 5; cell++) await commit(7, [[cell, 1]]);
    await clock.pass(2_000);
    store.loseTail({ board: "main", page: 7 }, 3);
    await clock.pass(2_000);
    assertLevel(recipient);
    assert.equal(recipient.counts[7], 2);
    await commit(7, [[2, 1]]);
    await clock.pass(2_000);
    assertLevel(recipient);
  });

  test("a correction never undoes a report that came in between", async () => {
    const { clock, store, commit, join, assertLevel, reporter } = setUp(1_000_000);
    const { recipient } = await join();
    const { overview } = store;
    const versions: number[] = [];
    await overview.subscribe("main", {
      changed: (tallies) => versions.push(...tallies.map(({ version }) => version)),
      resumed: () => undefined,
    });
    const report = overview.report.bind(overview);
    let corrections = 0;
    overview.report = async (board, reports) => {
      if (reports.some(({ instead }) => instead)) {
        corrections++;
        // Just before the correction arrives, the page is written and reported.
        await commit(3, [[1_000 + corrections, 1]]);
        await reporter.flush();
      }
      await report(board, reports);
    };
    for (let cell = 0; cell < 10; cell++) {
      await commit(3, [[cell, 1]], false);
      await clock.pass(1_500);
    }
    assert.ok(corrections >= 10);
    assert.deepEqual(
      versions,
      versions.toSorted((one, other) => one - other),
    );
    assertLevel(recipient);
  });

  test("hears nothing of its corrections on a deaf channel, and has it opened anew", async () => {
    const { clock, store, commit, join, assertLevel } = setUp(1_000_000);
    let listener: OverviewListener | undefined;
    let isDeaf = true;
    const { overview } = store;
    const subscribe = overview.subscribe.bind(overview);
    overview.subscribe = (board, told) => {
      listener = told;
      return subscribe(board, {
        changed: (tallies) => {
          if (!isDeaf) told.changed(tallies);
        },
        resumed: () => told.resumed(),
      });
    };
    overview.restartSubscription = () => {
      isDeaf = false;
      listener?.resumed();
    };
    const { recipient } = await join();
    await commit(2, [[1, 1]]);
    await clock.pass(10_000);
    assertLevel(recipient);
    assert.equal(isDeaf, false);
  });

  test("a client that does not read is left out, and is sent all counts when it has drained", async () => {
    const { clock, commit, join, assertLevel } = setUp();
    const { recipient } = await join();
    recipient.backlogged = true;
    for (let page = 0; page < 20; page++) await commit(page, [[1, 1]]);
    await clock.pass(3_000);
    const before = recipient.frames.length;
    recipient.backlogged = false;
    await clock.pass(3_000);
    assertLevel(recipient);
    assert.equal(recipient.frames[before]?.kind, "overview");
  });

  test("who left is sent nothing, and a board that nobody watches asks the store nothing", async () => {
    const { clock, store, commit, join } = setUp();
    const { recipient, hold } = await join();
    hold.hub.unwatch(recipient);
    hold.release();
    await clock.pass(20_000);
    const { length } = recipient.frames;
    await commit(1, [[1, 1]]);
    let asked = 0;
    store.heads = async () => {
      asked++;
      return [];
    };
    await clock.pass(10_000);
    assert.equal(recipient.frames.length, length);
    assert.equal(asked, 0);
  });

  test("reports wait for a store that is away, with the newest count of each page", async () => {
    // Nobody watches, so nobody checks.
    const { clock, store, commit } = setUp(1_000_000);
    await commit(1, [[1, 1]]);
    await commit(2, [[1, 1]]);
    store.available = false;
    await clock.pass(3_000);
    store.available = true;
    await commit(1, [[2, 1]]);
    await clock.pass(3_000);
    assert.deepEqual(
      new Set(await store.overview.read("main")),
      new Set([
        { page: 1, version: 2, checked: 2 },
        { page: 2, version: 1, checked: 1 },
      ]),
    );
  });
});
