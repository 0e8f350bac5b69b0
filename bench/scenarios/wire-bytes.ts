/*
 * Question: how many bytes does a change take on the wire to a client, compared with the fewest
 * possible?
 *
 * Writes uniform over one page. Which k of 65,536 cells changed, and to what, takes at least
 * log2 C(65536, k) + k bits. The bound is summed over the frames that arrived, so it depends on how
 * long changes are gathered. It includes neither positions nor framing, which every client needs.
 * With a fixed interval, a frame holds as many changes as with the plain design that gathers for as
 * long.
 */

import { setTimeout as pause } from "node:timers/promises";
import { pace } from "../../src/bench/pace.js";
import { PAGE_CELLS } from "../../src/board/geometry.js";
import { frameHeaderBytes } from "../../src/client/links/link.js";
import { LaneDelta } from "../../src/protocol/lane-delta.js";
import { newTag } from "../../src/store/tag.js";
import { type Correctness, judge, judgeSettled, Remarks } from "../load/correctness.js";
import { colyseus } from "../load/frameworks.js";
import { LaneClient } from "../load/lane-client.js";
import { OURS, ours, oursOn } from "../load/ours.js";
import { atMost, type Scenario, show, type Target } from "../load/outcome.js";
import { installPeers } from "../load/peers.js";
import { wsCoalesced } from "../load/per-change.js";
import { startSystem, startValkey } from "../load/processes.js";
import type { BoardClient, System } from "../load/system.js";

const FIXED_MS = "60";
/** As in the CPU scenarios: enough that the instance sends frames at its longest interval. */
const CLIENTS = 200;

interface Setting {
  readonly system: System;
  readonly interval: string;
  readonly rate: number;
  readonly target?: { readonly text: string; readonly bounds: Parameters<typeof atMost>[0] };
}

const fixed = oursOn(`main=${PAGE_CELLS}`, { FLUSH_MS: FIXED_MS, FLUSH_UNSEEN_MS: FIXED_MS });
const fixedText = (rate: number) =>
  `bytes per change at a fixed ${FIXED_MS} ms and ${rate} writes/s, relative to the bound`;

const SETTINGS: readonly Setting[] = [
  {
    system: ours(PAGE_CELLS),
    interval: "default",
    rate: 200,
    target: { text: "bytes per change, framing included, relative to the bound", bounds: 2 },
  },
  {
    system: fixed,
    interval: `${FIXED_MS} ms`,
    rate: 200,
    target: { text: fixedText(200), bounds: { required: 1.75, stretch: 1.5 } },
  },
  {
    system: fixed,
    interval: `${FIXED_MS} ms`,
    rate: 2_000,
    target: { text: fixedText(2_000), bounds: { required: 1.25, stretch: 1.1 } },
  },
  ...[200, 2_000].flatMap((rate): Setting[] => [
    { system: wsCoalesced, interval: `${FIXED_MS} ms`, rate },
    { system: colyseus, interval: "50 ms", rate },
  ]),
];

export const wireBytes: Scenario = {
  name: "wire-bytes",
  question: "How many bytes on the wire does a change take per client, if changes are spread evenly over a page?",
  run: async ({ isQuick, tell }) => {
    installPeers();
    const seconds = isQuick ? 2 : 15;
    const rows = [];
    const targets: Target[] = [];
    const parts: string[] = [];
    const remarks = new Remarks();
    for (const setting of SETTINGS) {
      const { system, interval, rate, target } = setting;
      const { bytes, bits, changes, frames, framesPerSecond, judged } = await measure(setting, seconds);
      const row = {
        system: system.name,
        interval,
        rate,
        bytes: bytes / changes,
        bound: bits / 8 / changes,
        times: bytes / (bits / 8),
        perFrame: changes / frames,
        framesPerSecond,
        frameBytes: bytes / frames,
      };
      rows.push(row);
      tell(`${system.name}, ${interval}, ${rate} writes/s: ${row.bytes.toFixed(2)} bytes a change`);
      if (!target) continue;
      targets.push(atMost(target.bounds, "×", target.text, row.times));
      parts.push(partsNote({ bytes: row.frameBytes, changes: row.perFrame, bound: bits / 8 / frames }));
      remarks.add(`${OURS}, ${interval}, ${rate} writes/s`, judged);
    }
    return {
      method: `One server, ${CLIENTS} clients, ${seconds} s; bytes of the WebSocket frames with changes, headers included. Bound: log2 C(65536, k) + k bits for each frame of k changes.`,
      columns: {
        system: "system",
        interval: "gathered for",
        rate: "writes/s",
        bytes: "bytes per change",
        bound: "bound, bytes per change",
        times: "× the bound",
        perFrame: "changes per frame",
        framesPerSecond: "frames/s",
        frameBytes: "bytes per frame",
      },
      rows,
      targets,
      notes: [
        ...parts,
        `${colyseus.name} sends the name of a cell with its first change, and here each cell changes only once. Later changes are shorter (see cpu-200).`,
        ...remarks.notes,
      ],
      faults: remarks.faults,
    };
  },
};

