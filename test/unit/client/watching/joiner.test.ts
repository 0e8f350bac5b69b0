/* The joiner against a line that a test answers by hand. */

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { PAGE_CELLS } from "../../../../src/board/geometry.js";
import type { Line } from "../../../../src/client/links/line.js";
import { Joiner } from "../../../../src/client/watching/joiner.js";
import { WatchedPages } from "../../../../src/client/watching/watched-pages.js";
import { Refusal } from "../../../../src/protocol/errors.js";
import { OPENED } from "../../../support/opened.js";
import { settle, VirtualClock } from "../../../support/virtual-clock.js";

interface Asked {
  readonly name: string;
  readonly pages: readonly number[];
  readonly answer: (refusal?: Refusal) => Promise<void>;
  /** The connection is lost before the answer. */
  readonly lose: () => Promise<void>;
}

/** The joiner of a board that is being opened, on a line of that protocol. */
function begin(protocol: number, ...pages: number[]) {
  const clock = new VirtualClock();
  const asked: Asked[] = [];
  const line: Line = {
    protocol,
    isUp: true,
    request: (name: string, request: object, answered: (outcome: never) => void) => {
      const entries: readonly (number | readonly [number, string])[] = "pages" in request ? (request.pages as []) : [];
      asked.push({
        name,
        pages: entries.map((entry) => (typeof entry === "number" ? entry : entry[0])),
        answer: (refusal) => {
          answered((refusal ?? { watching: 0 }) as never);
          return settle();
        },
        lose: () => {
          answered(undefined as never);
          return settle();
        },
      });
    },
    settled: () => undefined,
    renew: () => false,
    reconnect: () => undefined,
    close: () => undefined,
  };
  const watched = new WatchedPages({ held: () => undefined, released: (left) => joiner.leave(left) });
  const loaded: number[] = [];
  const reported: string[] = [];
  const joiner: Joiner = new Joiner(watched, line, clock, {
    asked: (page) => reported.push(`asked ${page}`),
    joined: (page) => reported.push(`joined ${page}`),
    loaded: (page) => loaded.push(page),
    changed: () => undefined,
  });
  const held = pages.length > 0 ? watched.hold(pages, OPENED.size) : [];
  const shown = () => asked.map(({ name, pages: numbers }) => `${name} ${numbers.join(" ")}`);
  return { clock, joiner, watched, held, asked, loaded, reported, shown };
}

function setUp(...pages: number[]) {
  const all = begin(1, ...pages);
  all.joiner.connecting("main");
  assert.deepEqual(all.asked, [], "protocol 1 knows no board before it is opened");
  all.joiner.connected(OPENED);
  return all;
}

describe("the joiner", () => {
  test("asks for all pages, so many at a time, and is live when the last is answered", async () => {
    const { joiner, asked, loaded, reported, shown } = setUp(0, 1, 2);
    assert.deepEqual(shown(), ["watch 0 1"]);
    await asked[0]?.answer();
    assert.deepEqual(reported, ["asked 0", "asked 1", "joined 0", "joined 1", "asked 2"]);
    assert.deepEqual(shown(), ["watch 0 1", "watch 2"]);
    assert.equal(joiner.isLive, false);
    await asked[1]?.answer();
    assert.equal(joiner.isLive, true);
    assert.deepEqual(loaded, [0, 1, 2]);
  });

  test("asks only for the page that is new when another is watched", async () => {
    const { joiner, asked, watched, shown } = setUp(0);
    await asked[0]?.answer();
    watched.hold([0, 1], OPENED.size);
    joiner.join();
    assert.deepEqual(shown(), ["watch 0", "watch 1"]);
  });

  test("asks for a page that was let go again only when the unwatch is answered", async () => {
    const { joiner, asked, watched, held, shown } = setUp(0);
    await asked[0]?.answer();
    watched.release(held);
    watched.hold([0], OPENED.size);
    joiner.join();
    assert.deepEqual(shown(), ["watch 0", "unwatch 0"], "frames of the first watch may be on their way");
    await asked[1]?.answer();
    assert.deepEqual(shown(), ["watch 0", "unwatch 0", "watch 0"]);
  });

  test("a page whose watch is refused is given up and asked for again, also if it had been joined before", async () => {
    const { clock, joiner, asked, shown } = setUp(0);
    await asked[0]?.answer();
    joiner.leave([0]);
    await asked[1]?.answer();
    await asked[2]?.answer(new Refusal("STORE_AWAY", { retryAfterMs: 300 }));
    assert.equal(joiner.isLive, false);
    await asked[3]?.answer();
    assert.deepEqual(shown(), ["watch 0", "unwatch 0", "watch 0", "unwatch 0"]);
    await clock.pass(300);
    assert.equal(asked.at(-1)?.name, "watch");
    await asked[4]?.answer();
    assert.equal(joiner.isLive, true);
  });

  test("a damaged page is asked for again, once each time that the instance allows", async () => {
    const { clock, asked, watched, shown } = setUp(0);
    await asked[0]?.answer(new Refusal("PAGE_DAMAGED", { retryAfterMs: 10_000 }));
    await asked[1]?.answer();
    assert.deepEqual(watched.numbers, [0]);
    await clock.pass(9_999);
    assert.deepEqual(shown(), ["watch 0", "unwatch 0"]);
    await clock.pass(1);
    assert.deepEqual(shown(), ["watch 0", "unwatch 0", "watch 0"]);
  });

  test("a page that cannot be had is let go, and the others go on", async () => {
    const { joiner, asked, watched } = setUp(0, 1, 2);
    await asked[0]?.answer();
    await asked[1]?.answer(new Refusal("TOO_MANY_PAGES"));
    assert.deepEqual(watched.numbers, [0, 1]);
    assert.equal(joiner.isLive, true);
  });

  test("an unwatch that is refused is made again, on this connection only", async () => {
    const { clock, joiner, asked, shown } = setUp(0);
    await asked[0]?.answer();
    joiner.leave([0]);
    await asked[1]?.answer(new Refusal("RATE_LIMITED", { retryAfterMs: 50 }));
    await clock.pass(50);
    assert.deepEqual(shown(), ["watch 0", "unwatch 0", "unwatch 0"]);
    joiner.disconnected();
    await asked[2]?.lose();
    await clock.pass(1_000);
    assert.equal(asked.length, 3);
  });
});

