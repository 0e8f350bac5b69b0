/*
 * Question: how many bytes does a change take on the wire to a client, beside the fewest that could say it?
 *
 * 200 writes a second, uniform over one page. To say which k of 65,536 cells changed, and to what, takes at least
 * log2 C(65536, k) + k bits; the bound is summed over the frames as they came, so it holds at the flush interval used. It
 * knows neither positions nor framing, which a client cannot do without.
 */

import { setTimeout as pause } from "node:timers/promises";
import { pace } from "../../src/bench/pace.js";
import { AROUND_DELTA_BYTES, frameHeaderBytes } from "../../src/bench/wire-size.js";
import { PAGE_CELLS } from "../../src/board/geometry.js";
import { encodeDelta } from "../../src/protocol/codec.js";
import { newTag } from "../../src/store/tag.js";
import { faultsOf, gapNotes, judge } from "../load/correctness.js";
import { leastBits } from "../load/entropy.js";
import { judgeSettled } from "../load/judge-settled.js";
import { OurClient, ours } from "../load/ours.js";
import { type Scenario, show } from "../load/outcome.js";
import { start, startValkey } from "../load/processes.js";

const RATE = 200;
const TIMES = 2;
/** As in the scenarios of CPU: so many that frames are sent as rarely as nobody notices. */
const CLIENTS = 200;

export const wireBytes: Scenario = {
  name: "wire-bytes",
  run: async ({ isQuick }) => {
    const seconds = isQuick ? 4 : 15;
    const system = ours(PAGE_CELLS);
    const valkey = await startValkey();
    const server = await start(process.execPath, system.args(valkey, PAGE_CELLS), system.env?.(valkey, PAGE_CELLS));
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
      await pace(
        RATE,
        seconds * 1_000,
        () => {
          // Not the watcher, whose acknowledgements would be counted in.
          const writer = clients[1 + (write % (clients.length - 1))];
          const cell = Math.floor(Math.random() * PAGE_CELLS);
          if (!writer) return;
          // What it shows may be behind what it has just written.
          const value = !(last.get(cell) ?? false);
          writer.set(cell, value);
          last.set(cell, value);
          write++;
        },
        () => undefined,
      );
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
        name: "wire-bytes",
        question: `Bytes on the wire per change per client at ${RATE} writes/s, uniform over a page`,
        method: `One server, ${CLIENTS} clients, default flush interval, ${seconds} s; bytes of the WebSocket frames of changes with their headers. Bound: log2 C(65536, k) + k bits for each frame of k changes, as they came.`,
        columns: [
          { key: "system", label: "system" },
          { key: "bytes", label: "bytes per change" },
          { key: "bound", label: "bound, bytes per change" },
          { key: "perFrame", label: "changes per frame" },
          { key: "framesPerSecond", label: "frames/s" },
          { key: "frameBytes", label: "bytes per frame" },
        ],
        rows: [row],
        targets: [
          {
            text: "bytes per change, framing counted, of the bound",
            measured: row.bytes / row.bound,
            bound: TIMES,
            sense: "at most",
            unit: "×",
          },
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
  /** What the bound allows it. */
  readonly bound: number;
  readonly version: number;
}

/** Where the bytes of a frame go, that of the middle: the codec itself says what it takes without any change. */
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
