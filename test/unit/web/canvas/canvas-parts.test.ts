/* Small pure parts of the canvas: links, marks, activity, and what is told at a rate that one can follow. */

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { createNanoEvents } from "nanoevents";
import type { BoardEvents } from "../../../../src/client/index.js";
import { Teller } from "../../../../src/web/canvas/focus/teller.js";
import { Activity } from "../../../../src/web/canvas/held/activity.js";
import { Densities } from "../../../../src/web/canvas/held/densities.js";
import { MARKS, Marks } from "../../../../src/web/canvas/held/marks.js";
import { toneOf } from "../../../../src/web/canvas/paint/density-map.js";
import { formatPlace, parsePlace } from "../../../../src/web/place-link.js";
import { VirtualClock } from "../../../support/virtual-clock.js";

describe("a link to a place", () => {
  test("says what it was made of", () => {
    assert.equal(formatPlace(123_456, 24), "#cell=123456&zoom=24");
    assert.deepEqual(parsePlace(formatPlace(123_456, 0.039_241), 1_000_000), { cell: 123_456, scale: 0.03924 });
    assert.deepEqual(parsePlace(formatPlace(7), 10), { cell: 7, scale: undefined });
    assert.deepEqual(parsePlace("#cell=7&zoom=1e9", 10), { cell: 7, scale: 80 });
  });

  test("that names no place of the board is none", () => {
    for (const hash of [
      "",
      "#",
      "#cell=10&zoom=5",
      "#cell=-1",
      "#cell=1.5",
      "#cell=x",
      "#zoom=5",
      "#cell=99999999999",
    ]) {
      assert.equal(parsePlace(hash, 10), undefined, hash);
    }
    assert.deepEqual(parsePlace("#cell=1&zoom=-3", 10), { cell: 1, scale: undefined });
  });
});

describe("marks", () => {
  test("last their time, and are bounded", () => {
    const marks = new Marks();
    for (let cell = 0; cell < 1_000; cell++) marks.put("flash", cell, 0);
    assert.equal([...marks.of("flash", 10)].length, MARKS.flash.cellsMax);
    assert.deepEqual([...marks.of("flash", MARKS.flash.lastsMs)], []);
    assert.equal(marks.isEmpty, true);
    marks.put("found", 1, 0);
    marks.put("found", 2, 0);
    assert.deepEqual([...marks.of("found", 0)], [[2, 1]], "one place is found at a time");
  });
});

describe("activity", () => {
  test("names the warmest pages and the cell that changed last, and forgets what has cooled", () => {
    const activity = new Activity();
    for (let change = 0; change < 5; change++) activity.addCell(65_536 + change, 0);
    activity.add(7, 3, 0);
    const [first, second] = activity.warmest(2, 0);
    assert.deepEqual([first?.page, first?.cell, second?.page, second?.cell], [1, 65_540, 7, undefined]);
    activity.add(7, 1, 60_000);
    activity.forget(60_000);
    assert.deepEqual(
      activity.warmest(5, 60_000).map(({ page }) => page),
      [7],
    );
  });
});

describe("densities", () => {
  const SIZE = 3 * 65_536;

  /** What of a board the densities use. */
  function make() {
    const counts = [0, 0, 0];
    type Events = Pick<BoardEvents, "overview">;
    const events = createNanoEvents<Events>();
    const overview = {
      pages: 3,
      total: 0,
      onlineEverywhere: 1,
      count: (page: number) => counts[page] ?? 0,
      watchers: () => 0,
    };
    const board = {
      size: SIZE,
      overview,
      watchOverview: () => ({ ready: Promise.resolve(), stop: () => {} }),
      on: <Name extends keyof Events>(name: Name, listener: Events[Name]) => events.on(name, listener),
    };
    const happened: [page: number, cells: number][] = [];
    const densities = new Densities(board, {
      changed: () => {},
      happened: (page, cells) => happened.push([page, cells]),
    });
    const tell = (page: number, count: number) => {
      counts[page] = count;
      events.emit("overview", [page], false);
    };
    /** As on each new connection: how many people there are, then all counts, of which these pages' are others. */
    const connect = (online: number, changed: Readonly<Record<number, number>>) => {
      const isOther = overview.onlineEverywhere !== online;
      overview.onlineEverywhere = online;
      if (isOther) events.emit("overview", [], false);
      for (const [page, count] of Object.entries(changed)) counts[Number(page)] = count;
      events.emit("overview", Object.keys(changed).map(Number), true);
    };
    return { densities, happened, tell, connect };
  }

  test("what was full when the overview came is no news; after that each page tells by how much it changed", () => {
    const { densities, happened, tell } = make();
    tell(0, 500);
    assert.deepEqual(happened, []);
    tell(1, 40);
    tell(1, 10);
    assert.deepEqual(happened, [
      [1, 40],
      [1, 30],
    ]);
    assert.equal(densities.shareOf(1), 10 / 65_536);
  });

  test("what was missed while there was no connection may be hours old and is no news; what comes after it is", () => {
    const { densities, happened, tell, connect } = make();
    connect(1, { 0: 500 });
    connect(2, { 0: 90_000, 2: 30 });
    assert.deepEqual(happened, []);
    assert.equal(densities.shareOf(2), 30 / 65_536, "but it is shown");
    tell(2, 31);
    assert.deepEqual(happened, [[2, 1]]);
  });

  for (const online of [1, 2]) {
    test(`the first change after a connection on which nothing was missed is news, with ${online} online`, () => {
      const { happened, tell, connect } = make();
      connect(1, {});
      tell(1, 40);
      connect(online, {});
      tell(1, 43);
      assert.deepEqual(happened, [
        [1, 40],
        [1, 3],
      ]);
    });
  }

  test("a page whose cells are here tells of its changes itself", () => {
    const { densities, happened, tell } = make();
    tell(0, 1);
    densities.setLoaded(1, 7);
    tell(1, 9);
    assert.deepEqual(happened, []);
    assert.equal(densities.shareOf(1), 7 / 65_536);
  });

  test("one cell among 65,536 is seen, and more is shown as more", () => {
    const tones = [0, 1, 2, 100, 10_000, 65_536].map((cells) => toneOf(cells / 65_536));
    assert.equal(tones[0], 0);
    assert.ok((tones[1] ?? 0) > 0.15, `${tones[1]}`);
    assert.equal(tones.at(-1), 1);
    assert.deepEqual(
      tones,
      tones.toSorted((a, b) => a - b),
    );
  });
});

describe("the teller", () => {
  test("says the first at once, then at most one in a while, and that the last", async () => {
    const clock = new VirtualClock();
    const said: string[] = [];
    const teller = new Teller(clock, 1_000, (text) => said.push(text));
    for (const text of ["a", "b", "c"]) teller.tell(text);
    assert.deepEqual(said, ["a"]);
    await clock.pass(999);
    assert.deepEqual(said, ["a"]);
    await clock.pass(1);
    assert.deepEqual(said, ["a", "c"]);
    await clock.pass(5_000);
    assert.deepEqual(said, ["a", "c"], "nothing is said twice");
    teller.tell("d");
    teller.tell("e");
    teller.close();
    await clock.pass(5_000);
    assert.deepEqual(said, ["a", "c", "d"]);
  });
});
