/* Whose address counts, with and without proxies that are trusted. */

import assert from "node:assert/strict";
import type { IncomingMessage } from "node:http";
import { isIP } from "node:net";
import { describe, test } from "node:test";
import fc from "fast-check";
import { addressKey } from "../../../../src/server/limits/address.js";
import { clientAddress, trustIn } from "../../../../src/server/limits/client-address.js";

function clientOf(peer: string, forwarded: string | undefined, ...proxies: string[]): string {
  return clientBy(forwarded === undefined ? {} : { "x-forwarded-for": forwarded }, peer, ...proxies);
}

function clientBy(headers: Record<string, string>, peer: string, ...proxies: string[]): string {
  const trust = trustIn(proxies);
  assert.ok(trust);
  const request = { headers, socket: { remoteAddress: peer } } as unknown as IncomingMessage;
  return addressKey(clientAddress(request, trust));
}

describe("the address that counts", () => {
  test("is found in one look at the header, however long and whatever it is", () => {
    // A look for each character would take minutes for all of these.
    for (const run of [
      " ",
      "\t",
      " \t",
      ",",
      ";",
      "a",
      "a=",
      '"',
      "\\",
      "=",
      "[",
      ":",
      "::",
      ", ",
      "for=",
      '\\"',
      "for=a;",
    ]) {
      const long = run.repeat(16_000 / run.length);
      for (let count = 0; count < 20; count++) {
        for (const forwarded of [`for=a;${long}x`, `for=${long}`, `for="${long}`, `${long}for=b`, long]) {
          clientBy({ forwarded, "x-forwarded-for": forwarded }, "127.0.0.1", "loopback");
        }
      }
    }
  });

  test("is the connection's where nobody is trusted, whatever the header claims", () => {
    assert.equal(clientOf("203.0.113.9", undefined), "203.0.113.9");
    assert.equal(clientOf("203.0.113.9", "6.6.6.6"), "203.0.113.9");
    assert.equal(clientOf("203.0.113.9", "10.0.0.1", "10.0.0.0/8"), "203.0.113.9");
  });

  test("is the right-most that is not trusted: what a client wrote itself counts for nothing", () => {
    assert.equal(clientOf("10.0.0.1", "203.0.113.9", "10.0.0.1"), "203.0.113.9");
    assert.equal(clientOf("10.0.0.1", "6.6.6.6, 203.0.113.9", "10.0.0.1"), "203.0.113.9");
    assert.equal(clientOf("10.0.0.1", "10.0.0.7, 203.0.113.9, 10.0.0.2", "10.0.0.0/8"), "203.0.113.9");
    assert.equal(clientOf("10.0.0.1", "203.0.113.9, 172.16.0.1", "10.0.0.1"), "172.16.0.1");
  });

  test("is the same for an IPv4 address and its form in IPv6, of the proxy and of the client", () => {
    assert.equal(clientOf("::ffff:10.0.0.1", "203.0.113.9", "10.0.0.0/8"), "203.0.113.9");
    assert.equal(clientOf("10.0.0.1", "203.0.113.9", "::ffff:10.0.0.1"), "203.0.113.9");
    assert.equal(clientOf("10.0.0.1", "::ffff:203.0.113.9", "10.0.0.1"), "203.0.113.9");
    assert.equal(clientOf("::ffff:203.0.113.9", "6.6.6.6", "10.0.0.0/8"), "203.0.113.9");
  });

  test("is the proxy's own where it passes on something that is no address, or nothing", () => {
    for (const forwarded of ["unknown", "", ",", undefined]) {
      assert.equal(clientOf("10.0.0.1", forwarded, "10.0.0.1"), "10.0.0.1");
    }
  });

  test("takes IPv6 proxies, and ranges by name", () => {
    assert.equal(clientOf("fd00::1", "2001:db8::9", "fd00::/8"), "2001:db8::/64");
    assert.equal(clientOf("::1", "203.0.113.9", "loopback"), "203.0.113.9");
    for (const bad of ["10.0.0.0/33", "example.org", "10.0.0"]) assert.equal(trustIn([bad]), undefined, bad);
  });

  for (const [list, expected] of [
    ["198.51.100.1:5123", "198.51.100.1"],
    ["6.6.6.6:1, 198.51.100.1:5123", "198.51.100.1"],
    ["198.51.100.1:5123, 10.0.0.7:80", "198.51.100.1"],
    ["198.51.100.1:5123,,", "198.51.100.1"],
    ["2001:db8::1", "2001:db8::/64"],
    ["[2001:db8::1]", "2001:db8::/64"],
    ["[2001:db8::1]:443", "2001:db8::/64"],
    ["6.6.6.6, [2001:db8::1]:443, [::ffff:10.0.0.7]:1", "2001:db8::/64"],
    ["[::ffff:198.51.100.1]:443", "198.51.100.1"],
    ["fe80::1%eth0", "fe80::/64"],
    // An entry without an address counts as the proxy, and nothing to the left of it is believed.
    ["198.51.100.1, unknown", "10.0.0.1"],
    ["198.51.100.1, _hidden:1", "10.0.0.1"],
    ["198.51.100.1:5123:7", "10.0.0.1"],
    ["[198.51.100.1", "10.0.0.1"],
    ["[]:443", "10.0.0.1"],
    ["2001:db8::1]:443", "10.0.0.1"],
    ["198.51.100.256:80", "10.0.0.1"],
    ["198.51.100.1 x", "10.0.0.1"],
  ] as const) {
    test(`is read from X-Forwarded-For: ${list}`, () => {
      assert.equal(clientOf("10.0.0.1", list, "10.0.0.0/8"), expected);
      assert.equal(clientOf("203.0.113.9", list, "10.0.0.0/8"), "203.0.113.9", "of a peer that is not trusted");
    });
  }

  for (const [forwarded, expected] of [
    ['for="[2001:db8::1]:4711";proto=https', "2001:db8::/64"],
    ["for=198.51.100.1", "198.51.100.1"],
    ['For="198.51.100.1:5123" ; by=203.0.113.43;host="a, b;c"', "198.51.100.1"],
    ['proto=https;for="\\1\\98.51.100.1"', "198.51.100.1"],
    ["for=6.6.6.6, for=198.51.100.1;proto=http , for=10.0.0.7", "198.51.100.1"],
    ['for=6.6.6.6;by="for=7.7.7.7, for=8.8.8.8", for=198.51.100.1', "198.51.100.1"],
    [", for=198.51.100.1 ,,", "198.51.100.1"],
    ["for=198.51.100.1, for=unknown", "10.0.0.1"],
    ["for=198.51.100.1, for=_gazonk", "10.0.0.1"],
    ["for=198.51.100.1, proto=https", "10.0.0.1"],
    ["", "10.0.0.1"],
    ["for=", "10.0.0.1"],
    ['for="198.51.100.1', "10.0.0.1"],
    ["for=198.51.100.1 for=198.51.100.2", "10.0.0.1"],
    ["198.51.100.1", "10.0.0.1"],
    ["=;=,=", "10.0.0.1"],
  ] as const) {
    test(`is read from Forwarded: ${forwarded}`, () => {
      assert.equal(clientBy({ forwarded }, "10.0.0.1", "10.0.0.0/8"), expected);
      assert.equal(
        clientBy({ forwarded }, "203.0.113.9", "10.0.0.0/8"),
        "203.0.113.9",
        "of a peer that is not trusted",
      );
    });
  }

  test("is believed of two headers if they agree: a proxy writes one and passes the other on", () => {
    const both = (list: string, forwarded: string) =>
      clientBy({ "x-forwarded-for": list, forwarded }, "10.0.0.1", "10.0.0.0/8");
    assert.equal(both("198.51.100.1:1, 10.0.0.7", 'for="198.51.100.1:2"'), "198.51.100.1");
    assert.equal(both("198.51.100.1", "for=6.6.6.6"), "10.0.0.1");
    assert.equal(both("6.6.6.6", "for=198.51.100.1"), "10.0.0.1");
  });

  test("is the client's or the proxy's whatever a header holds, and is found quickly", () => {
    const text = fc.string({
      unit: fc.constantFrom(...'[]:.,;="\\ 1af_%'.split(""), "for=", "198.51.100.1"),
      maxLength: 60,
    });
    fc.assert(
      fc.property(text, (header) => {
        for (const headers of [{ forwarded: header }, { "x-forwarded-for": header }]) {
          const address = clientBy(headers, "10.0.0.1", "10.0.0.0/8");
          assert.ok(address === "10.0.0.1" || isIP(address.replace("/64", "")) !== 0, address);
        }
      }),
    );
    for (const long of [
      ";".repeat(16_000),
      "a=".repeat(8_000),
      '"'.repeat(16_000),
      " ".repeat(16_000),
      "\\".repeat(16_000),
    ]) {
      assert.equal(clientBy({ forwarded: long, "x-forwarded-for": long }, "10.0.0.1", "10.0.0.0/8"), "10.0.0.1");
    }
  });
});
