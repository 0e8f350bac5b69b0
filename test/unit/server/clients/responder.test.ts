/* When a client is disconnected for its requests. */

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { PAGE_CELLS } from "../../../../src/board/geometry.js";
import { Outbox } from "../../../../src/client/outbox/outbox.js";
import { type ErrorCode, Refusal } from "../../../../src/protocol/errors.js";
import { Responder } from "../../../../src/server/clients/responder.js";
import { modelInstance } from "../../../support/model-instance.js";
import { ModelStore } from "../../../support/model-store.js";
import { VirtualClock } from "../../../support/virtual-clock.js";

function setUp() {
  const clock = new VirtualClock();
  const instance = modelInstance({ clock, store: new ModelStore(clock), cells: PAGE_CELLS });
  const ends: ErrorCode[] = [];
  const responder = new Responder(instance, instance.admission.allowance("a"), {
    goodbye: ({ code }) => ends.push(code),
  });
  const refuse = async (code: ErrorCode) => {
    const answer = new Promise((reply) => {
      responder.answer<object>((settle) => settle(new Refusal(code)), reply);
    });
    // A connection with many requests waits for its turn.
    await clock.pass(0);
    return answer;
  };
  return { refuse, ends };
}

describe("a connection", () => {
  for (const [code, requests] of [
    ["BAD_REQUEST", 100],
    ["RATE_LIMITED", 1_000],
    ["FORBIDDEN", 1_000],
  ] as const) {
    test(`is ended for more than ${requests} requests at once that are refused with ${code}`, async () => {
      const { refuse, ends } = setUp();
      // Tenths do not add up to exactly a whole.
      for (let count = 0; count < requests - 1; count++) await refuse(code);
      assert.deepEqual(ends, []);
      for (let count = 0; count < 3; count++) await refuse(code);
      assert.deepEqual(ends, ["TOO_MANY_ERRORS"]);
    });
  }

  test("survives 25 large fills in a row that an app forbids without naming cells", async () => {
    const { refuse, ends } = setUp();
    const outbox = new Outbox();
    for (let fill = 0; fill < 25; fill++) {
      for (let cell = 0; cell < 512; cell++) outbox.set(cell, 1, 0, () => undefined);
      for (let write = outbox.take(512, 32); write; write = outbox.take(512, 32)) {
        await refuse("FORBIDDEN");
        outbox.refused(write.seq, new Refusal("FORBIDDEN"), true);
      }
    }
    assert.equal(outbox.waiting, 0);
    assert.deepEqual(ends, []);
  });
});
