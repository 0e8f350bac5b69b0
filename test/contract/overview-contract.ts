/* The contract of store/overview.ts, and of announcing, as tests for every implementation. */

import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { packChanges } from "../../src/board/delta.js";
import { judgeReport, type Report, type Tally } from "../../src/store/overview.js";
import type { Store } from "../../src/store/store.js";
import { newTag } from "../../src/store/tag.js";
import { until } from "../support/until.js";

let boards = 0;
const freshBoard = () => `o${process.pid}x${boards++}`;
const byPage = (tallies: readonly Tally[]) => tallies.toSorted((a, b) => a.page - b.page);

/** To be called inside a `describe`. `store` is there when the tests run. */
export function overviewContract(store: () => Store): void {
  const commit = (board: string, page: number, changes: [number, 0 | 1][]) =>
    store().commit(
      { board, page },
      { tag: newTag(), writes: [{ session: "", seq: 1, changes: packChanges(changes) }] },
    );

  test("a page tells how many of its cells are checked, at its version", async () => {
    const board = freshBoard();
    const { checked } = await commit(board, 3, [
      [1, 1],
      [65_535, 1],
      [7, 0],
    ]);
    assert.equal(checked, 2);
    assert.equal((await commit(board, 3, [[1, 0]])).checked, 1);
    const pages = [2, 3].map((page) => ({ board, page }));
    assert.deepEqual(
      (await store().heads(pages)).map((head) => [head?.position.version, head?.checked]),
      [
        [0, 0],
        [2, 1],
      ],
    );
  });

  test("the list has what was reported, the newer of two reports whatever their order", async () => {
    const board = freshBoard();
    const { overview } = store();
    assert.deepEqual(await overview.read(board), []);
    await overview.report(board, [
      { page: 5, version: 2, checked: 20 },
      { page: 70, version: 1, checked: 1 },
    ]);
    await overview.report(board, [{ page: 5, version: 1, checked: 10 }]);
    await overview.report(board, [{ page: 70, version: 9, checked: 65_536 }]);
    assert.deepEqual(byPage(await overview.read(board)), [
      { page: 5, version: 2, checked: 20 },
      { page: 70, version: 9, checked: 65_536 },
    ]);
    assert.deepEqual(await overview.read(freshBoard()), []);
  });

  test("a correction replaces the entry that it names, down to lower versions and to none, and no other", async () => {
    const board = freshBoard();
    const { overview } = store();
    const entry = { page: 4, version: 9, checked: 90 };
    await overview.report(board, [entry]);
    await overview.report(board, [{ page: 4, version: 7, checked: 70, instead: { version: 9, checked: 91 } }]);
    assert.deepEqual(await overview.read(board), [entry]);
    await overview.report(board, [{ page: 4, version: 7, checked: 70, instead: entry }]);
    assert.deepEqual(await overview.read(board), [{ page: 4, version: 7, checked: 70 }]);
    await overview.report(board, [{ page: 4, version: 0, checked: 0, instead: { version: 7, checked: 70 } }]);
    assert.deepEqual(await overview.read(board), []);
    await overview.report(board, [{ page: 4, version: 3, checked: 30, instead: { version: 0, checked: 0 } }]);
    assert.deepEqual(await overview.read(board), [{ page: 4, version: 3, checked: 30 }]);
  });

  test("listeners hear what changed, and the entry that stayed against a report, until they unsubscribe", async () => {
    const board = freshBoard();
    const { overview } = store();
    const heard: Tally[] = [];
    const unsubscribe = await overview.subscribe(board, {
      changed: (tallies) => heard.push(...tallies),
      resumed: () => undefined,
    });
    const first = { page: 0, version: 1, checked: 1 };
    await overview.report(board, [first]);
    await overview.report(board, [first]);
    await overview.report(board, [{ page: 0, version: 5, checked: 5, instead: { version: 4, checked: 4 } }]);
    await overview.report(board, [{ page: 0, version: 0, checked: 7 }]);
    const last = { page: 9, version: 1, checked: 3 };
    await overview.report(board, [last]);
    await until("the last is heard", () => heard.at(-1)?.page === 9);
    assert.deepEqual(heard, [first, first, first, last]);
    unsubscribe();
    await overview.report(board, [{ page: 1, version: 1, checked: 1 }]);
    assert.equal(heard.length, 4);
  });

  test("any reports leave the list that the rule gives", async () => {
    const number = fc.integer({ min: 0, max: 3 });
    const entry = fc.record({ version: number, checked: number });
    const report = fc.record({ page: number, version: number, checked: number, instead: fc.option(entry) });
    await fc.assert(
      fc.asyncProperty(fc.array(fc.uniqueArray(report, { selector: ({ page }) => page })), async (rounds) => {
        const board = freshBoard();
        const list = new Map<number, Tally>();
        for (const round of rounds) {
          const reports = round.map(({ instead, ...tally }): Report => (instead ? { ...tally, instead } : tally));
          await store().overview.report(board, reports);
          for (const each of reports) list.set(each.page, judgeReport(list.get(each.page), each).entry);
        }
        const expected = [...list.values()].filter(({ version, checked }) => version > 0 || checked > 0);
        assert.deepEqual(byPage(await store().overview.read(board)), byPage(expected));
      }),
      { numRuns: 40 },
    );
  });

  test("every instance that announced itself is told to all, until it takes itself out", async () => {
    const [one, two] = [freshBoard(), freshBoard()];
    const enroll = async (id: string, record: string) => {
      const all = await store().enroll(id, record);
      return all.flatMap((each) => ([one, two].includes(each.id) ? each.record : [])).toSorted();
    };
    assert.deepEqual(await enroll(one, "text of one"), ["text of one"]);
    assert.deepEqual(await enroll(two, "text of two"), ["text of one", "text of two"]);
    assert.deepEqual(await enroll(one, "another text"), ["another text", "text of two"]);
    assert.deepEqual(await enroll(two, ""), ["another text"]);
    assert.deepEqual(await enroll(one, ""), []);
  });
}
