/* When a peer is disconnected for what it asks. */

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { PAGE_CELLS } from "../../../../src/board/geometry.js";
import { Outbox } from "../../../../src/client/outbox.js";
import { type ErrorCode, Refusal } from "../../../../src/protocol/errors.js";
import { Instance } from "../../../../src/server/instance/instance.js";
import { Conversation } from "../../../../src/server/session/conversation.js";
import { createLog } from "../../../../src/server/telemetry/log.js";
import { ModelStore } from "../../../support/model-store.js";
import { VirtualClock } from "../../../support/virtual-clock.js";

const LOTS = { perSecond: 1_000_000, burst: 1_000_000 };

function converse() {
  const clock = new VirtualClock();
  const instance = new Instance({
    name: "one",
    boards: { main: PAGE_CELLS },
    store: new ModelStore(clock),
    clock,
    log: createLog("silent"),
    admission: { writes: LOTS, requests: LOTS, watches: LOTS, connectionsPerAddress: 100, connects: LOTS },
    writer: { waitMs: 1_000, queuedChangesMax: 1_000 },
    fanOut: { flushMsMin: 16, flushMsMax: 1_000, share: 0.2, unseenMs: 60, framesUnseen: 500 },
    watchedPagesMax: 10,
  });
  const ends: ErrorCode[] = [];
  const conversation = new Conversation(instance, instance.admission.allowance("a"), ({ code }) => ends.push(code));
  const refuse = async (code: ErrorCode) => {
    const answer = conversation.answer(() => Promise.reject(new Refusal(code)));
    // A connection that asks for much waits for its turn.
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
      const { refuse, ends } = converse();
      // Tenths do not add up to exactly a whole.
      for (let count = 0; count < requests - 1; count++) await refuse(code);
      assert.deepEqual(ends, []);
      for (let count = 0; count < 3; count++) await refuse(code);
      assert.deepEqual(ends, ["TOO_MANY_ERRORS"]);
    });
  }

  test("survives 25 large fills in a row that an app forbids without naming cells", async () => {
    const { refuse, ends } = converse();
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
