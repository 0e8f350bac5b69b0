/*
 * Question: what does one viewer cost the process that serves it, for each way of watching, if the
 * page changes once a second?
 *
 * All crowds view the same page of one deployment, each at a server of its own. A client at the
 * origin writes. Bare `ws` sends as many frames of the same size to as many sockets.
 */

import { readFileSync } from "node:fs";
import { setTimeout as pause } from "node:timers/promises";
import { readPage } from "../../../src/bench/deployment.js";
import { pace } from "../../../src/bench/pace.js";
import { getBit } from "../../../src/board/bitmap.js";
import { startBalancer } from "../../../test/support/balancers.js";
import { judge, judgeSettled, Remarks } from "../../load/correctness.js";
import { FeedClient } from "../../load/feed-client.js";
import { BARE_WS, type Floor, FRAME_HEADER_BYTES, startFloor } from "../../load/floors.js";
import { LaneClient } from "../../load/lane-client.js";
import { oursOn, relaysOf } from "../../load/ours.js";
import { atMost, median, type Scenario } from "../../load/outcome.js";
import { installPeers, peer } from "../../load/peers.js";
import { cpuSeconds, type Running, startSystem, usage } from "../../load/processes.js";
import { startOrigin } from "../../load/relayed.js";
import type { System } from "../../load/system.js";
import { COLLECT, residentBytes } from "../memory.js";

const CELLS = 65_536;
const VIEWERS = 2_000;
const RATIO = 1.3;
/** The first clients make a process compile its code and allocate shared buffers. */
const FIRST = 100;
const AT_ONCE = 50;
const WARM_RATE = 20;
const ROUNDS = 3;
/** Of a frame with one click: header, kind, steps, tag and the cell. */
const FRAME_BYTES = 13;
const THROUGH_NGINX = "feed through nginx: nginx";
const KIB = 1_024;

export const viewers: Scenario = {
  name: "viewers",
  question: "What does one viewer cost, for each way of watching, if the page changes once a second?",
  run: async ({ isQuick, tell }) => {
    installPeers();
    const count = isQuick ? 200 : VIEWERS;
    const seconds = isQuick ? 5 : 30;
    const warmSeconds = isQuick ? 1 : 8;
    const rounds = isQuick ? 1 : ROUNDS;
    const ends: (() => unknown)[] = [];
    try {
      const origin = await startOrigin(CELLS);
      ends.push(() => origin.stop());
      const start = async (system: System): Promise<Running> => {
        const server = await startSystem(system, origin.valkey, CELLS, COLLECT);
        ends.push(() => server.stop());
        return server;
      };
      const instance = () => start(oursOn(`main=${CELLS}`, { TRUSTED_PROXIES: "127.0.0.1" }));
      const crowds: Crowd[] = [];
      const open = async (name: string, server: Server, view: View) => {
        const crowd = new Crowd(name, server, view);
        ends.push(() => crowd.close());
        crowds.push(crowd);
        await crowd.open(count);
        return crowd;
      };
      const writer = await LaneClient.open(origin.url, [0]);
      ends.push(() => writer.close());
      let cell = 0;
      const last = new Map<number, boolean>();
      const write = () => {
        writer.set(cell, true);
        last.set(cell++, true);
      };
      const measure = async (starts: readonly (() => Measured)[]) => {
        const measures = starts.map((started) => started());
        await pace(1, seconds * 1_000, write);
        return measures.map((measured) => measured(count, seconds));
      };

      // Sockets first: the requests of the feed would take the caches of the CPU from them.
      const byLane: View = (url) => LaneClient.open(url, [0]);
      const lanes = [
        await open("lane of an instance", await instance(), byLane),
        await open("lane of a relay", await start(relaysOf(origin.url)), byLane),
      ];
      const stream = { bytes: FRAME_BYTES - FRAME_HEADER_BYTES, framesPerSecond: 1 };
      const floor = await startFloor(BARE_WS, count, stream, [process.execPath, ...peer("ws-floor.ts")]);
      ends.push(() => floor.stop());
      await pace(WARM_RATE, warmSeconds * 1_000, write);
      await pause(warmSeconds * 1_000);
      const measured: Cost[][] = [];
      for (let round = 0; round < rounds; round++) {
        measured.push(await measure([() => measureFloor(floor), ...lanes.map((lane) => () => lane.measure())]));
      }
      const cpuOf = (at: number) => measured.map((round) => round[at]?.cpu ?? Number.NaN);
      const sockets = (measured[0] ?? []).map((row, at) => ({ ...row, cpu: median(cpuOf(at)) }));

      const byFeed: View = (url) => FeedClient.open(url, CELLS);
      const direct = await open("feed of an instance", await instance(), byFeed);
      const cached = await instance();
      const nginx = await startBalancer({ after: (end) => ends.push(end) }, "nginx", [
        Number(new URL(cached.url).port),
      ]);
      const shared = await open(THROUGH_NGINX, { url: nginx, pid: childNamed("nginx") }, byFeed);
      await pace(WARM_RATE, warmSeconds * 1_000, write);
      const feeds = await measure([
        () => direct.measure(),
        () => shared.measure(),
        () => measureProcess("feed through nginx: its instance", cached.pid),
      ]);
      const rows = [...sockets, ...feeds];
      for (const { system, cpu, bytes } of rows)
        tell(`${system}: ${cpu.toFixed(1)} µs and ${bytes?.toFixed(1) ?? "-"} bytes a second`);
      const [bare, , relay] = rows;
      const remarks = new Remarks();
      const { bits } = await readPage(origin.url, "main", 0);
      for (const { name, clients } of crowds) {
        const written = { cells: CELLS, last, stored: (at: number) => getBit(bits, at) === 1 };
        remarks.add(name, await judgeSettled(async () => judge(written, clients)));
      }
      return {
        method:
          `${count} viewers for each way, for ${seconds} s with one change a second, after ${warmSeconds} s at ${WARM_RATE} a second. ` +
          `The ways with sockets are measured first, at the same time, in ${rounds} rounds (median). ` +
          "The feeds follow in one run, while the sockets stay connected. " +
          "CPU and memory are those of the process that serves the viewers. Memory: growth while they connected, after garbage collection. Bytes: received, without those of TCP.",
        columns: {
          system: "way",
          cpu: "CPU per viewer and second, µs",
          bytes: "bytes per viewer and second",
          kib: "memory per viewer, KiB",
        },
        rows,
        targets: [
          atMost(
            RATIO,
            "×",
            "CPU per viewer-second of a relay at 1 frame per second, relative to bare ws",
            (relay?.cpu ?? Number.NaN) / (bare?.cpu ?? Number.NaN),
          ),
        ],
        notes: remarks.notes,
        faults: remarks.faults,
        chart: "cpu",
      };
    } finally {
      for (const end of ends.reverse()) await end();
    }
  },
};

