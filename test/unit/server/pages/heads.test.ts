/* How often the store is asked for the heads of pages, and who hears the answers. */

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { packChanges } from "../../../../src/board/delta.js";
import { type PageRef, pageName } from "../../../../src/board/geometry.js";
import { GENESIS, samePosition } from "../../../../src/board/position.js";
import { pause } from "../../../../src/protocol/clock.js";
import { Overviews } from "../../../../src/server/overview/overviews.js";
import { FanOut } from "../../../../src/server/pages/fan-out.js";
import { FrozenPages } from "../../../../src/server/pages/frozen-pages.js";
import { Pages } from "../../../../src/server/pages/pages.js";
import type { Frame, Recipient } from "../../../../src/server/pages/recipient.js";
import { type HeadHeard, type PageHead, StoreAway } from "../../../../src/store/store.js";
import { newTag } from "../../../../src/store/tag.js";
import { FAN_OUT_LIMITS } from "../../../support/fan-out-limits.js";
import { ModelStore } from "../../../support/model-store.js";
import { VirtualClock } from "../../../support/virtual-clock.js";

const BOARD = { name: "main", size: 10 * 65_536, handle: 0 };

/** Counts how often each page is asked for. */
class CountingStore extends ModelStore {
  readonly asked = new Map<string, number>();
  calls = 0;

  override heads(pages: readonly PageRef[]): Promise<(PageHead | undefined)[]> {
    this.calls++;
    for (const page of pages) this.asked.set(pageName(page), this.timesOf(page.page) + 1);
    return super.heads(pages);
  }

  timesOf(page: number): number {
    return this.asked.get(pageName({ board: "main", page })) ?? 0;
  }
}

const HANGS_FROM_PAGE = 5;
const HANG_MS = 500;

/** Two shards: that of the pages from HANGS_FROM_PAGE on hangs, and is given up after HANG_MS. */
class HalfHangingStore extends CountingStore {
  readonly #clock: VirtualClock;
  readonly #waiting = new Set<number>();
  /** Pages that were asked for while their answer was outstanding. */
  askedTwice = 0;

  constructor(clock: VirtualClock) {
    super(clock);
    this.#clock = clock;
  }

