/* Which pages may ask, by the two headers that browsers write and pages cannot. */

import assert from "node:assert/strict";
import type { IncomingHttpHeaders, IncomingMessage } from "node:http";
import { describe, test } from "node:test";
import { isFromOrigin } from "../../../../src/server/access/origin.js";
import { BadOption, readConfig } from "../../../../src/server/config.js";

function isTaken(headers: IncomingHttpHeaders, ORIGINS = "https://app.test"): boolean {
  const { origins } = readConfig({}, { ORIGINS });
  return isFromOrigin({ headers } as IncomingMessage, origins);
}

describe("ORIGINS", () => {
  for (const [written, sent] of [
    ["https://app.test/", "https://app.test"],
    ["HTTPS://App.TEST", "https://app.test"],
    ["https://app.test:443", "https://app.test"],
    ["http://app.test:80/", "http://app.test"],
    ["https://app.test:8443/", "https://app.test:8443"],
    ["https://bücher.test", "https://xn--bcher-kva.test"],
    ["https://xn--bcher-kva.test", "https://BÜCHER.test"],
    ["http://[2001:DB8:0::1]:8000", "http://[2001:db8::1]:8000"],
    [" https://a.test ,\thttps://app.test", "https://app.test/"],
    ["https://app.test", "https://APP.test:443"],
  ] as const) {
    test(`${JSON.stringify(written)} takes pages of ${sent}, and no others`, () => {
      assert.equal(isTaken({ origin: sent }, written), true);
      assert.equal(isTaken({ origin: "https://app.test.evil.test" }, written), false);
      assert.equal(isTaken({ origin: sent.replace("://", "://x.") }, written), false);
    });
  }

  for (const value of [
    "app.test",
    "//app.test",
    "https://app.test/board",
    "https://app.test/?",
    "https://app.test/#",
    "https://app.test?x=1",
    "https://*.app.test",
    "https://app.test:*",
    "https://user@app.test",
    "ftp://app.test",
    "file:///",
    "null",
    "https://",
    "https://app.test,",
    "https://app.test https://b.test",
    "*.app.test",
  ]) {
    test(`${value} can match no page, and is refused at start with a sentence`, () => {
      assert.throws(
        () => readConfig({}, { ORIGINS: value }),
        (error) => error instanceof BadOption && /^ORIGINS is ".*": expected \* or origins such as/.test(error.message),
      );
    });
  }
});

describe("a page", () => {
  test("of the server's own is known by the host, however its port and case are written", () => {
    for (const [origin, host] of [
      ["https://app.test", "app.test"],
      ["https://app.test", "APP.test:443"],
      ["http://app.test", "app.test:80"],
      ["http://app.test:8000", "app.test:8000"],
    ] as const) {
      assert.equal(isTaken({ origin, host }, "https://other.test"), true, `${origin} ${host}`);
    }
    for (const [origin, host] of [
      ["https://app.test", "app.test:80"],
      ["http://app.test:8001", "app.test:8000"],
      ["null", "null"],
      ["file://", "app.test"],
      ["https://", undefined],
      ["https://app.test", ""],
    ] as const) {
      assert.equal(isTaken({ origin, host }, "https://other.test"), false, `${origin} ${host}`);
    }
  });

  test("of the server's own is known by the browser's word, also if a proxy changed the host", () => {
    const headers = { origin: "https://public.test", host: "internal:8000" };
    assert.equal(isTaken(headers), false);
    assert.equal(isTaken({ ...headers, "sec-fetch-site": "same-origin" }), true);
  });

  test("of another site is recognised even if the browser sends no origin, as for a script tag", () => {
    for (const site of ["cross-site", "same-site", "anything"]) {
      assert.equal(isTaken({ "sec-fetch-site": site }), false, site);
      assert.equal(isTaken({ "sec-fetch-site": site, origin: "https://evil.test" }), false, site);
      assert.equal(isTaken({ "sec-fetch-site": site, origin: "https://app.test" }), true, site);
    }
    assert.equal(isTaken({ "sec-fetch-site": "none" }), true, "typed by a person");
    assert.equal(isTaken({}), true, "a program");
  });
});
