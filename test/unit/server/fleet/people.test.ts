/* The people of each board: how they are counted over instances, and how often they are sent. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { Fleet } from "../../../../src/server/fleet/fleet.js";
import { People } from "../../../../src/server/fleet/people.js";
import { parseAnnouncement } from "../../../../src/server/input/requests.js";
import { Audiences } from "../../../../src/server/instance/audiences.js";
import type { HostedBoard } from "../../../../src/server/pages/pages.js";
import type { Frame } from "../../../../src/server/pages/recipient.js";
import { modelInstance } from "../../../support/model-instance.js";
import { ModelStore } from "../../../support/model-store.js";
import { VirtualClock } from "../../../support/virtual-clock.js";

const crowd = (count: number, got: Frame[], backlogged = false) =>
  Array.from({ length: count }, () => ({ backlogged, send: (frame: Frame) => void got.push(frame) }));

test("a board's people are counted over all instances, without those of other boards", async (t) => {
  const clock = new VirtualClock();
  const store = new ModelStore(clock);
  const [one, two] = [0, 1].map(() => {
    const instance = modelInstance({ clock, store, cells: 100 });
    const fleet = new Fleet(instance, () => 99);
    t.after(() => fleet.close());
    return { instance, fleet };
  });
  assert.ok(one && two);
  const main = one.instance.boards.get("main") ?? assert.fail();
  const there = two.instance.boards.get("main") ?? assert.fail();
  const other: HostedBoard = { ...there, name: "other", handle: 7 };
  for (const member of crowd(3, [])) two.instance.audiences.join(there, member);
  for (const member of crowd(20, [])) two.instance.audiences.join(other, member);
  const [mine] = crowd(1, []);
  assert.ok(mine);
  one.instance.audiences.join(main, mine);
  assert.equal(one.fleet.presence.people(main), 1);
  await clock.pass(6_000);
  assert.equal(one.fleet.presence.people(main), 4);
  assert.equal(two.fleet.presence.people(there), 4);
  one.instance.audiences.leave(main, mine);
  await clock.pass(6_000);
  assert.equal(two.fleet.presence.people(there), 3);
  await two.fleet.close();
  await clock.pass(6_000);
  assert.equal(one.fleet.presence.people(main), 0);
});

test("the record of an instance of an older version counts nobody", () => {
  const record = {
    ...{ name: "old", engine: "valkey", upSeconds: 1, clients: 9, watches: 0, lagging: 0, pages: 0 },
    ...{ storeAvailable: true, writesPerSecond: 0, changesPerSecond: 0, deltasPerSecond: 0, sentBytesPerSecond: 0 },
    ...{ cores: 0, memoryBytes: 0, flushMs: 0, loopDelayMs: 0, looking: {} },
  };
  for (const people of [undefined, "many", { main: "many" }]) {
    const announcement = parseAnnouncement(JSON.stringify({ ...record, people }));
    assert.equal(announcement?.clients, 9);
    assert.equal(announcement.people.size, 0);
  }
  assert.deepEqual(
    [...(parseAnnouncement(JSON.stringify({ ...record, people: { main: 4 } }))?.people ?? [])],
    [["main", 4]],
  );
});

test("the number of people is sent when it has changed, and less often the larger it is", () => {
  const board = { handle: 3, name: "main" } as HostedBoard;
  for (const [count, sentAtMost] of [
    [2, 121],
    [100, 61],
    [1_000, 7],
    [100_000, 3],
  ] as const) {
    const audiences = new Audiences();
    const got: Frame[] = [];
    const deaf: Frame[] = [];
    const [witness] = crowd(1, got);
    assert.ok(witness);
    audiences.join(board, witness);
    for (const member of crowd(count - 2, [])) audiences.join(board, member);
    for (const member of crowd(1, deaf, true)) audiences.join(board, member);
    let people = 0;
    const counted = new People({ audiences }, { people: () => people });
    for (let second = 0; second <= 120; second++) {
      people++;
      counted.send(second * 1_000);
    }
    assert.ok(got.length <= sentAtMost && got.length >= sentAtMost - 1, `${got.length} for ${count}`);
    assert.deepEqual(got[0], { kind: "notice", notice: { kind: "people", handle: 3, people: 1 } });
    assert.equal(deaf.length, 0);
    const before = got.length;
    counted.send(1_000_000);
    counted.send(2_000_000);
    assert.ok(got.length <= before + 1, "unchanged");
  }
});
