import assert from "node:assert/strict";
import type { IncomingMessage } from "node:http";
import { describe, test } from "node:test";
import { engineIdIn } from "../../../../src/server/connections/handshake.js";

describe("the session that a request names", () => {
  test("is the one that Engine.IO takes, however the query is written", () => {
    const of = (url: string) => engineIdIn({ url } as IncomingMessage);
    assert.equal(of("/socket.io/?EIO=4&sid=REAL"), "REAL");
    assert.equal(of("/socket.io/?sid=bogus&EIO=4&sid=REAL"), "REAL");
    assert.equal(of("/socket.io/?sid=bogus&%73id=REAL"), "REAL");
    assert.equal(of("/socket.io/?EIO=4&sid="), "");
    assert.equal(of("/socket.io/"), "");
  });
});
