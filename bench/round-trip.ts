/*
 * Question: how long does one click take to reach a client of another instance when nothing else happens, beside the
 * shortest path that does the same with Socket.IO and Pub/Sub?
 *
 * Both systems run as two server processes over one Valkey. One click at a time goes to one system and is waited for on
 * its other instance; the systems take turns click by click, so that noise of the machine meets both. Between clicks there
 * is a pause longer than a frame, as between the clicks of a person: without it the flush interval would be measured,
 * which is for load. Warm-up clicks are thrown away.
 *
 *     npm run bench:round-trip -- [clicks]
 */

import { spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { setTimeout as pause } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { io, type Socket } from "socket.io-client";
import { connect } from "../src/client/index.js";
import { spawnInstance } from "../test/support/instances.js";
import { startServer } from "../test/support/valkey-server.js";

const clicks = Number(process.argv[2] ?? 1_000);
const WARM_UP = 100;
const PAUSE_MS = 20;

interface System {
  readonly name: string;
  /** Clicks, and resolves when the other instance's client shows it. */
  click(cell: number, value: boolean): Promise<void>;
  readonly tookMs: number[];
  stop(): Promise<void>;
}

async function ours(valkeyUrl: string): Promise<System> {
  const flags = { VALKEY_URL: valkeyUrl, WRITES_PER_SECOND: "1000000", WRITE_BURST: "1000000" };
  const instances = await Promise.all([1, 2].map(() => spawnInstance(flags)));
  const [from, to] = instances.map(({ url }) => connect(url));
  const [writer, reader] = [from?.board("main"), to?.board("main")];
  if (!writer || !reader) throw new Error("no boards");
  await Promise.all([writer, reader].map((board) => board.watch({ start: 0, end: 100 }).ready));
  return {
    name: "SocketScaler",
    tookMs: [],
    click: (cell, value) =>
      new Promise((done) => {
        const stop = reader.on("change", (changes) => {
          if (!changes.some((change) => change.cell === cell && change.value === value)) return;
          stop();
          done();
        });
        writer.set(cell, value).catch(() => undefined);
      }),
    stop: async () => {
      from?.close();
      to?.close();
      await Promise.all(instances.map((instance) => instance.kill()));
    },
  };
}

async function bare(valkeyUrl: string): Promise<System> {
  const file = fileURLToPath(new URL("peers/bare-socket-io.ts", import.meta.url));
  const children = [1, 2].map(() =>
    spawn(process.execPath, ["--import", "tsx", file, valkeyUrl], { stdio: ["ignore", "pipe", "inherit"] }),
  );
  const sockets = await Promise.all(
    children.map(async (child): Promise<Socket> => {
      for await (const line of createInterface(child.stdout)) {
        const socket = io(`http://127.0.0.1:${line.slice(5)}`, { transports: ["websocket"] });
        await new Promise<void>((done) => socket.once("connect", done));
        return socket;
      }
      throw new Error("the peer ended");
    }),
  );
  const [writer, reader] = sockets;
  return {
    name: "bare Socket.IO + Pub/Sub",
    tookMs: [],
    click: (index, value) =>
      new Promise((done) => {
        reader?.once("checkbox-update", () => done());
        writer?.emit("checkbox-update", { index, value });
      }),
    stop: async () => {
      for (const socket of sockets) socket.disconnect();
      for (const child of children) child.kill();
    },
  };
}

const valkey = await startServer();
const systems = await Promise.all([ours(valkey.url), bare(valkey.url)]);
for (let click = 0; click < clicks + WARM_UP; click++) {
  for (const system of systems) {
    await pause(PAUSE_MS);
    const started = performance.now();
    await system.click(click % 100, Math.floor(click / 100) % 2 === 0);
    if (click >= WARM_UP) system.tookMs.push(performance.now() - started);
  }
}
await Promise.all(systems.map((system) => system.stop()));
await valkey.stop();

const percentile = (sorted: readonly number[], part: number) => sorted[Math.floor(sorted.length * part)] ?? Number.NaN;
const rows = systems.map(({ name, tookMs }) => {
  const sorted = tookMs.toSorted((a, b) => a - b);
  return { name, p50: percentile(sorted, 0.5), p90: percentile(sorted, 0.9), p99: percentile(sorted, 0.99) };
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