interface Seen {
  readonly bytes: number;
  /** The bound, summed over the frames. */
  readonly bits: number;
  readonly changes: number;
  readonly frames: number;
  readonly framesPerSecond: number;
  readonly judged: Correctness;
}

async function measure({ system, rate }: Setting, seconds: number): Promise<Seen> {
  const valkey = await startValkey();
  const server = await startSystem(system, valkey, PAGE_CELLS);
  const clients: BoardClient[] = [];
  try {
    const frames = new FrameCounts();
    for (let index = 0; index < CLIENTS; index++) {
      const changed = index === 0 ? () => frames.change(watcher()) : () => undefined;
      clients.push(await system.connect(server.url, PAGE_CELLS, changed));
    }
    const watcher = () => clients[0];
    await pause(200);
    const bytesBefore = pageBytesOf(watcher());
    frames.clear();
    let write = 0;
    // No cell twice, because two clients' writes to one cell may change places on their way.
    const cells = shuffled(PAGE_CELLS);
    const last = new Map<number, boolean>();
    const startMs = performance.now();
    await pace(rate, seconds * 1_000, () => {
      // Never the watcher: its acknowledgements would be counted too.
      const cell = cells[write];
      const writer = clients[1 + (write++ % (clients.length - 1))];
      if (cell === undefined) throw new Error("the page has too few cells");
      writer?.set(cell, true);
      last.set(cell, true);
    });
    const tookSeconds = (performance.now() - startMs) / 1_000;
    const framesInTime = frames.counts.length;
    const judged = await judgeSettled(async () => {
      const stored = await system.stored(valkey, server.url, PAGE_CELLS);
      return judge({ cells: PAGE_CELLS, last, stored }, clients);
    });
    return {
      bytes: pageBytesOf(watcher()) - bytesBefore,
      bits: frames.counts.reduce((sum, count) => sum + leastBits(PAGE_CELLS, count), 0),
      changes: frames.counts.reduce((sum, count) => sum + count, 0),
      frames: frames.counts.length,
      framesPerSecond: framesInTime / tookSeconds,
      judged,
    };
  } finally {
    for (const client of clients) client.close();
    await server.stop();
    await valkey.stop();
  }
}

function shuffled(count: number): Uint32Array {
  const all = Uint32Array.from({ length: count }, (_, index) => index);
  for (let index = count - 1; index > 0; index--) {
    const other = Math.floor(Math.random() * (index + 1));
    [all[index], all[other]] = [all[other] ?? 0, all[index] ?? 0];
  }
  return all;
}

/** Ours also receives beats and notices. Peers that only watch receive nothing but changes. */
function pageBytesOf(client: BoardClient | undefined): number {
  return client instanceof LaneClient ? client.pageBytes : (client?.received.bytes ?? 0);
}

/** The number of changes in each frame that a client received. */
class FrameCounts {
  readonly counts: number[] = [];
  #frame = -1;

  change(client: BoardClient | undefined): void {
    const frame = client?.received.frames ?? 0;
    if (frame === this.#frame) this.counts[this.counts.length - 1] = (this.counts.at(-1) ?? 0) + 1;
    else this.counts.push(1);
    this.#frame = frame;
  }

  clear(): void {
    this.counts.length = 0;
    this.#frame = -1;
  }
}

interface Frame {
  readonly bytes: number;
  readonly changes: number;
  /** In bytes. */
  readonly bound: number;
}

/** Where the bytes of an average frame go. The codec gives the size without changes. */
export function partsNote({ bytes, changes, bound }: Frame): string {
  const framing = frameHeaderBytes(bytes);
  const positions = new LaneDelta(1, {
    kind: "delta",
    page: 0,
    from: { version: 0, tag: newTag() },
    to: { version: Math.max(1, Math.round(changes)), tag: newTag() },
    changes: new Uint32Array(),
  }).continuation.length;
  return (
    `For a frame of ${show(changes)} changes the bound is ${show(bound)} bytes. The WebSocket header takes ${framing}. ` +
    `The kind, steps and tag of a continuation take ${positions}, so the first change follows after ${framing + positions}. The changes take ${show(bytes - framing - positions)}.`
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
