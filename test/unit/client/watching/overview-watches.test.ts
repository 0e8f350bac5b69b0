/* The client's side of the overview, against a line that answers at once or not at all. */

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { Line } from "../../../../src/client/links/line.js";
import { OverviewWatches } from "../../../../src/client/watching/overview-watches.js";
import type { OpenResult } from "../../../../src/protocol/events.js";
import { OPENED } from "../../../support/opened.js";
import { settle, VirtualClock } from "../../../support/virtual-clock.js";

/** The answer of an instance without overviews. */
const { onlineEverywhere: _, ...OLDER } = OPENED;

/** One that takes every request, and notes its name. */
function lineThatNotes(asked: string[]): Line {
  return {
    protocol: 1,
    isUp: true,
    request: (name: string, _request: object, answered: (outcome: never) => void) => {
      asked.push(name);
      queueMicrotask(() => answered({ watching: true } as never));
    },
    settled: () => undefined,
    renew: () => false,
    reconnect: () => undefined,
    close: () => undefined,
  };
}

describe("the overview at the client", () => {
  test("is not asked of an instance that knows of none, which would not answer, and is of the next", async () => {
    const asked: string[] = [];
    const overviews = new OverviewWatches(lineThatNotes(asked), new VirtualClock(), () => undefined);
    let isReady = false;
    const watch = overviews.watch();
    watch.ready.then(() => {
      isReady = true;
    });
    overviews.connected(OLDER as OpenResult);
    await settle();
    assert.deepEqual(asked, []);
    overviews.disconnected();
    overviews.connected(OPENED);
    assert.deepEqual(asked, ["overview"]);
    assert.equal(isReady, false);
    overviews.receiveAll(Uint32Array.of(1, 2, 3, 4));
    await settle();
    assert.equal(isReady, true);
    assert.equal(overviews.current?.total, 10);
    watch.stop();
  });

  test("tells what was missed until it was asked for from what changes since, on each connection", () => {
    const reported: [pages: readonly number[], isMissed: boolean][] = [];
    const overviews = new OverviewWatches(lineThatNotes([]), new VirtualClock(), (...all) => void reported.push(all));
    overviews.connected(OPENED);
    const watch = overviews.watch();
    overviews.receiveAll(Uint32Array.of(1, 0));
    overviews.receiveSome([[1, 5]]);
    // An instance sends all where much has changed, too.
    overviews.receiveAll(Uint32Array.of(2, 6));
    overviews.disconnected();
    overviews.connected(OPENED);
    overviews.receiveOnline(9);
    overviews.receiveAll(Uint32Array.of(3, 6));
    overviews.receiveSome([[0, 4]]);
    assert.deepEqual(reported, [
      [[0], true],
      [[1], false],
      [[0, 1], false],
      [[], false],
      [[0], true],
      [[0], false],
    ]);
    watch.stop();
  });
});
