/* What is said of a server when nothing more can be found out. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { parseValkeyUrl } from "../../../../../src/store/valkey/address/url.js";
import { explainAtLast } from "../../../../../src/store/valkey/trouble/trouble.js";

/** The reset that follows a server's alert may arrive first, and the alert is then lost. */
const RESET = Object.assign(new Error("write ECONNRESET"), { code: "ECONNRESET" });

for (const [url, cert, isGuessed] of [
  ["valkeys://127.0.0.1:6379", undefined, true],
  ["valkeys://127.0.0.1:6379", "a certificate", false],
  ["valkey://127.0.0.1:6379", undefined, false],
] as const) {
  test(`a reset at ${url} ${cert ? "with" : "without"} a client certificate`, () => {
    const address = parseValkeyUrl(url);
    assert.ok(address);
    const { text } = explainAtLast(RESET, { ...address, cert });
    assert.match(text, /write ECONNRESET.*Check the server's log/);
    assert.equal(/requires a client certificate .*VALKEY_CERT/.test(text), isGuessed);
  });
}
