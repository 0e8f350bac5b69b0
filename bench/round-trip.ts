/*
 * Question: how long does one click take to reach a client of another instance when nothing else happens, beside the
 * shortest path that does the same with Socket.IO and Pub/Sub?
 *
 * Both systems run as two server processes over one Valkey, and the client that is to see the click as a process of its own.
 * One click at a time goes to one system and is waited for on its other instance; the systems take turns click by click, so that noise of the machine meets both. Between clicks there
 * is a pause longer than a frame, as between the clicks of a person: without it the flush interval would be measured,
 * which is for load. Warm-up clicks are thrown away.
 *
 *     npm run bench:round-trip -- [clicks]
 */

import { type ChildProcess, fork, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { setTimeout as pause } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { io } from "socket.io-client";
import { connect } from "../src/client/index.js";
import { spawnInstance } from "../test/support/instances.js";
import { startServer } from "../test/support/valkey-server.js";
import { percentile } from "./load/outcome.js";

const clicks = Number(process.argv[2] ?? 1_000);
const WARM_UP = 100;
const PAUSE_MS = 20;

interface System {
  readonly name: string;
  click(cell: number, value: boolean): void;
  readonly reader: ChildProcess;
  readonly tookMs: number[];
  stop(): Promise<void>;
}

async function ours(valkeyUrl: string): Promise<System> {
  const flags = { VALKEY_URL: valkeyUrl, WRITES_PER_SECOND: "1000000", WRITE_BURST: "1000000" };
  const [from, to] = await Promise.all([1, 2].map(() => spawnInstance(flags)));
  if (!from || !to) throw new Error("no instances");
  const client = connect(from.url);
  const board = client.board("main");
  await board.watch({ start: 0, end: 100 }).ready;
  const reader = await startReader("ours", to.url);
  return {
    name: "SocketScaler",
    tookMs: [],
    reader,
    click: (cell, value) => void board.set(cell, value).catch(() => undefined),
    stop: async () => {
      client.close();
      reader.kill();
      await Promise.all([from.kill(), to.kill()]);
    },
  };
}

async function bare(valkeyUrl: string): Promise<System> {
  const file = fileURLToPath(new URL("peers/bare-socket-io.ts", import.meta.url));
  const children = [1, 2].map(() =>
    spawn(process.execPath, ["--import", "tsx", file, valkeyUrl], { stdio: ["ignore", "pipe", "inherit"] }),
  );
  const [from, to] = await Promise.all(
    children.map(async (child): Promise<string> => {
      for await (const line of createInterface(child.stdout)) return `http://127.0.0.1:${line.slice(5)}`;
      throw new Error("the peer ended");
    }),
  );
  const socket = io(from, { transports: ["websocket"] });
  await new Promise<void>((done) => socket.once("connect", done));
  const reader = await startReader("bare", to ?? "");
  return {
    name: "bare Socket.IO + Pub/Sub",
    tookMs: [],
    reader,
    click: (index, value) => void socket.emit("checkbox-update", { index, value }),
    stop: async () => {
      socket.disconnect();
      reader.kill();
      for (const child of children) child.kill();
    },
  };
}

async function startReader(kind: string, url: string): Promise<ChildProcess> {
  const file = fileURLToPath(new URL("reader.ts", import.meta.url));
  const reader = fork(file, [kind, url], { execArgv: ["--import", "tsx"] });
  await once(reader, "message");
  return reader;
}

function monotonicMs(): number {
  return Number(process.hrtime.bigint()) / 1e6;
}

const valkey = await startServer();
const systems = await Promise.all([ours(valkey.url), bare(valkey.url)]);
for (let click = 0; click < clicks + WARM_UP; click++) {
  for (const system of systems) {
    await pause(PAUSE_MS);
    const arrived = once(system.reader, "message");
    const clickedMs = monotonicMs();
    system.click(click % 100, Math.floor(click / 100) % 2 === 0);
    const [message]: { atMs: number }[] = await arrived;
    if (click >= WARM_UP && message) system.tookMs.push(message.atMs - clickedMs);
  }
}
await Promise.all(systems.map((system) => system.stop()));
await valkey.stop();

const rows = systems.map(({ name, tookMs }) => {
  return { name, p50: percentile(tookMs, 0.5), p90: percentile(tookMs, 0.9), p99: percentile(tookMs, 0.99) };
});
const [first, second] = rows;
process.stdout.write(`${clicks} clicks each, taking turns; ms from the click to the other instance's client\n`);
for (const { name, p50, p90, p99 } of rows) {
  process.stdout.write(`  ${name.padEnd(26)} p50 ${p50.toFixed(2)}   p90 ${p90.toFixed(2)}   p99 ${p99.toFixed(2)}\n`);
}
if (first && second)
  process.stdout.write(
    `  ratio                      p50 ${(first.p50 / second.p50).toFixed(2)}   p99 ${(first.p99 / second.p99).toFixed(2)}\n`,
  );
