/* The claims of a page that an instance watches follow those of the store, also past news that were lost. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { packChanges } from "../../../../src/board/delta.js";
import { type OwnedChange, PageOwners } from "../../../../src/server/claims/page-owners.js";
import { Follower } from "../../../../src/server/pages/follower.js";
import { type ClaimAct, ownerName, parseClaims } from "../../../../src/store/claims.js";
import { newTag } from "../../../../src/store/tag.js";
import { ModelStore } from "../../../support/model-store.js";
import { VirtualClock } from "../../../support/virtual-clock.js";

const PAGE = { board: "lockers", page: 0 };
const MINUTE = 60_000;
const ann = ownerName("subject", "ann");

test("an owner hears that a hold was extended or confirmed, also if the news was lost", async () => {
  const clock = new VirtualClock();
  const store = new ModelStore(clock, 100, parseClaims("lockers=5m"));
  const failed = (error: unknown) => assert.fail(String(error));
  const ignored = () => undefined;
  const follower = new Follower(PAGE, 100, store, clock, {
    applied: ignored,
    restarted: ignored,
    resync: ignored,
    failed,
  });
  let rereads = 0;
  const heard: (readonly OwnedChange[])[] = [];
  const changed = (changes: readonly OwnedChange[]) => heard.push(changes);
  const owners = new PageOwners(follower, store, clock, { changed, reread: () => rereads++, failed });
  const commit = (act?: ClaimAct) => {
    const write = { session: "", seq: 1, changes: packChanges([[7, 1]]), owner: ann, act };
    return store.commit(PAGE, { tag: newTag(), writes: [write] });
  };
  const ends = () => owners.of(ann).map(([, { endMs }]) => endMs);
  await clock.pass(0);
  await commit();
  await clock.pass(1_000);
  assert.deepEqual([heard.flat().map(({ now }) => now?.endMs), ends()], [[5 * MINUTE], [5 * MINUTE]]);
  rereads = 0;

  store.lose = () => true;
  await commit({ kind: "extend", ms: 7 * MINUTE });
  void follower.catchUp("check");
  await clock.pass(1_000);
  assert.deepEqual([rereads, ends()], [1, [7 * MINUTE + 1_000]]);
  await commit({ kind: "confirm" });
  void follower.catchUp("check");
  await clock.pass(1_000);
  assert.deepEqual([rereads, ends()], [2, [undefined]]);
  owners.close();
  follower.close();
});
