/* The texts of errors. */

import assert from "node:assert/strict";
import test from "node:test";
import { Refusal } from "../../../src/protocol/errors.js";

test("a detail follows the first sentence, which says what happened; the next says what to do", () => {
  const { message } = new Refusal("BAD_REQUEST", { detail: "there is no such request" });
  assert.equal(message, "The request is malformed (there is no such request). See PROTOCOL.md for the format.");
});

test("a detail ends a message of one sentence, and is taken as it is", () => {
  const { message } = new Refusal("FORBIDDEN", { message: "No.", detail: "$& is not listed" });
  assert.equal(message, "No ($& is not listed).");
});
