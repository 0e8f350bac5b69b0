/*
 * Limits under abuse. More of it never gets more through, however it is spread over time, sessions
 * or addresses. It costs a bounded amount of memory.
 */

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { Refusal } from "../../src/protocol/errors.js";
import { addressKey, networkKey } from "../../src/server/limits/address.js";
import { Admission, type AdmissionLimits } from "../../src/server/limits/admission.js";
import { KeyedBuckets } from "../../src/server/limits/keyed-buckets.js";
import { VirtualClock } from "../support/virtual-clock.js";

const LIMITS: AdmissionLimits = {
  writes: { perSecond: 50, burst: 200 },
  requests: { perSecond: 200, burst: 1_000 },
  watches: { perSecond: 500, burst: 4_096 },
  connectionsPerAddress: 500,
  connects: { perSecond: 50, burst: 500 },
};

interface Write {
  readonly address: string;
  readonly session: string;
  readonly cells: number;
}

/** Cells that get in when `writes` are tried evenly within a second. Each refusal has a pause. */
function admittedInOneSecond(writes: readonly Write[]): number {
  let nowMs = 0;
  const clock = { now: () => nowMs, after: () => () => undefined, random: () => 0 };
  const admission = new Admission(LIMITS, clock);
  let admitted = 0;
  for (const { address, session, cells } of writes) {
    try {
      admission.admitWrite(addressKey(address), session, cells);
      admitted += cells;
    } catch (error) {
      assert.ok(error instanceof Refusal && error.code === "RATE_LIMITED");
      assert.ok(error.retryAfterMs !== undefined && error.retryAfterMs > 0);
    }
    nowMs += 1_000 / writes.length;
  }
  return admitted;
}

const clicks = (count: number, of: (click: number) => Omit<Write, "cells">, cells = 1) =>
  Array.from({ length: count }, (_, click) => ({ ...of(click), cells }));

describe("admission", () => {
  test("of 2,000 clicks in a second lets a session's burst and rate through, and rejects a growing share the more there are", () => {
    let shareBefore = 0;
    for (const count of [100, 240, 500, 1_000, 2_000, 4_000]) {
      const admitted = admittedInOneSecond(clicks(count, () => ({ address: "192.0.2.1", session: "one" })));
      assert.ok(admitted <= 250, `${admitted} of ${count}`);
      const rejectedShare = 1 - admitted / count;
      assert.ok(rejectedShare >= shareBefore, `${rejectedShare} of ${count} rejected, ${shareBefore} of fewer`);
      shareBefore = rejectedShare;
    }
    assert.ok(shareBefore > 0.9);
  });

  test("never takes more than burst and rate of a session, an address or a network, whatever the order of the writes", () => {
    const write = fc.record({
      site: fc.integer({ min: 1, max: 2 }),
      house: fc.nat(30),
      session: fc.nat(100),
      cells: fc.integer({ min: 1, max: 200 }),
      afterMs: fc.nat(300),
    });
    fc.assert(
      fc.property(fc.array(write, { minLength: 200, maxLength: 600 }), (writes) => {
        let nowMs = 0;
        const clock = { now: () => nowMs, after: () => () => undefined, random: () => 0 };
        const small: AdmissionLimits = { ...LIMITS, writes: { perSecond: 5, burst: 20 } };
        const admission = new Admission(small, clock);
        const taken = new Map<string, number>();
        for (const { site, house, session, cells, afterMs } of writes) {
          nowMs += afterMs;
          const address = addressKey(`2001:db8:${site}:${house}::1`);
          const counted = [
            `session ${site} ${house} ${session}`,
            `address ${address}`,
            `network ${networkKey(address)}`,
          ];
          try {
            admission.admitWrite(address, counted[0], cells);
          } catch {
            continue;
          }
          for (const key of counted) {
            taken.set(key, (taken.get(key) ?? 0) + cells);
            const sessions = key.startsWith("session") ? 1 : key.startsWith("address") ? 20 : 400;
            const most = sessions * (20 + (5 * nowMs) / 1_000);
            assert.ok((taken.get(key) ?? 0) <= most + 1e-6, `${key} wrote ${taken.get(key)} of ${most}`);
          }
        }
      }),
      { numRuns: 50 },
    );
  });

  test("cannot be bypassed by changing addresses within a /64, and only to a certain extent within a /48", () => {
    const inHouse = admittedInOneSecond(
      clicks(200, (click) => ({ address: `2001:db8:1:2::${click.toString(16)}`, session: `s${click}` }), 100),
    );
    assert.ok(inHouse >= 4_000 && inHouse <= 5_000, `20 sessions' worth: ${inHouse}`);
    const inSite = admittedInOneSecond(
      clicks(1_500, (click) => ({ address: `2001:db8:1:${click.toString(16)}::1`, session: `s${click}` }), 100),
    );
    assert.ok(inSite >= 80_000 && inSite <= 100_000, `400 sessions' worth: ${inSite}`);
  });

  test("slows an address down in HTTP, whatever it asks for, and no other", () => {
    const admission = new Admission({ ...LIMITS, http: { perSecond: 10, burst: 50 } }, new VirtualClock());
    const waits = Array.from({ length: 71 }, () => admission.paceHttp("a"));
    assert.deepEqual(waits.slice(0, 51), Array(51).fill(0));
    assert.equal(waits.at(-1), 2_000);
    assert.ok(waits.slice(51).every((ms, index) => ms === (index + 1) * 100));
    assert.equal(admission.paceHttp("b"), 0);
  });

  test("lets an address watch as much as 20 connections, however many it opens", () => {
    const admission = new Admission(LIMITS, new VirtualClock());
    let watched = 0;
    for (let connection = 0; connection < 50; connection++) {
      const own = admission.allowance("a");
      try {
        for (;;) {
          admission.admitWatch(own, 256);
          watched += 256;
        }
      } catch (error) {
        assert.ok(error instanceof Refusal && error.code === "RATE_LIMITED" && (error.retryAfterMs ?? 0) > 0);
      }
    }
    assert.equal(watched, 20 * LIMITS.watches.burst);
  });

  test("counts connections by number and by rate, tells both how long to wait, and lets others in meanwhile", async () => {
    const clock = new VirtualClock();
    const admission = new Admission(
      { ...LIMITS, connectionsPerAddress: 10, connects: { perSecond: 2, burst: 10 } },
      clock,
    );
    const connect = (address: string): number => {
      try {
        admission.connect(address);
        return 0;
      } catch (error) {
        assert.ok(error instanceof Refusal && error.code === "TOO_MANY_CONNECTIONS");
        assert.ok(error.retryAfterMs !== undefined && error.retryAfterMs > 0);
        return error.retryAfterMs;
      }
    };
    const open = Array.from({ length: 15 }, () => connect("a")).filter((waitMs) => waitMs === 0).length;
    assert.equal(open, 10, "by number");
    for (let count = 0; count < open; count++) admission.disconnect("a");
    const waitMs = connect("a");
    assert.ok(waitMs >= 1_000 && waitMs < 2_000, "by rate, spread over a second at least");
    assert.equal(connect("b"), 0);
    await clock.pass(waitMs);
    assert.equal(connect("a"), 0, "after the time of its refusal");
  });

  test("counts a connection that was ended for its errors as many, and the debt is paid back by time", async () => {
    const clock = new VirtualClock();
    const admission = new Admission(LIMITS, clock);
    const connects = (address: string): boolean => {
      try {
        admission.connect(address);
        admission.disconnect(address);
        return true;
      } catch {
        return false;
      }
    };
    let offences = 0;
    for (let attempt = 0; attempt < 1_000; attempt++) {
      if (!connects("a")) continue;
      admission.offended("a");
      offences++;
    }
    assert.ok(offences <= 21, `${offences} connections before it had to wait`);
    assert.ok(connects("b"));
    for (let count = 0; count < 1_000; count++) admission.offended("a");
    await clock.pass(10_100);
    assert.ok(connects("a"), "a debt is at most a burst");
  });
});

