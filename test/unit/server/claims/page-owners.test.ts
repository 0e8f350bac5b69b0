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
const bob = ownerName("subject", "bob");

/** The claims of a page of lockers, and what was heard of them. */
function setUp() {
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
  const heard = { changes: [] as OwnedChange[], rereads: 0 };
  const owners = new PageOwners(follower, store, clock, {
    changed: (changes) => heard.changes.push(...changes),
    reread: () => heard.rereads++,
    failed,
  });
  const commit = (owner: string, value: 0 | 1, act?: ClaimAct) => {
    const write = { session: "", seq: 1, changes: packChanges([[7, value]]), owner, act };
    return store.commit(PAGE, { tag: newTag(), writes: [write] });
  };
  const close = () => {
    owners.close();
    follower.close();
  };
  return { clock, store, follower, owners, heard, commit, close };
}

test("an owner hears that a hold was extended or confirmed, also if the news was lost", async () => {
  const { clock, store, follower, owners, heard, commit, close } = setUp();
  const ends = () => owners.of(ann).map(([, { endMs }]) => endMs);
  await clock.pass(0);
  await commit(ann, 1);
  await clock.pass(1_000);
  assert.deepEqual([heard.changes.map(({ now }) => now?.endMs), ends()], [[5 * MINUTE], [5 * MINUTE]]);
  heard.rereads = 0;

  store.lose = () => true;
  await commit(ann, 1, { kind: "extend", ms: 7 * MINUTE });
  void follower.catchUp("check");
  await clock.pass(1_000);
  assert.deepEqual([heard.rereads, ends()], [1, [7 * MINUTE + 1_000]]);
  await commit(ann, 1, { kind: "confirm" });
  void follower.catchUp("check");
  await clock.pass(1_000);
  assert.deepEqual([heard.rereads, ends()], [2, [undefined]]);
  close();
});

test("a cell is its owner's alone, also after it has changed hands unheard", async () => {
  const { clock, store, follower, owners, commit, close } = setUp();
  const cells = () => [ann, bob].map((owner) => owners.of(owner).map(([offset]) => offset));
  await clock.pass(0);
  await commit(ann, 1);
  await clock.pass(1_000);
  assert.deepEqual(cells(), [[7], []]);
  await commit(ann, 0);
  await clock.pass(1_000);
  assert.deepEqual(cells(), [[], []]);
  await commit(bob, 1);
  await clock.pass(1_000);
  assert.deepEqual(cells(), [[], [7]]);

  store.lose = () => true;
  await commit(bob, 0);
  await commit(ann, 1);
  void follower.catchUp("check");
  await clock.pass(1_000);
  assert.deepEqual(cells(), [[7], []]);
  close();
});
