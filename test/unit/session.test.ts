import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { Refusal } from "../../src/protocol/errors.js";
import { Instance } from "../../src/server/instance.js";
import { createLog } from "../../src/server/log.js";
import { Session } from "../../src/server/session.js";
import { ModelStore } from "../support/model-store.js";
import { VirtualClock } from "../support/virtual-clock.js";

const LOTS = { perSecond: 1_000_000, burst: 1_000_000 };
/** Of which an overview takes eight, and an address has twenty times as many. */
const WATCHES = { perSecond: 1, burst: 16 };

describe("a session", () => {
  test("is limited in overviews as in pages: also by its address, however many sessions that begins", async () => {
    const clock = new VirtualClock();
    const instance = new Instance({
      name: "one",
      boards: { main: 100 },
      store: new ModelStore(clock),
      clock,
      log: createLog("silent"),
      admission: { writes: LOTS, requests: LOTS, watches: WATCHES, connectionsPerAddress: 100, connects: LOTS },
      writer: { waitMs: 1_000, queuedChangesMax: 1_000 },
      fanOut: { flushMsMin: 16, flushMsMax: 1_000, share: 0.2, unseenMs: 60, framesUnseen: 500 },
      watchedPagesMax: 10,
    });
    const recipient = { backlogged: false, send: () => undefined, giveUp: assert.fail };
    const ask = async (session: Session) => {
      const asked = session.overview({ handle: 0, watch: true }).then(
        () => "watching",
        (error: unknown) => (error instanceof Refusal ? error.code : String(error)),
      );
      await clock.pass(0);
      return asked;
    };
    const outcomes: string[] = [];
    for (let count = 0; count < 21; count++) {
      const peer = { allowance: instance.admission.allowance("a"), online: () => 1, onlineEverywhere: () => 1 };
      const session = new Session(instance, recipient, peer);
      await session.open({ board: "main", protocol: 1 });
      for (let overview = 0; overview < 2; overview++) outcomes.push(await ask(session));
    }
    assert.deepEqual(outcomes, [...Array(40).fill("watching"), "RATE_LIMITED", "RATE_LIMITED"]);
    instance.close();
  });
});
