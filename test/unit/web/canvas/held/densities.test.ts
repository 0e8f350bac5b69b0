import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { createNanoEvents } from "nanoevents";
import type { BoardEvents } from "../../../../../src/client/index.js";
import { watchOf } from "../../../../../src/client/watching/live-watch.js";
import { Densities } from "../../../../../src/web/canvas/held/densities.js";

describe("densities", () => {
  const SIZE = 3 * 65_536;

  /** The part of a board that the densities use. */
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
      watchOverview: () => watchOf("main", { ready: Promise.resolve(), stop: () => {} }, undefined),
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
    /**
     * As on each new connection: how many people there are, then all counts, of which these pages'
     * are others.
     */
    const connect = (online: number, changed: Readonly<Record<number, number>>) => {
      const isOther = overview.onlineEverywhere !== online;
      overview.onlineEverywhere = online;
      if (isOther) events.emit("overview", [], false);
      for (const [page, count] of Object.entries(changed)) counts[Number(page)] = count;
      events.emit("overview", Object.keys(changed).map(Number), true);
    };
    return { densities, happened, tell, connect };
  }

  test("counts that arrive with the overview are not news; later, each page reports its change", () => {
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

  test("changes missed without a connection are not news; later ones are", () => {
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
});
