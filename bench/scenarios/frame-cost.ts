/*
 * Question: what does sending one frame cost a server, compared with bare `ws` that sends the same
 * bytes and does nothing else?
 *
 * All writes go to the first of two instances; the second only forwards them to its clients, and it
 * alone is measured. For comparison, bare `ws` and a C program that calls send() send as many frames of
 * the same size to as many sockets. Few and many clients are measured, because the messages that an
 * instance receives weigh more with few. One more row gives the CPU of both instances. With few
 * clients, the peers that gather changes as ours does are measured in the same way.
 */

import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { Remarks } from "../load/correctness.js";
import { Fleet } from "../load/fleet.js";
import { BARE_WS, type Floor, FRAME_HEADER_BYTES, type Stream, startFloor } from "../load/floors.js";
import { colyseus } from "../load/frameworks.js";
import { OURS, ours } from "../load/ours.js";
import { atMost, Rounds, type Scenario, type Target } from "../load/outcome.js";
import { installPeers, PEERS, peer } from "../load/peers.js";
import { wsCoalesced } from "../load/per-change.js";
import { cpuSeconds } from "../load/processes.js";

const CLIENTS = [200, 1_000];
const RATE = 200;
const CELLS = 10_000;
/** By number of clients. */
const RATIOS: Readonly<Record<number, { required: number; stretch: number }>> = {
  200: { required: 1.25, stretch: 1.1 },
  1000: { required: 1.15, stretch: 1.1 },
};
const WARM_SECONDS = 20;

export const frameCost: Scenario = {
  name: "frame-cost",
  question: "What does sending one frame cost a server, compared with plain loops that only send?",
  run: async ({ isQuick, tell }) => {
    installPeers();
    const rounds = isQuick ? 1 : 5;
    const seconds = isQuick ? 3 : 5;
    const warmSeconds = isQuick ? 3 : WARM_SECONDS;
    const sendFloor = compileSendFloor();
    const rows = [];
    const targets: Target[] = [];
    const remarks = new Remarks();
    const notes = sendFloor ? [] : ["There was no C compiler, so the lowest floor is missing."];
    for (const clients of isQuick ? CLIENTS.slice(0, 1) : CLIENTS) {
      const { found, judged } = await compare(clients, { rounds, seconds, warmSeconds, sendFloor, tell });
      remarks.add(OURS, judged);
      const middle = (name: string) => found.spread(name).median;
      rows.push(...found.rows("cost").map((row) => ({ ...row, clients })));
      const text = `CPU per frame with ${clients} clients, relative to bare ws sending the same bytes`;
      const ratio = RATIOS[clients];
      if (ratio) targets.push(atMost(ratio, "×", text, middle(OURS) / middle(BARE_WS)));
    }
    return {
      method:
        `${RATE} writes/s go to the first of two instances; the second only sends frames, and is measured. ` +
        `After a warm-up of ${warmSeconds} s, there are ${rounds} rounds of ${seconds} s. ` +
        "In each round, SocketScaler, bare ws and the C loop are measured at the same time, and then each peer by itself. " +
        "Bare ws and the C loop send frames of the same size at the same rate to as many sockets. Colyseus and coalesced ws send frames of their own sizes and rates.",
      columns: { system: "system", clients: "sockets of the process", cost: "CPU per frame, µs" },
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

/** Microseconds per frame of each system, round by round, and the judgement of ours. */
async function compare(clients: number, { rounds, seconds, warmSeconds, sendFloor, tell }: Comparison) {
  const options = { servers: 2, clients: 2 * clients, cells: CELLS, writersOn: 0 };
  const fleet = await Fleet.start(ours(CELLS), options);
  const peers: Fleet[] = [];
  const floors: Floor[] = [];
  const found = new Rounds();
  const note = (name: string, cost: number) => {
    found.add(name, cost);
    tell(`${clients} clients, ${name}: ${cost.toFixed(1)} µs per frame`);
  };
  try {
    const { stream } = await measureSender(fleet, warmSeconds);
    for (const system of clients === CLIENTS[0] ? [wsCoalesced, colyseus] : []) {
      const peer = await Fleet.start(system, options);
      peers.push(peer);
      await peer.run(RATE, warmSeconds);
    }
    floors.push(await startFloor(BARE_WS, clients, stream, [process.execPath, ...peer("ws-floor.ts")]));
    if (sendFloor) floors.push(await startFloor(C_LOOP, clients, stream, [sendFloor]));
    await pause(warmSeconds * 1_000);
    for (let round = 0; round < rounds; round++) {
      const costs = floors.map((floor) => floor.measure());
      const { sending, whole } = await measureSender(fleet, seconds);
      note(OURS, sending);
      note(WITH_WRITES, whole);
      floors.forEach((floor, index) => {
        note(floor.name, costs[index]?.() ?? Number.NaN);
      });
      for (const peer of peers) note(peer.system.name, (await measureSender(peer, seconds)).sending);
    }
    return { found, judged: await fleet.judge() };
  } finally {
    await Promise.all(floors.map((floor) => floor.stop()));
    await Promise.all([fleet, ...peers].map((each) => each.stop()));
  }
}

/** Microseconds per frame of the sender and of both servers, and the sender's stream. */
async function measureSender(fleet: Fleet, seconds: number) {
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

const WITH_WRITES = "SocketScaler, both instances";
const C_LOOP = "C send() loop";

/** The program, or undefined if there is no compiler. */
function compileSendFloor(): string | undefined {
  const folder = mkdtempSync(join(tmpdir(), "socketscaler-bench-"));
  process.on("exit", () => rmSync(folder, { recursive: true, force: true }));
  const program = join(folder, "send-floor");
  const { status } = spawnSync("cc", ["-O2", "-o", program, `${PEERS}send-floor.c`], {
    stdio: ["ignore", "ignore", "inherit"],
  });
  return status === 0 ? program : undefined;
}
