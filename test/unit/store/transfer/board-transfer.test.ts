/* Copying a board whose server is too busy to report heads in time. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { packChanges } from "../../../../src/board/delta.js";
import { PAGE_CELLS } from "../../../../src/board/geometry.js";
import type { PageHead, Store } from "../../../../src/store/store.js";
import { newTag } from "../../../../src/store/tag.js";
import { exportBoard } from "../../../../src/store/transfer/board-transfer.js";
import { DelegateStore } from "../../../support/delegate-store.js";
import { ModelStore } from "../../../support/model-store.js";
import { VirtualClock } from "../../../support/virtual-clock.js";

class BusyStore extends DelegateStore<ModelStore> {
  override async heads(pages: readonly unknown[]): Promise<(PageHead | undefined)[]> {
    return pages.map(() => undefined);
  }
}

test("pages without a head in time are read, and none is missing from the file", async () => {
  const store = new ModelStore(new VirtualClock());
  const board = { name: "main", size: 3 * PAGE_CELLS };
  const writes = [{ session: "session", seq: 1, changes: packChanges([[7, 1]]) }];
  await store.commit({ board: "main", page: 1 }, { tag: newTag(), writes });
  const linesOf = async (from: Store) => {
    const lines: string[] = [];
    for await (const line of exportBoard(from, board)) lines.push(line);
    return lines;
  };
  assert.deepEqual(await linesOf(new BusyStore(store)), await linesOf(store));
});
