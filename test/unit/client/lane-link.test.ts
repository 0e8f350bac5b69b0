/* The lane as the client library speaks it: which answer belongs to what. */

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { LaneLink } from "../../../src/client/lane-link.js";
import { Refusal } from "../../../src/protocol/errors.js";
import { decodeUp, encodeAcks, encodeRefusal } from "../../../src/protocol/lane.js";
import { VirtualClock } from "../../support/virtual-clock.js";

const ignore = () => undefined;
const LISTENER = {
  ...{ delta: ignore, snapshot: ignore, overview: ignore, counts: ignore, looking: ignore, frozen: ignore },
  ...{ notice: ignore, through: ignore, asked: ignore, opened: ignore, up: ignore, over: ignore },
};

describe("a link over the lane", () => {
  test("a write is answered by its acknowledgement or its refusal, as requests are", () => {
    const sent: Uint8Array[] = [];
    const wire = { send: (bytes: Uint8Array) => void sent.push(bytes), close: ignore };
    const link = new LaneLink(wire, { clock: new VirtualClock(), listener: LISTENER, getToken: undefined });
    const replies: unknown[] = [];
    for (const seq of [1, 2]) {
      const write = { handle: 3, session: "Zm9yLWV4YW1wbGUtb25seQ", seq, changes: [[seq, 1]] as const };
      link.request("write", write, (reply) => replies.push(reply));
    }
    assert.deepEqual(
      sent.map(decodeUp).map((message) => message?.kind === "write" && message.seq),
      [1, 2],
    );
    const error = new Refusal("FROZEN", { cells: [2] }).toBody();
    link.receive(encodeRefusal(3, 2, error));
    link.receive(encodeAcks(3, [{ seq: 1, at: [[0, 7]] }]));
    assert.deepEqual(replies, [{ error }, { at: [[0, 7]] }]);
  });
});
