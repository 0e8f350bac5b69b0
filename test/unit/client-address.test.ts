/* Whose address counts, with and without proxies that are trusted. */

import assert from "node:assert/strict";
import type { IncomingMessage } from "node:http";
import { describe, test } from "node:test";
import { addressKey } from "../../src/server/address.js";
import { clientAddress, trustIn } from "../../src/server/client-address.js";

function clientOf(peer: string, forwarded: string | undefined, ...proxies: string[]): string {
  const trust = trustIn(proxies);
  assert.ok(trust);
  const headers = forwarded === undefined ? {} : { "x-forwarded-for": forwarded };
  const request = { headers, socket: { remoteAddress: peer } } as unknown as IncomingMessage;
  return addressKey(clientAddress(request, trust));
}

describe("the address that counts", () => {
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

  test("can be told of IPv6 proxies and of ranges by name", () => {
    assert.equal(clientOf("fd00::1", "2001:db8::9", "fd00::/8"), "2001:db8::/64");
    assert.equal(clientOf("::1", "203.0.113.9", "loopback"), "203.0.113.9");
    for (const bad of ["10.0.0.0/33", "example.org", "10.0.0"]) assert.equal(trustIn([bad]), undefined, bad);
  });
});
