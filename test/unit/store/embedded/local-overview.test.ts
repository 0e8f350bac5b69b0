import assert from "node:assert/strict";
import { test } from "node:test";
import { LocalOverview } from "../../../../src/store/embedded/local-overview.js";
import { listInMemory } from "../../../support/list-in-memory.js";

test("the overview of a large board is read in parts, between which others get their turn", async () => {
  const list = listInMemory();
  const PAGES = 2_300;
  let mostInOnePart = 0;
  const overview = new LocalOverview({
    ...list,
    entries: (board, from, most) => {
      const some = list.entries(board, from, most);
      mostInOnePart = Math.max(mostInOnePart, some.length);
      return some;
    },
    read: async (action) => action(),
    atomically: async (action) => action(),
  });
  for (let page = PAGES - 1; page >= 0; page--) list.put("main", { page, version: 1, checked: page });
  const tallies = await overview.read("main");
  assert.deepEqual(
    tallies.map(({ page }) => page),
    Array.from({ length: PAGES }, (_, page) => page),
  );
  assert.ok(mostInOnePart > 0 && mostInOnePart <= 500, `${mostInOnePart} in one part`);
});
