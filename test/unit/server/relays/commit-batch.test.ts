import assert from "node:assert/strict";
import { test } from "node:test";
import { packChanges } from "../../../../src/board/delta.js";
import { Refusal } from "../../../../src/protocol/errors.js";
import { commitBatch } from "../../../../src/server/relays/commit-batch.js";
import type { SettleWrite } from "../../../../src/server/writes/writer.js";
import { DamagedPage } from "../../../../src/store/damage.js";
import { type Committed, StoreAway, Unconfirmed, type Write } from "../../../../src/store/store.js";
import { newTag } from "../../../../src/store/tag.js";

const page = { board: "main", page: 2 };
const writes: Write[] = [1, 2, 3].map((seq) => ({ session: "s", seq, changes: packChanges([[seq, 1]]) }));
const store = { commit: () => Promise.reject(new Error("past the writer")) };

/** Gives the functions that settle the writes, in order. */
function batch(overridesFreeze?: boolean) {
  const settles: SettleWrite[] = [];
  const writer = {
    writeAll: (_: unknown, all: readonly Write[], settle: (at: number) => SettleWrite) =>
      void settles.push(...all.map((_, at) => settle(at))),
  };
  const committing = commitBatch(store, writer, page, {
    tag: newTag(),
    writes,
    ...(overridesFreeze !== undefined && { overridesFreeze }),
  });
  return { settles, committing };
}

const committedAt = (version: number, more: Partial<Committed>): Committed => ({
  position: { version, tag: newTag() },
  outcomes: [],
  checked: version,
  ...more,
});

test("a batch that the writer has split has the outcomes of its writes in order, and the last position", async () => {
  const { settles, committing } = batch();
  const second = committedAt(9, { outcomes: ["accepted", "accepted"], storeMs: 5 });
  const first = committedAt(8, { outcomes: ["accepted", "duplicate"] });
  settles[2]?.(second.position, second, 1);
  settles[0]?.(first.position, first, 1);
  settles[1]?.(second.position, second, 0);
  assert.deepEqual(await committing, {
    position: second.position,
    outcomes: ["duplicate", "accepted", "accepted"],
    checked: 9,
    storeMs: 5,
  });
});

test("refused writes have the cells and the ranges that refuse them, in the terms of the store", async () => {
  const { settles, committing } = batch();
  const frozen = [{ start: 0, end: 2 }];
  const judged = committedAt(3, { outcomes: ["frozen", "claimed", "stale"], frozen, claimed: [[2]] });
  settles[0]?.(new Refusal("FROZEN", { cells: [1] }), judged, 0);
  settles[1]?.(new Refusal("TAKEN", { cells: [2 * 65_536 + 2] }), judged, 1);
  settles[2]?.(new Refusal("STALE_WRITE"), judged, 2);
  const { outcomes, claimed, frozen: ranges } = await committing;
  assert.deepEqual([outcomes, claimed, ranges], [["frozen", "claimed", "stale"], [[2]], frozen]);
});

const isAway = (sent: boolean) => (error: unknown) => error instanceof StoreAway && error.sent === sent;
const FAILURES = [
  ["STORE_AWAY", isAway(false)],
  ["BUSY", isAway(false)],
  ["GOING_AWAY", isAway(false)],
  ["OUTCOME_UNKNOWN", isAway(true)],
  ["NOT_CONFIRMED", (error: unknown) => error instanceof Unconfirmed],
  ["PAGE_DAMAGED", (error: unknown) => error instanceof DamagedPage],
] as const;

const UNSENT: ReadonlySet<string> = new Set(["STORE_AWAY", "BUSY", "GOING_AWAY"]);

test("a batch that was not judged fails as the store would have failed", async () => {
  for (const [code, check] of FAILURES) {
    const { settles, committing } = batch();
    for (const settle of settles) settle(new Refusal(code));
    await assert.rejects(committing, check, code);
  }
});

test("a batch of which a part was committed never fails as if it had no effect", async () => {
  for (const [code, check] of FAILURES) {
    const { settles, committing } = batch();
    const judged = committedAt(1, { outcomes: ["accepted"] });
    settles[0]?.(judged.position, judged, 0);
    settles[1]?.(new Refusal(code));
    settles[2]?.(judged.position, judged, 0);
    await assert.rejects(committing, UNSENT.has(code) ? isAway(true) : check, code);
  }
  const { settles, committing } = batch();
  for (const code of ["STORE_AWAY", "OUTCOME_UNKNOWN", "BUSY"] as const) settles.shift()?.(new Refusal(code));
  await assert.rejects(committing, isAway(true));
});

test("what overrides a freeze goes to the store itself", async () => {
  await assert.rejects(batch(true).committing, /past the writer/);
});
