/*
 * Question: what does a flush cost before the first byte is sent, and what would encoding for each
 * client cost?
 *
 * A flush merges the deltas that have arrived and encodes one frame, with the WebSocket frame around
 * it: for the lane, as the continuation that nearly every client gets, or as a packet of Socket.IO.
 */

import { createServer } from "node:http";
import { mergeDeltas } from "../../src/board/delta.js";
import { deltaMessage } from "../../src/server/lane/message.js";
import { DeltaFrame } from "../../src/server/pages/recipient.js";
import { FrameEncoder } from "../../src/server/sockets/frame-sender.js";
import { createSocketServer } from "../../src/server/sockets/sockets.js";
import type { Scenario } from "../load/outcome.js";
import { deltaOf } from "./pages.js";
import { microsecondsOf } from "./time.js";

const CLIENTS = 200;

export const microFanOut: Scenario = {
  name: "micro-fan-out",
  question: "What does a flush cost before the first byte is sent?",
  run: async ({ isQuick }) => {
    const io = createSocketServer(createServer(), { origins: ["*"], messageBytesMax: 65_536, silentMsMax: 10_000 });
    const encoder = new FrameEncoder(io);
    const rows = [
      [1, 1],
      [4, 1],
      [8, 32],
      [32, 256],
    ].map(([deltas = 0, changes = 0]) => {
      const gathered = Array.from({ length: deltas }, (_, version) => deltaOf(changes, version));
      const flushWith = (encode: (frame: DeltaFrame) => unknown) => () => {
        const merged = mergeDeltas(gathered);
        return merged && encode(new DeltaFrame(1, merged));
      };
      const once = microsecondsOf(
        flushWith((frame) => deltaMessage(frame, true).frame),
        isQuick,
      );
      const socketIo = microsecondsOf(
        flushWith((frame) => encoder.prepare(frame)),
        isQuick,
      );
      const merge = microsecondsOf(() => mergeDeltas(gathered), isQuick);
      return {
        system: `${deltas} × ${changes} changes`,
        merge,
        once,
        socketIo,
        each: (merge.median + (once.median - merge.median) * CLIENTS) / 1_000,
      };
    });
    await io.close();
    return {
      method: `A flush merges the deltas that have arrived, then encodes the delta and the WebSocket frame once for all clients. The last column is computed, not measured: the time if each of ${CLIENTS} clients had an encoding of its own.`,
      columns: {
        system: "arrived",
        merge: "merging alone, µs",
        once: "a flush, µs",
        socketIo: "a flush over Socket.IO, µs",
        each: `encoded for each of ${CLIENTS}, ms`,
      },
      rows,
    };
  },
};
