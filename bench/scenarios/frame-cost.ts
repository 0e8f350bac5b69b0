/*
 * Question: what does one frame sent cost the servers, beside bare `ws` that sends the same bytes and does nothing else?
 *
 * Ours runs at 200 writes a second to 200 clients on four instances: its frames carry the cost of taking, committing and
 * following those writes. Then as many frames of as many bytes go to as many sockets from four processes of bare `ws`, and of
 * a C program that calls send(). In turns.
 */

import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { Fleet } from "../load/fleet.js";
import { ours } from "../load/ours.js";
import { type Scenario, spreadOf } from "../load/outcome.js";
import { cpuSeconds, type Running, start } from "../load/processes.js";
import { Wire } from "../load/wire.js";
import { installPeers } from "../process.js";

const SERVERS = 4;
const CLIENTS = 200;
const RATE = 200;
const CELLS = 10_000;
const RATIO = 1.25;
const FRAME_HEADER_BYTES = 2;

/** What a floor is to send to every client. */
interface Stream {
  readonly bytes: number;
  readonly framesPerSecond: number;
}

export const frameCost: Scenario = {
  name: "frame-cost",
  run: async ({ isQuick, tell }) => {
    installPeers();
    const rounds = isQuick ? 1 : 3;
    const seconds = isQuick ? 3 : 5;
    const sendFloor = compileSendFloor();
    const fleet = await Fleet.start(ours(CELLS), { servers: SERVERS, clients: CLIENTS, cells: CELLS });
    const found = new Map<string, number[]>();
    const note = (name: string, cost: number) => {
      found.set(name, [...(found.get(name) ?? []), cost]);
      tell(`${name}: ${cost.toFixed(1)} µs a frame`);
    };
    let stream: Stream = { bytes: 0, framesPerSecond: 1 };
    try {
      await fleet.run(RATE, 3);
      for (let round = 0; round < rounds; round++) {
        const run = await fleet.run(RATE, seconds);
        // Acknowledgements are frames too.
        note(OURS, (run.serversCpuSeconds * 1e6) / run.frames);
        stream = {
          bytes: Math.round(run.bytes / run.frames) - FRAME_HEADER_BYTES,
          framesPerSecond: run.frames / CLIENTS / run.seconds,
        };
        note(
          BARE_WS,
          await floorCost(stream, seconds, "ws", (args) => start(process.execPath, [...WS_FLOOR, ...args])),
        );
        if (sendFloor) note(C_LOOP, await floorCost(stream, seconds, "tcp", (args) => start(sendFloor, args)));
      }
    } finally {
      await fleet.stop();
    }
    const middle = (name: string) => spreadOf(found.get(name) ?? []).median;
    return {
      name: "frame-cost",
      question: "Servers' CPU per frame sent, beside the floors",
      method:
        `${SERVERS} processes, ${CLIENTS} sockets, ${RATE} writes/s, ${seconds} s, ${rounds} rounds in turns. The floors send ${stream.bytes} bytes ` +
        `${stream.framesPerSecond.toFixed(1)} times a second to every socket: what ours sent in the same round, acknowledgements counted.`,
      columns: [
        { key: "system", label: "system" },
        { key: "cost", label: "CPU per frame, µs" },
      ],
      rows: [...found].map(([system, values]) => ({ system, cost: spreadOf(values) })),
      targets: [
        {
          text: "CPU per frame, of bare ws sending the same bytes",
          measured: middle(OURS) / middle(BARE_WS),
          bound: RATIO,
          sense: "at most",
          unit: "×",
        },
      ],
      notes: sendFloor ? [] : ["There was no C compiler, so the send() loop is missing."],
      chart: "cost",
    };
  },
};

const OURS = "SocketScaler";
const BARE_WS = "bare ws";
const C_LOOP = "C send() loop";
const WS_FLOOR = ["--import", "tsx", fileURLToPath(new URL("../peers/ws-floor.ts", import.meta.url))];

async function floorCost(
  stream: Stream,
  seconds: number,
  kind: "ws" | "tcp",
  launch: (args: readonly string[]) => Promise<Running>,
): Promise<number> {
  const header = kind === "tcp" ? FRAME_HEADER_BYTES : 0;
  const args = [String(stream.bytes + header), String(stream.framesPerSecond)];
  const servers = await Promise.all(Array.from({ length: SERVERS }, () => launch(args)));
  const sockets: { close(): void }[] = [];
  let bytes = 0;
  try {
    for (let index = 0; index < CLIENTS; index++) {
      const { url = "" } = servers[index % SERVERS] ?? {};
      if (kind === "ws") {
        const count = (text: string) => {
          bytes += text.length;
        };
        sockets.push(await Wire.open(url, "/", { text: count, binary: () => undefined }));
      } else {
        const socket: Socket = connect(Number(new URL(url).port), "127.0.0.1");
        socket.on("data", (data) => {
          bytes += data.length;
        });
        sockets.push({ close: () => void socket.destroy() });
      }
    }
    await pause(1_000);
    const pids = servers.map(({ pid }) => pid);
    const before = { cpu: cpuSeconds(pids), bytes };
    await pause(seconds * 1_000);
    const frames = (bytes - before.bytes) / (stream.bytes + header);
    return ((cpuSeconds(pids) - before.cpu) * 1e6) / frames;
  } finally {
    for (const socket of sockets) socket.close();
    await Promise.all(servers.map((server) => server.stop()));
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
