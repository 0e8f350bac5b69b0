/*
 * Question: what does one frame sent cost a server, beside bare `ws` that sends the same bytes and does nothing else?
 *
 * Two instances over one Valkey. All writes come in through the first; the second only brings them to its clients, and it
 * alone is measured: what it does is send frames. At its side as many frames of as many bytes go to as many sockets from a
 * process of bare `ws`, and from a C program that calls send(). With few clients the messages that the instance hears weigh
 * more in its bill, so it is measured with many too. In a row of its own: both instances with all they do, by the frames of both.
 */

import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { Remarks } from "../load/correctness.js";
import { Fleet } from "../load/fleet.js";
import { ours } from "../load/ours.js";
import { type Scenario, spreadOf, type Target } from "../load/outcome.js";
import { cpuSeconds, type Running, start } from "../load/processes.js";
import { Wire } from "../load/wire.js";
import { installPeers } from "../process.js";

const CLIENTS = [200, 1_000];
const RATE = 200;
const CELLS = 10_000;
const RATIO = 1.25;
const FRAME_HEADER_BYTES = 2;
const WARM_SECONDS = 20;

/** What a floor is to send to every client. */
interface Stream {
  readonly bytes: number;
  readonly framesPerSecond: number;
}

export const frameCost: Scenario = {
  name: "frame-cost",
  run: async ({ isQuick, tell }) => {
    installPeers();
    const rounds = isQuick ? 1 : 5;
    const seconds = isQuick ? 3 : 5;
    const warmSeconds = isQuick ? 3 : WARM_SECONDS;
    const sendFloor = compileSendFloor();
    const rows = [];
    const targets: Target[] = [];
    const remarks = new Remarks();
    const notes = sendFloor ? [] : ["There was no C compiler, so the lowest floor is a loop of node:net."];
    for (const clients of isQuick ? CLIENTS.slice(0, 1) : CLIENTS) {
      const { found, judged } = await compare(clients, { rounds, seconds, warmSeconds, sendFloor, tell });
      remarks.add(OURS, judged);
      const middle = (name: string) => spreadOf(found.get(name) ?? []).median;
      for (const [system, values] of found) rows.push({ system, clients, cost: spreadOf(values) });
      targets.push({
        text: `CPU per frame with ${clients} clients, of bare ws sending the same bytes`,
        measured: middle(OURS) / middle(BARE_WS),
        bound: RATIO,
        sense: "at most",
        unit: "×",
      });
    }
    return {
      name: "frame-cost",
      question: "A server's CPU per frame sent, beside the floors",
      method:
        `${RATE} writes/s come in through another instance; ${rounds} times ${seconds} s, all side by side, after ${warmSeconds} s to warm up. The ` +
        "floors send as many bytes as often to as many sockets as ours does.",
      columns: [
        { key: "system", label: "system" },
        { key: "clients", label: "sockets of the process" },
        { key: "cost", label: "CPU per frame, µs" },
      ],
      rows,
      targets,
      notes: [...notes, ...remarks.notes],
      faults: remarks.faults,
      chart: "cost",
    };
  },
};

interface Comparison {
  readonly rounds: number;
  readonly seconds: number;
  readonly warmSeconds: number;
  readonly sendFloor: string | undefined;
  readonly tell: (line: string) => void;
}

/** Microseconds a frame, round by round, of each system; and whether ours was right. */
async function compare(clients: number, { rounds, seconds, warmSeconds, sendFloor, tell }: Comparison) {
  const fleet = await Fleet.start(ours(CELLS), { servers: 2, clients: 2 * clients, cells: CELLS, writersOn: 0 });
  const floors: Floor[] = [];
  const found = new Map<string, number[]>();
  const note = (name: string, cost: number) => {
    found.set(name, [...(found.get(name) ?? []), cost]);
    tell(`${clients} clients, ${name}: ${cost.toFixed(1)} µs a frame`);
  };
  try {
    const { stream } = await measureOurs(fleet, warmSeconds);
    floors.push(await Floor.start(BARE_WS, clients, stream, "ws", [process.execPath, ...WS_FLOOR]));
    floors.push(
      sendFloor
        ? await Floor.start(C_LOOP, clients, stream, "tcp", [sendFloor])
        : await Floor.start(NET_LOOP, clients, stream, "tcp", [process.execPath, ...NET_FLOOR]),
    );
    await pause(warmSeconds * 1_000);
    for (let round = 0; round < rounds; round++) {
      const costs = floors.map((floor) => floor.measure());
      const { sending, whole } = await measureOurs(fleet, seconds);
      note(OURS, sending);
      note(WITH_WRITES, whole);
      floors.forEach((floor, index) => {
        note(floor.name, costs[index]?.() ?? Number.NaN);
      });
    }
    return { found, judged: await fleet.judge() };
  } finally {
    await Promise.all(floors.map((floor) => floor.stop()));
    await fleet.stop();
  }
}

