/*
 * Question: clients drop off for two seconds again and again while messages flow. Is what they show right in the end, and
 * how much of what was sent did they get?
 *
 * Ours and Socket.IO with `connectionStateRecovery` over `@socket.io/redis-streams-adapter`, three processes each over one
 * Valkey, at the same time, with the same writes and the same drops. Every client connects through a link of its own, which
 * leads each connection to the next process; writers are not dropped. Half of the writes go to fresh cells, once each:
 * a client that shows one has got that message, in whatever form. The others overwrite a hundred cells. Socket.IO runs with two kinds of
 * client: one relies on recovery alone and reads the state only at first, the other also reads it whenever `recovered` is
 * false, keeping events that come meanwhile.
 *
 * How a client drops: `reset`, the server hears of it at once; `silent`, it hears nothing until its heartbeat runs out, as
 * when a radio is lost. One round of each.
 *
 * The judge: after the last write, with all links mended and QUIET_MS of quiet, every cell of every client is compared with
 * the store.
 *
 *     npm run bench:jitter -- [seconds of a round] [clients of each kind]
 */

import { setTimeout as pause } from "node:timers/promises";
import { io, type Socket } from "socket.io-client";
import { type Client, connect } from "../src/client/index.js";
import { storedBits } from "../test/support/clients.js";
import { spawnInstance } from "../test/support/instances.js";
import { type Cut, Link } from "../test/support/link.js";
import { mulberry } from "../test/support/random.js";
import { until } from "../test/support/until.js";
import { startServer } from "../test/support/valkey-server.js";
import { installPeers, spawnPeer } from "./process.js";

const seconds = Number(process.argv[2] ?? 60);
const clientsOfKind = Number(process.argv[3] ?? 20);
const INSTANCES = 3;
const WRITES_PER_SECOND = 100;
const HOT_CELLS = 100;
const DROP_MS = 2_000;
const UP_MS = { min: 1_000, max: 4_000 };
const QUIET_MS = 5_000;
const SEED = 20_261_124;

const freshCells = (seconds * WRITES_PER_SECOND) / 2;
/** One page, so that reading the state anew has a price. */
const size = 65_536;
if (HOT_CELLS + freshCells > size)
  throw new RangeError("a round of more than 1,300 s has more fresh cells than the board");

/** A client under test, whatever it speaks. */
interface Subject {
  readonly link: Link;
  isConnected(): boolean;
  shows(cell: number): boolean;
  close(): void;
}

interface Kind {
  readonly name: string;
  readonly subjects: Subject[];
}

async function ourSubject(urls: readonly string[], index: number): Promise<Subject> {
  const link = await Link.open(urls, index);
  const client: Client = connect(link.url);
  const board = client.board("main");
  await board.ready;
  await board.watch({ start: 0, end: size }).ready;
  return {
    link,
    isConnected: () => client.state.connected && board.status === "live",
    shows: (cell) => board.get(cell) === true,
    close: () => client.close(),
  };
}

/** `refetches`: reads the state whenever the connection was not recovered. */
async function peerSubject(urls: readonly string[], index: number, refetches: boolean): Promise<Subject> {
  const link = await Link.open(urls, index);
  const socket = io(link.url, { transports: ["websocket"], forceNew: true });
  const cells = new Uint8Array(size);
  /** Events that came while the state was on its way: they may be later than it. */
  let meanwhile: [cell: number, value: number][] = [];
  let isLevel = false;
  const readState = async (): Promise<void> => {
    isLevel = false;
    meanwhile = [];
    const bits: Uint8Array = new Uint8Array(await socket.timeout(5_000).emitWithAck("state"));
    for (let cell = 0; cell < size; cell++) cells[cell] = ((bits[cell >> 3] ?? 0) >> (7 - (cell & 7))) & 1;
    for (const [cell, value] of meanwhile) cells[cell] = value;
    isLevel = true;
  };
  let isFirst = true;
  socket.on("change", ({ cell, value }: { cell: number; value: boolean }) => {
    cells[cell] = Number(value);
    if (!isLevel) meanwhile.push([cell, Number(value)]);
  });
  socket.on("connect", () => {
    if (isFirst || (refetches && !socket.recovered)) void readState().catch(() => socket.disconnect().connect());
    isFirst = false;
  });
  await until("the state is there", () => isLevel);
  return {
    link,
    isConnected: () => socket.connected && isLevel,
    shows: (cell) => cells[cell] === 1,
    close: () => socket.disconnect(),
  };
}

