/* One write over several pages: each page decides by itself, and the answer must fit all of them. */

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { PAGE_CELLS } from "../../../../src/board/geometry.js";
import { Refusal } from "../../../../src/protocol/errors.js";
import { committed } from "../../../../src/server/writes/commit-changes.js";
import type { Writer } from "../../../../src/server/writes/writer.js";

/** A writer whose pages answer as they are told to: with a version, or a refusal. */
function writerThat(...answers: readonly (number | Refusal)[]): Writer {
  const write: Writer["write"] = ({ page }, _write, settle) => {
    const answer = answers[page];
    queueMicrotask(() => settle(answer instanceof Refusal ? answer : { version: answer ?? 0, tag: "AAAAAAAA" }));
  };
  return { write } as Writer;
}

const commit = (writer: Writer, pages = 2) =>
  committed(writer, {
    board: "main",
    session: "s",
    seq: 1,
    changes: Array.from({ length: pages }, (_, page) => [page * PAGE_CELLS, 1] as const),
  });

describe("a write over several pages", () => {
  test("is answered with a version of each page", async () => {
    assert.deepEqual(await commit(writerThat(7, 9)), [
      [0, 7],
      [1, 9],
    ]);
  });

  test("that is half done is never reported as refused", async () => {
    await assert.rejects(commit(writerThat(7, new Refusal("STORE_AWAY"))), { code: "OUTCOME_UNKNOWN" });
    await assert.rejects(commit(writerThat(new Refusal("STORE_AWAY"), 7)), { code: "OUTCOME_UNKNOWN" });
    await assert.rejects(commit(writerThat(new Refusal("STORE_AWAY"), new Refusal("OUTCOME_UNKNOWN"))), {
      code: "OUTCOME_UNKNOWN",
    });
  });

  test("that every page refused is refused", async () => {
    const refused = [new Refusal("STORE_AWAY"), new Refusal("STORE_AWAY")];
    await assert.rejects(commit(writerThat(...refused)), { code: "STORE_AWAY" });
    await assert.rejects(commit(writerThat(new Refusal("NOT_CONFIRMED")), 1), { code: "NOT_CONFIRMED" });
  });

  test("that meets frozen cells names them, and says whether the others were changed", async () => {
    const frozen = new Refusal("FROZEN", { cells: [PAGE_CELLS] });
    await assert.rejects(commit(writerThat(7, frozen)), { code: "PARTLY_FROZEN", cells: [PAGE_CELLS] });
    await assert.rejects(commit(writerThat(new Refusal("FROZEN", { cells: [0] }), frozen)), {
      code: "FROZEN",
      cells: [0, PAGE_CELLS],
    });
  });
});