/** Microseconds a frame: of the instance that sends alone, and of both with all they do; and what that one sent. */
async function measureOurs(fleet: Fleet, seconds: number) {
  const [, sender] = fleet.servers;
  const clients = fleet.clients.filter((_, index) => index % 2 === 1);
  const received = () =>
    clients.reduce((sum, client) => [sum[0] + client.received.frames, sum[1] + client.received.bytes] as const, [
      0, 0,
    ] as readonly [number, number]);
  const pids = sender ? [sender.pid] : [];
  const before = { cpu: cpuSeconds(pids), received: received() };
  const run = await fleet.run(RATE, seconds);
  const [frames, bytes] = received().map((now, index) => now - (before.received[index] ?? 0)) as [number, number];
  const stream: Stream = {
    bytes: Math.round(bytes / frames) - FRAME_HEADER_BYTES,
    framesPerSecond: frames / clients.length / run.seconds,
  };
  return {
    sending: ((cpuSeconds(pids) - before.cpu) * 1e6) / frames,
    whole: (run.serversCpuSeconds * 1e6) / run.frames,
    stream,
  };
}

const OURS = "SocketScaler";
const WITH_WRITES = "SocketScaler, with all that leads to a frame";
const BARE_WS = "bare ws";
const C_LOOP = "C send() loop";
const NET_LOOP = "node:net loop";
const WS_FLOOR = ["--import", "tsx", fileURLToPath(new URL("../peers/ws-floor.ts", import.meta.url))];
const NET_FLOOR = ["--import", "tsx", fileURLToPath(new URL("../peers/net-floor.ts", import.meta.url))];

/** A process that sends a stream to every socket, and the sockets. */
class Floor {
  readonly name: string;
  readonly #server: Running;
  readonly #frameBytes: number;
  readonly #sockets: { close(): void }[] = [];
  #bytes = 0;

  private constructor(name: string, server: Running, frameBytes: number) {
    this.name = name;
    this.#server = server;
    this.#frameBytes = frameBytes;
  }

  static async start(
    name: string,
    sockets: number,
    stream: Stream,
    kind: "ws" | "tcp",
    [command = "", ...args]: readonly string[],
  ): Promise<Floor> {
    const frameBytes = stream.bytes + (kind === "tcp" ? FRAME_HEADER_BYTES : 0);
    const server = await start(command, [...args, String(frameBytes), String(stream.framesPerSecond)]);
    const floor = new Floor(name, server, frameBytes);
    for (let index = 0; index < sockets; index++) await floor.#connect(kind);
    return floor;
  }

  /** Measures until the returned function is called, which gives microseconds a frame. */
  measure(): () => number {
    const before = { cpu: cpuSeconds([this.#server.pid]), bytes: this.#bytes };
    return () => {
      const frames = (this.#bytes - before.bytes) / this.#frameBytes;
      return ((cpuSeconds([this.#server.pid]) - before.cpu) * 1e6) / frames;
    };
  }

  async stop(): Promise<void> {
    for (const socket of this.#sockets) socket.close();
    await this.#server.stop();
  }

  async #connect(kind: "ws" | "tcp"): Promise<void> {
    const { url } = this.#server;
    if (kind === "ws") {
      const count = (text: string) => {
        this.#bytes += text.length;
      };
      this.#sockets.push(await Wire.open(url, "/", { text: count, binary: () => undefined }));
      return;
    }
    const socket: Socket = connect(Number(new URL(url).port), "127.0.0.1");
    socket.on("data", (data) => {
      this.#bytes += data.length;
    });
    this.#sockets.push({ close: () => void socket.destroy() });
  }
}

/** The program, or undefined where there is no compiler. */
function compileSendFloor(): string | undefined {
  const source = fileURLToPath(new URL("../peers/send-floor.c", import.meta.url));
  const folder = mkdtempSync(join(tmpdir(), "socketscaler-bench-"));
  process.on("exit", () => rmSync(folder, { recursive: true, force: true }));
  const program = join(folder, "send-floor");
  const { status } = spawnSync("cc", ["-O2", "-o", program, source], { stdio: ["ignore", "ignore", "inherit"] });
  return status === 0 ? program : undefined;
}
