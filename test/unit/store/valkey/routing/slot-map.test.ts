import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { readClusterSlots, SlotMap, slotOf } from "../../../../../src/store/valkey/routing/slot-map.js";
import { pageKeys } from "../../../../support/keys.js";

describe("the map of slots", () => {
  test("a key's slot is that of its hash tag, as the cluster specification's example has it", () => {
    // CRC16 of "123456789" is 0x31C3.
    assert.equal(slotOf("123456789"), 0x31c3 & 16_383);
    assert.equal(slotOf("x{123456789}y"), 0x31c3 & 16_383);
  });

  test("keys and channel of a page lie in one slot, and pages spread", () => {
    const slots = new Set<number>();
    for (let page = 0; page < 200; page++) {
      const { bits, head, log, seen, channel } = pageKeys({ board: "main", page });
      assert.equal(new Set([bits, head, log, ...seen, channel].map(slotOf)).size, 1);
      slots.add(slotOf(bits));
    }
    assert.ok(slots.size > 190, `${slots.size} slots for 200 pages`);
  });

  test("reads CLUSTER SLOTS; a server that does not know its own name is the one that was asked", () => {
    const reply = [
      [0, 99, ["10.0.0.1", 7000, "id"], ["10.0.0.2", 7001, "id"]],
      [100, 16_383, [null, 7002, "id"]],
    ];
    const ranges = readClusterSlots(reply, { host: "seed", port: 1 });
    assert.deepEqual(ranges[0], { first: 0, last: 99, primary: { host: "10.0.0.1", port: 7000 }, id: "id" });
    assert.deepEqual(ranges[1]?.primary, { host: "seed", port: 7002 });
  });

  test("follows a moved slot alone, and keeps the last owner of a slot that nobody claims", () => {
    const map = new SlotMap();
    map.adopt([{ first: 0, last: 16_383, primary: { host: "a", port: 1 } }]);
    map.move(5, { host: "b", port: 2 });
    assert.equal(map.owner(4), "a:1");
    assert.equal(map.owner(5), "b:2");
    map.adopt([{ first: 0, last: 4, primary: { host: "c", port: 3 } }]);
    assert.equal(map.owner(5), "b:2");
    assert.deepEqual([...map.primaries].sort(), ["a:1", "b:2", "c:3"]);
    map.move(-1, { host: "x", port: 1 });
    map.move(16_384, { host: "x", port: 1 });
    assert.equal(map.owner(16_384), undefined);
  });
});
