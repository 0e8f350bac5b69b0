/*
 * Question: what do our frames cost to encode and decode, and how long are they, compared with
 * JSON?
 */

import { changedOffset, changedValue } from "../../src/board/delta.js";
import { PAGE_CELLS } from "../../src/board/geometry.js";
import { decodeSnapshot, encodeSnapshot } from "../../src/protocol/codec.js";
import { decodeDelta, encodeDelta } from "../../src/protocol/delta-text.js";
import { decodeDown } from "../../src/protocol/lane.js";
import { LaneDelta } from "../../src/protocol/lane-delta.js";
import type { Scenario } from "../load/outcome.js";
import { deltaOf, snapshotOf } from "./pages.js";
import { microsecondsOf } from "./time.js";

export const microCodec: Scenario = {
  name: "micro-codec",
  question: "What do frames cost to encode and decode, compared with JSON?",
  run: async ({ isQuick }) => {
    const deltas = [1, 4, 32, 256, 4_096].map((count) => {
      const delta = deltaOf(count);
      const text = encodeDelta(1, delta);
      const lane = new LaneDelta(1, delta).continuation;
      const last = { handle: 1, page: delta.page, position: delta.from };
      const pairs = Array.from(delta.changes, (change) => [changedOffset(change), changedValue(change)]);
      const { page, from, to } = delta;
      const plain = { handle: 1, page, from, to, changes: pairs };
      const json = JSON.stringify(plain);
      return {
        system: `delta of ${count.toLocaleString("en-US")}`,
        write: microsecondsOf(() => new LaneDelta(1, delta).continuation, isQuick),
        read: microsecondsOf(() => decodeDown(lane, last), isQuick),
        bytes: lane.length,
        textWrite: microsecondsOf(() => encodeDelta(1, delta), isQuick),
        textRead: microsecondsOf(() => decodeDelta(text), isQuick),
        textBytes: text.length,
        jsonWrite: microsecondsOf(() => JSON.stringify(plain), isQuick),
        jsonRead: microsecondsOf(() => JSON.parse(json), isQuick),
        jsonBytes: json.length,
      };
    });
    const snapshots = [0.001, 0.05, 0.5].map((share) => {
      const snapshot = snapshotOf(share);
      const bytes = encodeSnapshot(1, snapshot);
      return {
        system: `snapshot, ${share * 100} % checked`,
        write: microsecondsOf(() => encodeSnapshot(1, snapshot), isQuick),
        read: microsecondsOf(() => decodeSnapshot(bytes, () => PAGE_CELLS), isQuick),
        bytes: bytes.length,
        textWrite: null,
        textRead: null,
        textBytes: null,
        jsonWrite: null,
        jsonRead: null,
        jsonBytes: null,
      };
    });
    return {
      method:
        "Random cells of one page. Microseconds per frame. A delta is a continuation of the lane; for Socket.IO it is base64url.",
      columns: {
        system: "frame",
        write: "write, µs",
        read: "read, µs",
        bytes: "bytes",
        textWrite: "for Socket.IO: write, µs",
        textRead: "read, µs",
        textBytes: "bytes",
        jsonWrite: "JSON write, µs",
        jsonRead: "JSON read, µs",
        jsonBytes: "JSON bytes",
      },
      rows: [...deltas, ...snapshots],
    };
  },
};
