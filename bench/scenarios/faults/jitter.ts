/*
 * Question: clients disconnect for two seconds again and again while messages flow. Do they show
 * the right state in the end, and what share of the messages did they receive?
 *
 * Ours and Socket.IO with `connectionStateRecovery` over Redis streams, three processes each, with
 * the same writes and drops. Each connection of a client leads to the next process. Half of the
 * writes go to fresh cells: a client that shows one has received that message. The others overwrite
 * a hundred cells. One kind of Socket.IO client relies on recovery; the other also reads the state
 * if `recovered` is false, and keeps the events that arrive meanwhile.
 *
 * The server notices a `reset` immediately, and a `silent` drop when its heartbeat runs out.
 * QUIET_MS after the last write, with all links repaired, every cell is compared with the store.
 */

import { setTimeout as pause } from "node:timers/promises";
import { io, type Socket } from "socket.io-client";
import { pace } from "../../../src/bench/pace.js";
import { connect } from "../../../src/client/index.js";
import { watchBoard } from "../../../test/support/clients.js";
import { type Cut, Link } from "../../../test/support/link.js";
import { mulberry } from "../../../test/support/random.js";
import { until } from "../../../test/support/until.js";
import { deploy } from "../../load/deployment.js";
import { NO_LIMITS, ours } from "../../load/ours.js";
import type { Scenario, Value } from "../../load/outcome.js";
import { installPeers } from "../../load/peers.js";
import { streamsAdapter } from "../../load/per-change.js";
import { startSystem, startValkey } from "../../load/processes.js";
import type { System } from "../../load/system.js";

const INSTANCES = 3;
const WRITES_PER_SECOND = 100;
const HOT_CELLS = 100;
const DROP_MS = 2_000;
const UP_MS = { min: 1_000, max: 4_000 };
const QUIET_MS = 5_000;
const SEED = 20_261_124;
/** One page, so that reading the state again has a price. */
const SIZE = 65_536;

/** A client under test of either system. */
interface Subject {
  readonly link: Link;
  isConnected(): boolean;
  shows(cell: number): boolean;
  close(): void;
}

interface Kind {
  readonly name: string;
  readonly subjects: readonly Subject[];
  readonly stored: () => ReturnType<System["stored"]>;
}

interface Size {
  readonly seconds: number;
  readonly clients: number;
}

export const jitter: Scenario = {
  name: "jitter",
  question: "Do clients that disconnect again and again show the right state in the end?",
  run: async ({ isQuick, tell }) => {
    installPeers();
    const size = isQuick ? { seconds: 8, clients: 4 } : { seconds: 60, clients: 20 };
    const rows: Record<string, Value>[] = [];
    const notes: string[] = [];
    for (const how of ["reset", "silent"] as const) {
      tell(how);
      const round = await play(how, size);
      rows.push(...round.rows);
      notes.push(round.note);
    }
    const wrong = rows.filter(({ system, wrongCells }) => system === OURS && wrongCells !== 0).length;
    return {
      method:
        `${size.seconds} s per round, ${size.clients} clients of each kind on ${INSTANCES} processes, ${WRITES_PER_SECOND} writes/s, ${SIZE} cells. ` +
        `Clients are cut off for ${DROP_MS / 1_000} s after ${UP_MS.min / 1_000} to ${UP_MS.max / 1_000} s.`,
      columns: {
        how: "drop",
        system: "system",
        equal: "clients equal to the store",
        wrongCells: "wrong cells",
        received: "messages received, %",
        kilobytes: "kB per client",
      },
      rows,
      notes,
      faults: wrong > 0 ? [`${OURS}: clients did not end up equal to the store`] : [],
    };
  },
};

const OURS = "SocketScaler";

async function openOurs(urls: readonly string[], index: number): Promise<Subject> {
  const link = await Link.open(urls, index);
  const { client, board, close } = await watchBoard(link.url);
  return {
    link,
    isConnected: () => client.state.connected && board.status === "live",
    shows: (cell) => board.get(cell) === true,
    close,
  };
}

