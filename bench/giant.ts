/*
 * Questions: does a click on a board of a billion checkboxes cost what it costs on one of a hundred? And do people who look at
 * different parts of a giant board cost more than as many who look at the same?
 *
 * First: for each board a Valkey and an instance of its own, so that CPU and memory can be told apart. The same clicks, one
 * at a time, in blocks; the boards take turns block by block, so that noise of the machine meets all. Latency is from the
 * click to its acknowledgement; CPU is what instance and Valkey used in the block, by the kernel's count of nanoseconds.
 * Medians over the blocks.
 *
 * Then: 200 clients on one instance, each on a page of its own, and afterwards all on one page, with as many clicks a second.
 *
 *     npm run bench:giant
 */

import { readdirSync, readFileSync } from "node:fs";
import { setTimeout as pause } from "node:timers/promises";
import { type Board, type Client, connect } from "../src/client/index.js";
import { ValkeyStore } from "../src/store/valkey/valkey-store.js";
import { type ProcessInstance, spawnInstance } from "../test/support/instances.js";
import { type RawClient, rawClient } from "../test/support/raw-client.js";
import { type ServerProcess, startServer } from "../test/support/valkey-server.js";
import { usage } from "./process.js";

const BLOCKS = 24;
const CLICKS = 200;
const BILLION = 1_000_000_000;
const FREE = { WRITES_PER_SECOND: "1000000", WRITE_BURST: "1000000" };

interface System {
  readonly name: string;
  readonly valkey: ServerProcess;
  readonly instance: ProcessInstance;
  readonly store: ValkeyStore;
  readonly client: Client;
  readonly board: Board;
  readonly cell: (click: number) => number;
  readonly storeBytesBefore: number;
  readonly latencyMs: number[];
  readonly instanceMicros: number[];
  readonly valkeyMicros: number[];
}

async function start(name: string, size: number, cell: (click: number) => number): Promise<System> {
  const valkey = await startServer();
  const instance = await spawnInstance({ ...FREE, VALKEY_URL: valkey.url, BOARDS: `main=${size}` });
  const store = await ValkeyStore.open({ url: valkey.url });
  const client = connect(instance.url);
  const board = client.board("main");
  const watched = new Set(Array.from({ length: 100 }, (_, click) => cell(click)));
  await Promise.all(Array.from(watched, (each) => board.watch({ start: each, end: each + 1 }).ready));
  const storeBytesBefore = await usedMemory(store);
  const measured = { latencyMs: [], instanceMicros: [], valkeyMicros: [] };
  return { name, valkey, instance, store, client, board, cell, storeBytesBefore, ...measured };
}

async function usedMemory(store: ValkeyStore): Promise<number> {
  return Number(/used_memory:(\d+)/.exec(String(await store.command("any", "INFO", "memory")))?.[1]);
}

/** CPU that all threads of a process have used, in µs. */
function cpuMicros(pid: number): number {
  let nanos = 0;
  for (const thread of readdirSync(`/proc/${pid}/task`)) {
    nanos += Number(readFileSync(`/proc/${pid}/task/${thread}/schedstat`, "utf8").split(" ")[0]);
  }
  return nanos / 1_000;
}

const pidOf = (instance: ProcessInstance) => instance.child.pid ?? 0;

async function block(system: System, index: number): Promise<void> {
  const { board, instance, valkey, cell } = system;
  const before = [cpuMicros(pidOf(instance)), cpuMicros(valkey.pid)] as const;
  const latencies: number[] = [];
  for (let at = 0; at < CLICKS; at++) {
    const click = index * CLICKS + at;
    const clickedMs = performance.now();
    // Every click changes something: all cells are set in one round and cleared in the next.
    await board.set(cell(click), Math.floor(click / 100) % 2 === 0);
    latencies.push(performance.now() - clickedMs);
  }
  if (index === 0) return;
  system.latencyMs.push(median(latencies));
  system.instanceMicros.push((cpuMicros(pidOf(instance)) - before[0]) / CLICKS);
  system.valkeyMicros.push((cpuMicros(valkey.pid) - before[1]) / CLICKS);
}

function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
}

async function boards(): Promise<void> {
  const same = (click: number) => click % 100;
  const systems = [
    await start("100", 100, same),
    await start("1,000,000", 1_000_000, same),
    await start("1,000,000,000", BILLION, same),
    await start("1,000,000,000, all over it", BILLION, (click) => (click % 100) * 9_999_999),
  ];
  for (let index = 0; index <= BLOCKS; index++) {
    // Each is first in its turn, so that none always follows on the same neighbour.
    for (let turn = 0; turn < systems.length; turn++) {
      const system = systems[(index + turn) % systems.length];
      if (system) await block(system, index);
    }
  }
  print(`${BLOCKS * CLICKS} clicks each, one at a time; per click, medians of ${BLOCKS} blocks`);
  const row = (...texts: string[]) =>
    print(texts.map((text, at) => (at === 0 ? text.padEnd(28) : text.padStart(13))).join(""));
  row("board", "latency ms", "instance µs", "Valkey µs", "CPU ratio", "instance MB", "store KB");
  const costs = ({ instanceMicros, valkeyMicros }: System) =>
    instanceMicros.map((micros, at) => micros + (valkeyMicros[at] ?? 0));
  const hundred = systems[0] ? costs(systems[0]) : [];
  for (const system of systems) {
    const megabytes = usage(pidOf(system.instance)).residentBytes / 2 ** 20;
    const kilobytes = ((await usedMemory(system.store)) - system.storeBytesBefore) / 1_024;
    row(
      system.name,
      median(system.latencyMs).toFixed(2),
      median(system.instanceMicros).toFixed(0),
      median(system.valkeyMicros).toFixed(0),
      median(costs(system).map((cost, at) => cost / (hundred[at] ?? Number.NaN))).toFixed(2),
      megabytes.toFixed(0),
      kilobytes.toFixed(0),
    );
  }
  const last = systems.at(-1);
  if (last) await overview(last);
  for (const { client, store, instance, valkey } of systems) {
    client.close();
    await store.close();
    await instance.kill();
    await valkey.stop();
  }
}

