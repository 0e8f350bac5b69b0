import assert from "node:assert/strict";
import { test } from "node:test";
import { Coarse } from "../../../../../src/web/canvas/held/coarse.js";
import { VirtualClock } from "../../../../support/virtual-clock.js";

function setUp() {
  const clock = new VirtualClock();
  const asked: (readonly number[])[] = [];
  const changed: number[] = [];
  let isAway = false;
  const coarse = new Coarse({
    read: async (pages) => {
      asked.push(pages);
      if (isAway) return undefined;
      return Uint8Array.from(pages.flatMap((page) => new Array<number>(256).fill(page)));
    },
    clock,
    changed: (page) => changed.push(page),
  });
  return { clock, asked, changed, coarse, away: (away: boolean) => (isAway = away) };
}

test("pages are asked for some at a time, and each again only after a while", async () => {
  const { clock, asked, coarse, changed } = setUp();
  for (let page = 0; page < 100; page++) coarse.want(page);
  await clock.pass(2_000);
  assert.deepEqual(
    asked.map(({ length }) => length),
    [64, 36],
  );
  assert.equal(coarse.of(70)?.[0], 70);
  assert.equal(changed.length, 100);
  for (let second = 0; second < 60; second++) {
    coarse.want(7);
    await clock.pass(1_000);
  }
  const again = asked.slice(2);
  assert.ok(again.length >= 3 && again.length <= 5, `${again.length}`);
  assert.ok(again.every((pages) => pages.join() === "7"));
});

test("after a failure a page keeps its picture, and is asked for again", async () => {
  const { clock, asked, coarse, away } = setUp();
  coarse.want(1);
  await clock.pass(1_000);
  away(true);
  coarse.want(1);
  await clock.pass(40_000);
  assert.equal(coarse.of(1)?.[0], 1);
  assert.ok(asked.length >= 3 && asked.length <= 4);
  away(false);
  await clock.pass(16_000);
  const { length } = asked;
  await clock.pass(60_000);
  assert.equal(asked.length, length);
});

test("a page that is empty or loaded is not asked for, and nothing after the end", async () => {
  const { clock, asked, coarse } = setUp();
  coarse.want(1);
  coarse.forget(1);
  await clock.pass(5_000);
  coarse.want(2);
  coarse.close();
  await clock.pass(5_000);
  assert.deepEqual(asked, []);
});