/** `refetches`: reads the state whenever the connection was not recovered. */
async function openPeer(urls: readonly string[], index: number, refetches: boolean): Promise<Subject> {
  const link = await Link.open(urls, index);
  const socket = io(link.url, { transports: ["websocket"], forceNew: true });
  const cells = new Uint8Array(SIZE);
  /** Events that arrived while the state was on its way: they may be newer. */
  let meanwhile: [cell: number, value: number][] = [];
  let isLevel = false;
  const readState = async (): Promise<void> => {
    isLevel = false;
    meanwhile = [];
    const bits: Uint8Array = new Uint8Array(await socket.timeout(5_000).emitWithAck("state"));
    for (let cell = 0; cell < SIZE; cell++) cells[cell] = ((bits[cell >> 3] ?? 0) >> (7 - (cell & 7))) & 1;
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
  await until("the state has arrived", () => isLevel);
  return {
    link,
    isConnected: () => socket.connected && isLevel,
    shows: (cell) => cells[cell] === 1,
    close: () => void socket.disconnect(),
  };
}

function play(how: Cut, { seconds, clients }: Size) {
  return deploy(INSTANCES, { ...NO_LIMITS, BOARDS: `main=${SIZE}` }, async ({ urls, closing }) => {
    const random = mulberry(SEED);
    const valkey = await startValkey();
    closing({ close: () => valkey.stop() });
    const peers = await Promise.all(urls.map(() => startSystem(streamsAdapter, valkey, SIZE)));
    for (const each of peers) closing({ close: () => each.stop() });
    const peerUrls = peers.map(({ url }) => url);

    const crowd = async (open: (index: number) => Promise<Subject>) => {
      const subjects = await Promise.all(Array.from({ length: clients }, (_, index) => open(index)));
      for (const { link, close } of subjects) {
        closing(link);
        closing({ close });
      }
      return subjects;
    };
    const writers = urls.map((url) => closing(connect(url)).board("main"));
    const peerWriters = peerUrls.map((url): Socket => io(url, { transports: ["websocket"], forceNew: true }));
    for (const socket of peerWriters) closing({ close: () => socket.disconnect() });
    const peerState = () => streamsAdapter.stored(valkey, "", SIZE);
    const ourCrowd = await crowd((index) => openOurs(urls, index));
    const peerCrowd = (refetches: boolean) => crowd((index) => openPeer(peerUrls, index, refetches));
    const kinds: Kind[] = [
      { name: OURS, subjects: ourCrowd, stored: () => ours(SIZE).stored(valkey, urls[0] ?? "", SIZE) },
      { name: "Socket.IO, recovery", subjects: await peerCrowd(false), stored: peerState },
      { name: "Socket.IO, recovery and state", subjects: await peerCrowd(true), stored: peerState },
    ];
    await Promise.all(writers.map(({ ready }) => ready));
    await until("writers are connected", () => peerWriters.every(({ connected }) => connected));

    let drops = 0;
    let isOver = false;
    const dropping = Array.from({ length: clients }, async (_, index) => {
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
    // The same writes to both systems, through processes of the same number.
    const answers: Promise<unknown>[] = [];
    let count = 0;
    await pace(WRITES_PER_SECOND, seconds * 1_000, () => {
      const isFresh = count % 2 === 0;
      const cell = isFresh ? HOT_CELLS + count / 2 : Math.floor(random() * HOT_CELLS);
      const value = isFresh || random() < 0.5;
      const theirs = peerWriters[count % INSTANCES]?.emitWithAck("set", { cell, value });
      answers.push(writers[count++ % INSTANCES]?.set(cell, value) ?? Promise.resolve(), theirs ?? Promise.resolve());
    });
    await Promise.all(answers);
    isOver = true;
    await Promise.all(dropping);
    const subjects = kinds.flatMap((kind) => kind.subjects);
    await until("all are connected again", () => subjects.every((subject) => subject.isConnected()), 60_000);
    await pause(QUIET_MS);

    const freshCells = (seconds * WRITES_PER_SECOND) / 2;
    const rows: Record<string, Value>[] = [];
    for (const { name, subjects, stored } of kinds) {
      rows.push({ how, system: name, ...judge(subjects, await stored(), freshCells) });
    }
    const metrics = await Promise.all(urls.map(async (url) => (await fetch(`${url}/metrics`)).text()));
    return {
      rows,
      note: `${how}: ${drops} drops of each kind of client; ours caught up ${catchUps(metrics.join("\n"))}.`,
    };
  });
}

function judge(subjects: readonly Subject[], stored: (cell: number) => boolean, freshCells: number) {
  let equal = 0;
  let wrongCells = 0;
  let received = 0;
  let bytes = 0;
  for (const { shows, link } of subjects) {
    bytes += link.bytesToClient;
    let wrong = 0;
    for (let cell = 0; cell < SIZE; cell++) {
      if (shows(cell) !== stored(cell)) wrong++;
      if (cell >= HOT_CELLS && cell < HOT_CELLS + freshCells && shows(cell)) received++;
    }
    wrongCells += wrong;
    if (wrong === 0) equal++;
  }
  return {
    equal: `${equal} of ${subjects.length}`,
    wrongCells,
    received: (100 * received) / (freshCells * subjects.length),
    kilobytes: bytes / subjects.length / 1_000,
  };
}

/** How often the instances caught clients up by delta and by snapshot, and the mean size. */
function catchUps(metrics: string): string {
  const sum = (name: string, by: string) => {
    const found = metrics.matchAll(new RegExp(`^socketscaler_catch_up${name}_total\\{by="${by}"\\} (\\d+)`, "gm"));
    return Array.from(found, ([, count]) => Number(count)).reduce((total, count) => total + count, 0);
  };
  return ["delta", "snapshot"]
    .map((by) => `${sum("s", by)} times by ${by} (${Math.round(sum("_bytes", by) / sum("s", by) || 0)} bytes each)`)
    .join(", ");
}