describe("the joiner, with protocol 2", () => {
  test("asks for the pages right behind open, those of ranges that wait for the size too, and only once", async () => {
    const { joiner, asked, watched, loaded, shown } = begin(2, 0);
    watched.watch({ start: PAGE_CELLS, end: 3 * PAGE_CELLS });
    joiner.connecting("main");
    assert.deepEqual(shown(), ["watch 0 1 2"]);
    watched.resize(OPENED.size);
    joiner.connected(OPENED);
    await settle();
    assert.deepEqual(shown(), ["watch 0 1 2"]);
    assert.equal(joiner.isLive, false);
    await asked[0]?.answer();
    assert.equal(joiner.isLive, true);
    assert.deepEqual(loaded, [0, 1, 2]);
  });

  test("asks for all again if the board was opened without an early watch that came through", async () => {
    const { joiner, asked, shown } = begin(2, 0);
    joiner.connecting("main");
    joiner.disconnected();
    await asked[0]?.lose();
    joiner.connecting("main");
    joiner.connected(OPENED);
    await asked[1]?.answer(new Refusal("STORE_AWAY", { retryAfterMs: 0 }));
    assert.deepEqual(shown(), ["watch 0", "watch 0", "unwatch 0"]);
    assert.equal(joiner.isLive, false);
    await asked[2]?.answer();
    assert.equal(asked.at(-1)?.name, "watch");
  });

  test("takes no page for joined that the board does not have", async () => {
    const { joiner, asked, watched, loaded, shown } = begin(2);
    watched.watch({ start: 3 * PAGE_CELLS, end: 9 * PAGE_CELLS });
    joiner.connecting("main");
    assert.deepEqual(shown(), ["watch 3 4 5 6 7 8"]);
    watched.resize(OPENED.size);
    joiner.connected(OPENED);
    await asked[0]?.answer();
    assert.deepEqual([loaded, watched.numbers, joiner.isLive], [[3], [3], true]);
  });

  test("leaves a page that was released before the board was opened", async () => {
    const { joiner, asked, watched, held, loaded, shown } = begin(2, 0, 1);
    joiner.connecting("main");
    watched.release(held.slice(0, 1));
    joiner.connected(OPENED);
    assert.deepEqual(shown(), ["watch 0 1", "unwatch 0"]);
    await asked[0]?.answer();
    await asked[1]?.answer();
    assert.deepEqual([loaded, joiner.isLive], [[1], true]);
    assert.deepEqual(shown(), ["watch 0 1", "unwatch 0"]);
  });

  test("asks again for a page that was released and held again before the board was opened: from its new position", async () => {
    const { joiner, asked, watched, held, loaded, shown } = begin(2, 0);
    joiner.connecting("main");
    watched.release(held);
    watched.hold([0], OPENED.size);
    joiner.connected(OPENED);
    await asked[0]?.answer();
    assert.deepEqual([loaded, joiner.isLive], [[], false], "what comes is for the replica that is gone");
    await asked[1]?.answer();
    assert.deepEqual(shown(), ["watch 0", "unwatch 0", "watch 0"]);
    await asked[2]?.answer();
    assert.deepEqual([loaded, joiner.isLive], [[0], true]);
  });

  test("asks again for a page whose size has changed since it was asked for", async () => {
    const { joiner, asked, watched, shown } = begin(2, 3);
    joiner.connecting("main");
    const opened = { ...OPENED, size: OPENED.size + 1 };
    watched.resize(opened.size);
    joiner.connected(opened);
    assert.deepEqual(shown(), ["watch 3", "unwatch 3"]);
    await asked[0]?.answer();
    await asked[1]?.answer();
    assert.equal(joiner.isLive, false);
    await asked[2]?.answer();
    assert.equal(joiner.isLive, true);
  });
});
