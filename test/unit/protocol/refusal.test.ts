/* Refusals as a client reads them from an instance's answer. */

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { refusalFrom } from "../../../src/protocol/refusal.js";

describe("a refusal that a client reads", () => {
  test("has the message that the instance sent", () => {
    const message = "You are not allowed to do this on this board (its app says so).";
    const refusal = refusalFrom({ code: "FORBIDDEN", message, retryAfterMs: 20, cells: [4, "5"] });
    assert.deepEqual(refusal.toBody(), { code: "FORBIDDEN", message, retryAfterMs: 20, cells: [4] });
  });

  test("without a message has a sentence of the client", () => {
    assert.equal(refusalFrom({ code: "TOO_SLOW" }).message, "The instance answered with the error TOO_SLOW.");
    assert.match(refusalFrom({ code: "CELL_OUT_OF_RANGE", message: 7 }).message, /^The board has no such checkbox\./);
  });

  test("of a code that the client does not know may have had its effect, and is tried again", () => {
    const refusal = refusalFrom({ code: "OF_TOMORROW", message: "The board sleeps.", retryAfterMs: 7_000 });
    const { code, message, pauseMs, rule } = refusal;
    assert.deepEqual([code, message, pauseMs], ["INTERNAL", "The board sleeps.", 7_000]);
    assert.deepEqual(rule, { outcome: "unknown", retry: true });
  });

  test("of an answer that is no error is INTERNAL", () => {
    for (const body of [undefined, null, 7, "FROZEN", [], {}, { code: 7 }, { code: "toString" }]) {
      const { code, message } = refusalFrom(body);
      assert.equal(code, "INTERNAL");
      assert.match(message, /^The instance failed/);
    }
  });
});
