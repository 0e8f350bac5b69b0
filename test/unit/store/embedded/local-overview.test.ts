import assert from "node:assert/strict";
import { test } from "node:test";
import { LocalOverview, listInMemory } from "../../../../src/store/embedded/local-overview.js";

test("the overview of a large board is read in parts, between which others get their turn", async () => {
  const list = listInMemory();
  const PAGES = 2_300;
  let read = 0;
  let mostInOnePart = 0;
  const overview = new LocalOverview({
    ...list,
    *entries(board, from) {
      for (const entry of list.entries(board, from)) {
        read++;
        yield entry;
      }
    },
    read: async (action) => {
      read = 0;
      const result = action();
      mostInOnePart = Math.max(mostInOnePart, read);
      return result;
    },
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