/** Microseconds, bytes and KiB of one viewer. */
interface Cost {
  readonly system: string;
  readonly cpu: number;
  readonly bytes: number | null;
  readonly kib: number | null;
  readonly [key: string]: string | number | null;
}

type Measured = (viewers: number, seconds: number) => Cost;

type Viewer = LaneClient | FeedClient;
type View = (url: string) => Promise<Viewer>;
type Server = Pick<Running, "url" | "pid">;

/** Viewers at one server. */
class Crowd {
  readonly name: string;
  readonly clients: Viewer[] = [];
  readonly #server: Server;
  readonly #view: View;
  #kib = 0;

  constructor(name: string, server: Server, view: View) {
    this.name = name;
    this.#server = server;
    this.#view = view;
  }

  async open(count: number): Promise<void> {
    await this.#connect(Math.min(FIRST, count / 2));
    const before = await this.#resident();
    const more = count - this.clients.length;
    await this.#connect(more);
    this.#kib = ((await this.#resident()) - before) / more / KIB;
  }

  /** nginx collects no garbage, and the signal would end it. */
  async #resident(): Promise<number> {
    const { pid } = this.#server;
    return this.name === THROUGH_NGINX ? usage(pid).residentBytes : residentBytes(pid);
  }

  get received(): { readonly frames: number; readonly bytes: number } {
    const sum = { frames: 0, bytes: 0 };
    for (const { received } of this.clients) {
      sum.frames += received.frames;
      sum.bytes += received.bytes;
    }
    return sum;
  }

  measure(): Measured {
    const before = { cpu: cpuSeconds([this.#server.pid]), bytes: this.received.bytes };
    return (viewers, seconds) => ({
      system: this.name,
      cpu: ((cpuSeconds([this.#server.pid]) - before.cpu) * 1e6) / viewers / seconds,
      bytes: (this.received.bytes - before.bytes) / viewers / seconds,
      kib: this.#kib,
    });
  }

  close(): void {
    for (const client of this.clients) client.close();
  }

  async #connect(count: number): Promise<void> {
    for (let left = count; left > 0; left -= AT_ONCE) {
      const some = Array.from({ length: Math.min(AT_ONCE, left) }, () => this.#view(this.#server.url));
      this.clients.push(...(await Promise.all(some)));
    }
  }
}

/** A process that this crowd reaches through another. */
function measureProcess(system: string, pid: number): Measured {
  const before = cpuSeconds([pid]);
  return (viewers, seconds) => ({
    system,
    cpu: ((cpuSeconds([pid]) - before) * 1e6) / viewers / seconds,
    bytes: null,
    kib: null,
  });
}

/** The process of that name that this one has started. */
function childNamed(name: string): number {
  const children = readFileSync(`/proc/self/task/${process.pid}/children`, "utf8").trim().split(" ").map(Number);
  const found = children.find((pid) => readFileSync(`/proc/${pid}/comm`, "utf8").trim() === name);
  if (found === undefined) throw new Error(`${name} is not running`);
  return found;
}

function measureFloor({ name, server }: Floor): Measured {
  const before = cpuSeconds([server.pid]);
  return (viewers, seconds) => ({
    system: name,
    cpu: ((cpuSeconds([server.pid]) - before) * 1e6) / viewers / seconds,
    bytes: FRAME_BYTES,
    kib: null,
  });
}
