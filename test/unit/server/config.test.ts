import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { BadOption, readConfig } from "../../../src/server/config.js";
import { TokenBucket } from "../../../src/server/limits/token-bucket.js";

describe("options", () => {
  test("have defaults that run", () => {
    const config = readConfig({}, {});
    assert.equal(config.port, 8_000);
    assert.deepEqual(config.boards, { main: 100 });
    assert.equal(config.valkeyUrl, undefined);
    assert.equal(config.dataDir, "./data");
  });

  test("flags win over the environment, VALKEY_URL over REDIS_URL, and an empty variable is none", () => {
    assert.equal(readConfig({ PORT: "1" }, { PORT: "2" }).port, 1);
    const env = { VALKEY_URL: "valkey://a:1", REDIS_URL: "redis://b:2" };
    assert.equal(readConfig({}, env).valkeyUrl, "valkey://a:1");
    assert.equal(readConfig({}, { ...env, VALKEY_URL: "" }).valkeyUrl, "redis://b:2");
    assert.equal(readConfig({}, { PORT: "" }).port, 8_000);
  });

  test("several boards are read in order", () => {
    const { boards } = readConfig({ BOARDS: "main=100, big=1000000000,x-1_Y=1" }, {});
    assert.deepEqual(boards, { main: 100, big: 1_000_000_000, "x-1_Y": 1 });
  });

  for (const [name, value] of [
    ["PORT", "abc"],
    ["PORT", "70000"],
    ["PORT", "-1"],
    ["PORT", "8000.5"],
    ["TRUSTED_PROXIES", "10.0.0.0/40"],
    ["TRUSTED_PROXIES", "everybody"],
    ["BOARDS", "main"],
    ["BOARDS", "main=0"],
    ["BOARDS", "main=4294967297"],
    ["BOARDS", "main=1,main=2"],
    ["BOARDS", "a b=1"],
    ["BOARDS", "{x}=1"],
    ["VALKEY_URL", "localhost:6379"],
    ["VALKEY_URL", "http://localhost"],
    ["KEY_PREFIX", "{a}"],
    ["KEY_PREFIX", "a*"],
    ["KEY_PREFIX", "a b"],
    ["VALKEY_NAT_MAP", "10.0.0.5:7000"],
    ["VALKEY_NAT_MAP", "10.0.0.5=localhost"],
    ["VALKEY_NAT_MAP", "a:1=b:2,a:1=c:3"],
    ["WRITE_BURST", "0"],
    ["HISTORY", "1y"],
    ["HISTORY", "1h,2h"],
    ["HISTORY", "31d"],
    ["LOG_LEVEL", "loud"],
    ["ORIGINS", "example.org"],
    ["ACCESS", "closed"],
    ["ACCESS", "main=open,main=token"],
    ["JWKS_URL", "http://id.example/keys"],
  ] as const) {
    test(`${name}=${value} is refused with the name, the value and what was expected`, () => {
      assert.throws(
        () => readConfig({}, { [name]: value }),
        (error) => {
          assert.ok(error instanceof BadOption);
          assert.ok(error.message.startsWith(`${name} is "${value}": expected `), error.message);
          return true;
        },
      );
    });
  }
});

describe("options of access", () => {
  for (const [name, env, message] of [
    ["a rule for a board that is not there", { ACCESS: "mian=open" }, /ACCESS names the board "mian"/],
    [
      "a board that needs a token without keys",
      { ACCESS: "token" },
      /there is no key to verify tokens: set JWT_SECRET or JWKS_URL/,
    ],
    ["two kinds of keys", { JWT_SECRET: "x".repeat(32), JWKS_URL: "https://id.example" }, /both set: keep one/],
    [
      "a short secret, which is not shown",
      { JWT_SECRET: "hunter2" },
      /^JWT_SECRET is not usable: expected at least 32/,
    ],
  ] as const) {
    test(`${name} is refused`, () => {
      assert.throws(() => readConfig({}, env), { message });
    });
  }
});

describe("the token bucket", () => {
  test("gives its burst at once, then its rate, and says how long to wait", () => {
    const bucket = new TokenBucket({ perSecond: 10, burst: 5 }, 0);
    assert.equal(bucket.take(5, 0), 0);
    assert.equal(bucket.take(1, 0), 100);
    assert.ok(Math.abs(bucket.take(1, 99) - 1) < 1e-9);
    assert.equal(bucket.take(1, 100), 0);
    assert.equal(bucket.take(5, 10_000), 0);
    assert.equal(bucket.take(1, 10_000), 100);
  });

  test("never allows more than burst plus rate, and rejects more the more is requested", () => {
    let refusedBefore = -1;
    for (const callsPerSecond of [5, 10, 50, 200, 2_000]) {
      const bucket = new TokenBucket({ perSecond: 10, burst: 20 }, 0);
      let taken = 0;
      let refused = 0;
      for (let call = 0; call < callsPerSecond * 10; call++) {
        if (bucket.take(1, (call / callsPerSecond) * 1_000) === 0) taken++;
        else refused++;
      }
      assert.ok(taken <= 20 + 10 * 10);
      assert.ok(refused >= refusedBefore);
      refusedBefore = refused;
    }
  });
});
