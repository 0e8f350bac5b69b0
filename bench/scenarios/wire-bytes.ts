/*
 * Question: how many bytes does a change take on the wire to a client, compared with the fewest
 * possible?
 *
 * 200 writes a second, uniform over one page. Which k of 65,536 cells changed, and to what, takes
 * at least log2 C(65536, k) + k bits. The bound is summed over the frames that arrived, so it
 * depends on the flush interval. It includes neither positions nor framing, which every client
 * needs.
 */

import { setTimeout as pause } from "node:timers/promises";
import { pace } from "../../src/bench/pace.js";
import { AROUND_DELTA_BYTES, frameHeaderBytes } from "../../src/bench/wire-size.js";
import { PAGE_CELLS } from "../../src/board/geometry.js";
import { encodeDelta } from "../../src/protocol/codec.js";
import { newTag } from "../../src/store/tag.js";
import { faultsOf, gapNotes, judge, judgeSettled } from "../load/correctness.js";
import { OurClient, ours } from "../load/ours.js";
import { atMost, type Scenario, show } from "../load/outcome.js";
import { startSystem, startValkey } from "../load/processes.js";

const RATE = 200;
const TIMES = 2;
/** As in the CPU scenarios: enough that the instance sends frames at its longest interval. */
const CLIENTS = 200;

export const wireBytes: Scenario = {
  name: "wire-bytes",
  question: "How many bytes on the wire does a change take per client at 200 writes/s, uniform over a page?",
  run: async ({ isQuick }) => {
    const seconds = isQuick ? 4 : 15;
    const system = ours(PAGE_CELLS);
    const valkey = await startValkey();
    const server = await startSystem(system, valkey, PAGE_CELLS);
    const clients: OurClient[] = [];
    try {
      let inFrame = 0;
      const frames: number[] = [];
      for (let index = 0; index < CLIENTS; index++)
        clients.push(await OurClient.open(server.url, [0], index === 0 ? () => inFrame++ : undefined));
      const [watcher] = clients;
      if (!watcher) throw new Error("no client");
      watcher.framed = () => {
        if (inFrame > 0) frames.push(inFrame);
        inFrame = 0;
      };
      await pause(200);
      const before = watcher.deltaBytes;
      let write = 0;
      const last = new Map<number, boolean>();
      const startMs = performance.now();
      await pace(RATE, seconds * 1_000, () => {
        // Never the watcher: its acknowledgements would be counted too.
        const writer = clients[1 + (write % (clients.length - 1))];
        const cell = Math.floor(Math.random() * PAGE_CELLS);
        if (!writer) return;
        // The client may show an older value than its own last write.
        const value = !(last.get(cell) ?? false);
        writer.set(cell, value);
        last.set(cell, value);
        write++;
      });
      const tookSeconds = (performance.now() - startMs) / 1_000;
      const framesInTime = frames.length;
      const judged = await judgeSettled(async () => {
        const stored = await system.stored(valkey, server.url, PAGE_CELLS);
        return judge({ cells: PAGE_CELLS, last, stored }, clients);
      });
      const changes = frames.reduce((sum, count) => sum + count, 0);
      const bits = frames.reduce((sum, count) => sum + leastBits(PAGE_CELLS, count), 0);
      const bytes = watcher.deltaBytes - before;
      const row = {
        system: "SocketScaler",
        bytes: bytes / changes,
        bound: bits / 8 / changes,
        perFrame: changes / frames.length,
        framesPerSecond: framesInTime / tookSeconds,
        frameBytes: bytes / frames.length,
      };
      return {
        method: `One server, ${CLIENTS} clients, default flush interval, ${seconds} s; bytes of the WebSocket frames with changes, headers included. Bound: log2 C(65536, k) + k bits for each frame of k changes.`,
        columns: {
          system: "system",
          bytes: "bytes per change",
          bound: "bound, bytes per change",
          perFrame: "changes per frame",
          framesPerSecond: "frames/s",
          frameBytes: "bytes per frame",
        },
        rows: [row],
        targets: [
          atMost(TIMES, "×", "bytes per change, framing included, relative to the bound", row.bytes / row.bound),
        ],
        notes: [
          partsNote({ bytes: row.frameBytes, changes: row.perFrame, bound: row.bound * row.perFrame, version: write }),
          ...gapNotes(row.system, judged),
        ],
        faults: faultsOf(row.system, judged),
      };
    } finally {
      for (const client of clients) client.close();
      await server.stop();
      await valkey.stop();
    }
  },
};

interface Frame {
  readonly bytes: number;
  readonly changes: number;
  /** In bytes. */
  readonly bound: number;
  readonly version: number;
}

/** Where the bytes of an average frame go. The codec gives the size without changes. */
export function partsNote({ bytes, changes, bound, version }: Frame): string {
  const framing = AROUND_DELTA_BYTES + frameHeaderBytes(bytes);
  const tags = { from: newTag(), to: newTag() };
  const positions = encodeDelta(1, {
    kind: "delta",
    page: 0,
    from: { version: version - Math.max(1, Math.round(changes)), tag: tags.from },
    to: { version, tag: tags.to },
    changes: new Uint32Array(),
  }).length;
  return (
    `For a frame of ${show(changes)} changes the bound is ${show(bound)} bytes, and ${TIMES} × of it ${show(TIMES * bound)}. The framing of WebSocket and Socket.IO takes ${framing}, ` +
    `handle, page and the two positions ${positions}, together ${framing + positions} before the first change; the changes take ${show(bytes - framing - positions)}.`
  );
}

/** log2 of the number of ways to choose k of n. */
export function log2Choose(n: number, k: number): number {
  let bits = 0;
  for (let index = 0; index < k; index++) bits += Math.log2((n - index) / (index + 1));
  return bits;
}

/** Which `changes` of `cells` changed, and to what, each equally likely. */
export function leastBits(cells: number, changes: number): number {
  return log2Choose(cells, changes) + changes;
}