async function round(how: Cut): Promise<string[]> {
  const random = mulberry(SEED);
  const valkeys = await Promise.all([startServer(), startServer()]);
  const [ourValkey, peerValkey] = valkeys;
  if (!ourValkey || !peerValkey) throw new Error("no Valkey");
  const flags = {
    VALKEY_URL: ourValkey.url,
    BOARDS: `main=${size}`,
    WRITES_PER_SECOND: "10000",
    WRITE_BURST: "10000",
    CONNECTS_PER_SECOND: "1000",
  };
  const each = Array.from({ length: INSTANCES }, (_, index) => index);
  const instances = await Promise.all(each.map(() => spawnInstance(flags)));
  const peers = await Promise.all(each.map(() => spawnPeer("socket-io-streams.ts", peerValkey.url, String(size))));
  const [ourUrls, peerUrls] = [instances.map(({ url }) => url), peers.map(({ url }) => url)];
  const crowd = (make: (index: number) => Promise<Subject>) =>
    Promise.all(Array.from({ length: clientsOfKind }, (_, index) => make(index)));
  const kinds: Kind[] = [
    { name: "SocketScaler", subjects: await crowd((index) => ourSubject(ourUrls, index)) },
    { name: "Socket.IO, recovery", subjects: await crowd((index) => peerSubject(peerUrls, index, false)) },
    { name: "Socket.IO, recovery and state", subjects: await crowd((index) => peerSubject(peerUrls, index, true)) },
  ];
  const ourWriters = ourUrls.map((url) => connect(url));
  await Promise.all(ourWriters.map((writer) => writer.board("main").ready));
  const peerWriters = peerUrls.map((url): Socket => io(url, { transports: ["websocket"], forceNew: true }));
  await until("writers are connected", () => peerWriters.every(({ connected }) => connected));

  let drops = 0;
  let isOver = false;
  const dropping = Array.from({ length: clientsOfKind }, async (_, index) => {
    const links = kinds.flatMap(({ subjects }) => subjects[index]?.link ?? []);
    for (;;) {
      await pause(UP_MS.min + random() * (UP_MS.max - UP_MS.min));
      if (isOver) return;
      for (const link of links) link.cut(how);
      drops++;
      await pause(DROP_MS);
      for (const link of links) link.mend();
    }
  });

  // The same writes to both, through the same number of the process.
  const answers: Promise<unknown>[] = [];
  const startedMs = performance.now();
  for (let count = 0; count < seconds * WRITES_PER_SECOND; count++) {
    await pause(Math.max(0, startedMs + (count * 1_000) / WRITES_PER_SECOND - performance.now()));
    const isFresh = count % 2 === 0;
    const cell = isFresh ? HOT_CELLS + count / 2 : Math.floor(random() * HOT_CELLS);
    const value = isFresh || random() < 0.5;
    const ours = ourWriters[count % INSTANCES]?.board("main").set(cell, value);
    const theirs = peerWriters[count % INSTANCES]?.emitWithAck("set", { cell, value });
    answers.push(ours ?? Promise.resolve(), theirs ?? Promise.resolve());
  }
  await Promise.all(answers);
  isOver = true;
  await Promise.all(dropping);
  await until(
    "everybody is back",
    () => kinds.every(({ subjects }) => subjects.every((one) => one.isConnected())),
    60_000,
  );
  await pause(QUIET_MS);

  const stored = [await storedBits(ourUrls[0] ?? "", size), await peerState(peerUrls[0] ?? "")];
  const lines = kinds.map(({ name, subjects }, index) => judge(name, subjects, stored[Math.min(index, 1)] ?? ""));
  const metrics = await Promise.all(ourUrls.map(async (url) => (await fetch(`${url}/metrics`)).text()));
  lines.push(`  ${drops} drops of each kind of client; ours was caught up ${describeCatchUps(metrics.join("\n"))}`);
  for (const { subjects } of kinds) {
    for (const subject of subjects) {
      subject.close();
      subject.link.close();
    }
  }
  for (const writer of ourWriters) writer.close();
  for (const writer of peerWriters) writer.disconnect();
  await Promise.all(instances.map((instance) => instance.kill()));
  for (const { child } of peers) child.kill();
  await Promise.all(valkeys.map((valkey) => valkey.stop()));
  return lines;
}

async function peerState(url: string): Promise<string> {
  const socket = io(url, { transports: ["websocket"], forceNew: true });
  const bits: Uint8Array = await socket.emitWithAck("state");
  socket.disconnect();
  return Array.from(new Uint8Array(bits), (byte) => byte.toString(2).padStart(8, "0"))
    .join("")
    .slice(0, size);
}

function judge(name: string, subjects: readonly Subject[], stored: string): string {
  let equal = 0;
  let wrongCells = 0;
  let received = 0;
  let bytes = 0;
  for (const { shows, link } of subjects) {
    bytes += link.bytesToClient;
    let wrong = 0;
    for (let cell = 0; cell < size; cell++) {
      if (shows(cell) !== (stored[cell] === "1")) wrong++;
      if (cell >= HOT_CELLS && cell < HOT_CELLS + freshCells && shows(cell)) received++;
    }
    wrongCells += wrong;
    if (wrong === 0) equal++;
  }
  const share = ((100 * received) / (freshCells * subjects.length)).toFixed(2);
  return (
    `  ${name.padEnd(30)} equal to the store: ${equal} of ${subjects.length} clients` +
    ` (${wrongCells} wrong cells)   messages received: ${share} %   ${Math.round(bytes / subjects.length / 1_000)} kB to each`
  );
}

function describeCatchUps(metrics: string): string {
  const sum = (name: string, by: string) =>
    Array.from(metrics.matchAll(new RegExp(`^${name}\\{by="${by}"\\} (\\d+)`, "gm")), ([, count]) =>
      Number(count),
    ).reduce((total, count) => total + count, 0);
  const part = (by: string) => {
    const count = sum("socketscaler_catch_ups_total", by);
    const bytes = sum("socketscaler_catch_up_bytes_total", by);
    return `${count} times by a ${by} (${count ? Math.round(bytes / count) : 0} bytes each)`;
  };
  return `${part("delta")}, ${part("snapshot")}`;
}

installPeers();
process.stdout.write(
  `${seconds} s a round, ${clientsOfKind} clients of each kind on ${INSTANCES} processes, ${WRITES_PER_SECOND} writes a second, away for ${DROP_MS / 1_000} s after ` +
    `${UP_MS.min / 1_000} to ${UP_MS.max / 1_000} s; ${size} cells\n`,
);
for (const how of ["reset", "silent"] as const) {
  const lines = await round(how);
  process.stdout.write(`${how}\n${lines.join("\n")}\n`);
}
