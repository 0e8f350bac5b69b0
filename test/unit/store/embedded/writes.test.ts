import assert from "node:assert/strict";
import { test } from "node:test";
import { EmbeddedWrites } from "../../../../src/store/embedded/writes.js";
import { StoreAway } from "../../../../src/store/store.js";
import { temporaryFolder } from "../../../support/folder.js";

const MDB_PANIC = -30_795;

test("if LMDB no longer begins transactions, nobody waits for it, and nothing is tried again", async (t) => {
  const said: string[] = [];
  let tell: (status: number) => unknown = () => undefined;
  const env = {
    startWriting: (_address: number, told: (status: number) => unknown) => {
      tell = told;
    },
  };
  const heard: number[] = [];
  const root = {
    env,
    transaction: () => new Promise<never>(() => undefined),
    flushed: new Promise<never>(() => undefined),
  };
  const writes = new EmbeddedWrites(root, {
    directory: temporaryFolder(t),
    forget: () => undefined,
    incident: (message) => said.push(message),
  });
  t.after(() => writes.close());
  env.startWriting(0, (status) => heard.push(status));
  const waiting = [writes.transaction(() => 1), writes.transaction(() => 2), writes.flushed()];
  tell(MDB_PANIC);
  for (const each of waiting) await assert.rejects(each, (error) => error instanceof StoreAway && error.sent);
  assert.deepEqual(heard, [1], "LMDB's own JavaScript hears of progress, and prints nothing");
  await assert.rejects(
    writes.transaction(() => 3),
    (error) => error instanceof StoreAway && !error.sent,
  );
  assert.equal(said.filter((line) => line.includes("restart this process")).length, 1);
  assert.equal(writes.close(), false);
});

test("a fault of ours in a transaction is no fault of the disk", async (t) => {
  const root = { transaction: async <Result>(action: () => Result) => action(), flushed: Promise.resolve() };
  const writes = new EmbeddedWrites(root, {
    directory: temporaryFolder(t),
    forget: () => undefined,
    incident: () => assert.fail("there is no incident"),
  });
  t.after(() => writes.close());
  const fault = new TypeError("ours");
  await assert.rejects(
    writes.transaction(() => {
      throw fault;
    }),
    fault,
  );
  assert.equal(writes.available, true);
});
