import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { parseValkeyUrl, withoutPassword } from "../../../../../src/store/valkey/address/url.js";

const open = { username: undefined, password: undefined, tls: false };

describe("an address of Valkey", () => {
  const good: [string, object][] = [
    ["valkey://db", { ...open, kind: "single", endpoint: { host: "db", port: 6379 }, database: 0 }],
    ["redis://127.0.0.1:7000/3", { ...open, kind: "single", endpoint: { host: "127.0.0.1", port: 7000 }, database: 3 }],
    ["valkey://[::1]:7000", { ...open, kind: "single", endpoint: { host: "::1", port: 7000 }, database: 0 }],
    [
      "valkeys://user:p%40ss@db:1",
      { kind: "single", username: "user", password: "p@ss", tls: true, endpoint: { host: "db", port: 1 }, database: 0 },
    ],
    [
      "rediss://:secret@db",
      {
        kind: "single",
        username: undefined,
        password: "secret",
        tls: true,
        endpoint: { host: "db", port: 6379 },
        database: 0,
      },
    ],
    [
      "valkey+cluster://a:7000,b:7001,c",
      {
        ...open,
        kind: "cluster",
        seeds: [
          { host: "a", port: 7000 },
          { host: "b", port: 7001 },
          { host: "c", port: 6379 },
        ],
      },
    ],
    [
      "valkey+sentinel://a,b:26380/mymaster",
      {
        ...open,
        kind: "sentinel",
        sentinels: [
          { host: "a", port: 26379 },
          { host: "b", port: 26380 },
        ],
        name: "mymaster",
      },
    ],
  ];
  for (const [text, address] of good) {
    test(`${text} is read`, () => assert.deepEqual(parseValkeyUrl(text), address));
  }

  const bad = [
    "",
    "db:6379",
    "http://db",
    "valkey://",
    "valkey://a:1,b:2",
    "valkey://a:0",
    "valkey://a:65536",
    "valkey://a/name",
    "valkey+cluster://a/0",
    "valkey+cluster://a,",
    "valkey+sentinel://a",
    "valkey+other://a",
    "valkey://user:%zz@a",
    "valkey://::1",
  ];
  for (const text of bad) test(`"${text}" is refused`, () => assert.equal(parseValkeyUrl(text), undefined));

  test("is shown without its password", () => {
    assert.equal(withoutPassword("valkey+cluster://u:secret@a:1,b:2"), "valkey+cluster://***@a:1,b:2");
  });
});