describe("buckets by key", () => {
  test("are bounded: full ones are forgotten when room is needed, and without room only new keys are refused", () => {
    const buckets = new KeyedBuckets({ perSecond: 1, burst: 2 }, 1_000);
    for (let key = 0; key < 1_000; key++) assert.equal(buckets.take(String(key), 1, 0), 0);
    assert.throws(() => buckets.take("new", 1, 0), { code: "BUSY" });
    buckets.charge("new", 1, 0);
    assert.equal(buckets.take("5", 1, 0), 0);
    assert.ok(buckets.take("5", 1, 0) > 0);
    assert.equal(buckets.take("new", 1, 1_500), 0);
    // All but the one that took twice were full again.
    assert.equal(buckets.size, 2);
  });
});

describe("an address", () => {
  for (const [address, key, network] of [
    ["192.0.2.7", "192.0.2.7", undefined],
    ["::ffff:192.0.2.7", "192.0.2.7", undefined],
    ["::FFFF:c000:207", "192.0.2.7", undefined],
    ["2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64", "2001:db8:1::/48"],
    ["2001:0DB8:0001:0002::9", "2001:db8:1:2::/64", "2001:db8:1::/48"],
    ["2001:db8::5", "2001:db8::/64", "2001:db8:0::/48"],
    ["::1", "::/64", "0:0:0::/48"],
    ["fe80::1%eth0", "fe80::/64", "fe80:0:0::/48"],
    [undefined, "unknown", undefined],
  ] as const) {
    test(`${address} counts as ${key} of network ${network}`, () => {
      assert.equal(addressKey(address), key);
      assert.equal(networkKey(key), network);
    });
  }

  test("has the same network as every other address of its /48, and none of another", () => {
    const group = fc.integer({ min: 0, max: 0xffff }).map((value) => value.toString(16));
    const prefix = fc.tuple(
      fc.integer({ min: 0x2000, max: 0x3fff }).map((value) => value.toString(16)),
      group,
      group,
    );
    const rest = fc.tuple(group, group, group, group, group);
    const networkOf = (...groups: string[]) => networkKey(addressKey(groups.join(":")));
    fc.assert(
      fc.property(prefix, prefix, rest, rest, (one, other, here, there) => {
        assert.equal(networkOf(...one, ...here), networkOf(...one, ...there));
        assert.equal(networkOf(...one, ...here) === networkOf(...other, ...here), one.join() === other.join());
      }),
    );
  });
});