/** What it costs to keep the overview of a billion cells checked. */
async function overview({ board, instance, valkey }: System): Promise<void> {
  const shares: string[] = [];
  for (const watching of [false, true]) {
    const startMs = performance.now();
    if (watching) {
      await board.watchOverview().ready;
      print(
        `the overview of 15,259 pages is here ${(performance.now() - startMs).toFixed(0)} ms after it was asked for`,
      );
      // The first round over all pages is without pauses.
      await pause(3_000);
    }
    const before = [cpuMicros(pidOf(instance)), cpuMicros(valkey.pid)] as const;
    await pause(5_000);
    const share = (after: number, from: number) => `${((after - from) / 50_000).toFixed(1)} %`;
    shares.push(`${share(cpuMicros(pidOf(instance)), before[0])} / ${share(cpuMicros(valkey.pid), before[1])}`);
  }
  print(`CPU of instance / Valkey at rest: ${shares[0]}; while the overview is watched: ${shares[1]}`);
}

const CLIENTS = 200;
const CLICKS_PER_SECOND = 200;
const SECONDS = 6;

async function viewers(): Promise<void> {
  const valkey = await startServer();
  const instance = await spawnInstance({ ...FREE, VALKEY_URL: valkey.url, BOARDS: `main=${BILLION}` });
  print(`\n${CLIENTS} clients on one instance, ${CLICKS_PER_SECOND} clicks a second for ${SECONDS} s`);
  // The first round warms the instance up, and is not shown.
  for (const [name, pageOf] of [
    ["", (index: number) => index * 76 + 1],
    ["", () => 4],
    ["each on a page of its own", (index: number) => index * 76],
    ["all on one page", () => 5],
  ] as const) {
    const clients = await Promise.all(Array.from({ length: CLIENTS }, () => rawClient(instance.url)));
    await Promise.all(clients.map((client, index) => client.watch([pageOf(index)])));
    const writer = connect(instance.url);
    await writer.board("main").ready;
    const before = cpuMicros(pidOf(instance));
    const startMs = performance.now();
    const clicks: Promise<void>[] = [];
    for (let click = 0; click < CLICKS_PER_SECOND * SECONDS; click++) {
      const waitMs = startMs + (click * 1_000) / CLICKS_PER_SECOND - performance.now();
      if (waitMs > 1) await pause(waitMs);
      clicks.push(writer.board("main").set(pageOf(click % CLIENTS) * 65_536 + click, true));
    }
    await Promise.all(clicks);
    const seconds = (performance.now() - startMs) / 1_000;
    const percent = (cpuMicros(pidOf(instance)) - before) / seconds / 10_000;
    // Until the last frames are here.
    await pause(1_500);
    writer.close();
    for (const client of clients) client.close();
    if (name === "") continue;
    const frames = clients.map((client) => client.frames.length);
    const foreign = clients.reduce((sum, client, index) => sum + foreignFrames(client, pageOf(index)), 0);
    print(
      `  ${name.padEnd(28)} instance CPU ${percent.toFixed(1).padStart(5)} %   frames a client ${median(frames)}   of pages that it does not watch ${foreign}`,
    );
  }
  await instance.kill();
  await valkey.stop();
}

function foreignFrames({ frames }: RawClient, page: number): number {
  return frames.filter((frame) => frame.page !== page).length;
}

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}

/** Any page over HTTP, while others write. */
async function pages(): Promise<void> {
  const valkey = await startServer();
  const flags = { ...FREE, VALKEY_URL: valkey.url, BOARDS: `main=${BILLION}`, HTTP_PER_MINUTE: "10000000" };
  const instance = await spawnInstance(flags);
  const writer = connect(instance.url);
  const board = writer.board("main");
  await board.ready;
  let isOver = false;
  let clicks = 0;
  const writing = (async () => {
    for (; !isOver; clicks += 20) {
      await Promise.all(Array.from({ length: 20 }, (_, at) => board.set(((clicks + at) * 7_919_993) % BILLION, true)));
    }
  })();
  const tookMs: number[] = [];
  for (let at = 0; at < 2_000; at++) {
    const startMs = performance.now();
    const response = await fetch(`${instance.url}/boards/main/pages/${(at * 7_919) % 15_259}`);
    await response.arrayBuffer();
    if (at >= 200) tookMs.push(performance.now() - startMs);
  }
  isOver = true;
  await writing;
  const sorted = tookMs.toSorted((a, b) => a - b);
  const part = (share: number) => (sorted[Math.floor(sorted.length * share)] ?? Number.NaN).toFixed(1);
  print(
    `\nany page of the billion over HTTP, beside ${clicks} clicks all over it: p50 ${part(0.5)} ms, p99 ${part(0.99)} ms`,
  );
  writer.close();
  await instance.kill();
  await valkey.stop();
}

await boards();
await viewers();
await pages();