  override async heads(pages: readonly PageRef[], heard?: HeadHeard): Promise<(PageHead | undefined)[]> {
    const hanging = pages.map(({ page }) => page).filter((page) => page >= HANGS_FROM_PAGE);
    for (const page of hanging) {
      if (this.#waiting.has(page)) this.askedTwice++;
      this.#waiting.add(page);
    }
    const heads = (await super.heads(pages)).map((head, index) =>
      (pages[index]?.page ?? 0) >= HANGS_FROM_PAGE ? undefined : head,
    );
    for (const [index, head] of heads.entries()) if (head) heard?.(index, head);
    if (hanging.length > 0) await pause(this.#clock, HANG_MS);
    for (const page of hanging) this.#waiting.delete(page);
    return heads;
  }
}

function setUp<Kind extends CountingStore>(Kind: new (clock: VirtualClock) => Kind) {
  const clock = new VirtualClock();
  const store = new Kind(clock);
  const failed = (error: unknown) => assert.fail(String(error));
  const fanOut = new FanOut(clock, FAN_OUT_LIMITS);
  const pages = new Pages(store, clock, fanOut, { resync: () => undefined, caughtUp: () => undefined, failed });
  const frozen = new FrozenPages(pages);
  const overviews = new Overviews(store.overview, pages.heads, clock, fanOut, failed);
  const frames: Frame[] = [];
  const recipient: Recipient = { backlogged: false, send: (frame) => frames.push(frame), giveUp: assert.fail };
  const watch = async (page: number) => {
    const { hub } = pages.use(BOARD, page);
    const joined = hub.watch(recipient, GENESIS);
    await clock.pass(0);
    await joined;
    frozen.tell(hub, recipient);
    return hub;
  };
  let cells = 0;
  const commit = (page: number) => {
    const writes = [{ session: "", seq: 1, changes: packChanges([[cells++, 1]]) }];
    return store.commit({ board: "main", page }, { tag: newTag(), writes });
  };
  return { clock, store, frozen, overviews, recipient, frames, watch, commit };
}

describe("heads", () => {
  test("are asked for less often while a page is idle, and within 1.7 s", async () => {
    const { clock, store, watch, commit } = setUp(CountingStore);
    for (const page of [0, 1]) await watch(page);
    for (let second = 0; second < 60; second += 1.3) {
      await commit(0);
      await clock.pass(1_300);
    }
    const [busy, idle] = [store.timesOf(0), store.timesOf(1)];
    assert.ok(idle <= 60 / 1.5 + 1 && idle >= 60 / 1.7, `${idle} times in 60 s`);
    assert.ok(busy > idle, `the busy page ${busy} times, the idle one ${idle} times`);
  });

  test("are requested once for position, frozen cells and count, and one answer repairs all three", async () => {
    const { clock, store, overviews, recipient, frames, watch, commit } = setUp(CountingStore);
    const hub = await watch(3);
    await overviews.use(BOARD).hub.watch(recipient);
    await clock.pass(10_000);
    const { calls } = store;
    const before = store.timesOf(3);
    // Nobody hears of the commit, its report is lost, and another instance has frozen a part.
    store.lose = () => true;
    const { position } = await commit(3);
    await store.freeze({ board: "main", page: 3 }, { start: 5, end: 6 }, true);
    frames.length = 0;
    while (store.calls === calls) await clock.pass(50);
    await clock.pass(600);
    assert.deepEqual(hub.follower.replica.position, position);
    assert.deepEqual(
      frames.flatMap((frame) => (frame.kind === "frozen" ? [frame.frozen.cells] : [])),
      [[[3 * 65_536 + 5, 3 * 65_536 + 6]]],
    );
    assert.ok(frames.some(({ kind }) => kind === "counts"));
    assert.equal(store.timesOf(3), before + 1);
    // Each second for the overview, in which the other readers read along.
    await clock.pass(20_000);
    assert.ok(store.timesOf(3) - before <= 20 / 0.75 + 2, `${store.timesOf(3) - before} times in 20 s`);
  });

  test("are not asked for again at once while the overview's corrections cannot be written", async () => {
    const { clock, store, overviews, recipient, commit } = setUp(CountingStore);
    const board = { ...BOARD, size: 2_000 * 65_536 };
    await overviews.use(board).hub.watch(recipient);
    await commit(7);
    store.overview.report = () => Promise.reject(new StoreAway("the list is away", { sent: false }));
    const before = store.calls;
    await clock.pass(10_000);
    assert.ok(store.calls > before, "it is still checked");
    assert.ok(store.calls - before < 60, `${store.calls - before} questions in 10 s`);
  });

  test("are judged as they arrive: an idle page heals within 2 s while another shard hangs", async () => {
    const { clock, store, watch, commit } = setUp(HalfHangingStore);
    const hub = await watch(0);
    for (const page of [5, 6, 7]) await watch(page);
    store.lose = () => true;
    let longestMs = 0;
    for (let round = 0; round < 30; round++) {
      await clock.pass(3_000 + 70 * round);
      const startMs = clock.now();
      const { position } = await commit(0);
      while (!samePosition(hub.follower.replica.position, position)) await clock.pass(10);
      longestMs = Math.max(longestMs, clock.now() - startMs);
    }
    assert.ok(longestMs > 1_000 && longestMs <= 2_000, `${longestMs} ms`);
    assert.equal(store.askedTwice, 0);
  });

  test("of a page whose answer is outstanding are asked for again after it, if a reader still wants them", async () => {
    const { clock, store, frozen, watch } = setUp(HalfHangingStore);
    const hub = await watch(5);
    await clock.pass(5_000);
    const count = store.timesOf(5);
    while (store.timesOf(5) === count) await clock.pass(1);
    frozen.ask([hub]);
    await clock.pass(HANG_MS - 10);
    assert.equal(store.timesOf(5), count + 1);
    await clock.pass(300);
    assert.equal(store.timesOf(5), count + 2);
  });
});
