import assert from "node:assert/strict";
import { test } from "node:test";
import { Refusal } from "../../../../../src/protocol/errors.js";
import { HistoryReads } from "../../../../../src/server/http/reads/page-history.js";
import type { PageHistory } from "../../../../../src/store/history.js";
import { temporaryFolder } from "../../../../support/folder.js";
import { startInstance } from "../../../../support/instances.js";

test("requests for the past are answered one after another, up to a limit, and a failed one holds up no other", async (t) => {
  const instance = await startInstance({ DATA_DIR: temporaryFolder(t), HISTORY: "1h", BOARDS: "main=100" });
  t.after(() => instance.stop());
  const { store } = instance;
  const board = instance.instance.boards.get("main");
  assert.ok(board);
  let underWay = 0;
  let most = 0;
  let asked = 0;
  const history = store.history.bind(store);
  store.history = async (page, range): Promise<PageHistory | undefined> => {
    most = Math.max(most, ++underWay);
    try {
      if (++asked === 2) throw new Error("of the test");
      return await history(page, range);
    } finally {
      underWay--;
    }
  };
  const reads = new HistoryReads(instance.instance);
  const answers = await Promise.allSettled(Array.from({ length: 300 }, () => reads.read(board, 0)));
  assert.equal(most, 1);
  const refused = answers.flatMap((answer) => (answer.status === "rejected" ? [answer.reason] : []));
  assert.equal(refused.filter((reason) => reason instanceof Refusal && reason.code === "BUSY").length, 44);
  assert.equal(refused.length, 45);
  assert.equal((await reads.read(board, 0)).page, 0);
});
