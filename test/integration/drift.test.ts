import assert from "node:assert/strict";
import { test } from "node:test";
import { drift } from "../support/drift.js";
import { Random } from "../support/random.js";

/** `npm run bench -- --only drift` makes a million. */
test("total and densities equal BITCOUNT after random writes with an instance and a primary killed on the way", async () => {
  const { total, pages } = await drift({
    size: 10_000_000,
    writes: 20_000,
    pages: 60,
    writers: 4,
    random: new Random(5),
  });
  assert.ok(total > 5_000 && pages > 40, `${total} on ${pages} pages`);
});
