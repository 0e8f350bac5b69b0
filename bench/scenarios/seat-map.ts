/*
 * Question: the same seat map on SocketScaler, on Socket.IO with a database, and on Colyseus: how
 * long is each server, which promises does it keep, and what does a booking cost?
 *
 * Two servers on one Valkey for each. A seat is held for a time and may be paid for. Visitors know
 * both servers, and repeat a request whose answer is lost.
 */

import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { temporaryFolder } from "../../test/support/folder.js";
import { until } from "../../test/support/until.js";
import { freePort, type ServerProcess } from "../../test/support/valkey-server.js";
import { Rounds, type Scenario, type Value } from "../load/outcome.js";
import { installPeers, peer } from "../load/peers.js";
import { cpuSeconds, type Running, start, startValkey } from "../load/processes.js";
import { linesOf, SEAT_MAPS, type SeatMap, type Visitor } from "../load/seat-maps.js";

const VISITORS = 20;
/** Seats that all visitors want at once. */
const WANTED = 50;
const LONG_HOLD_MS = 3_600_000;
const SHORT_HOLD_MS = 8_000;
/** A change is to be seen, and an ended hold to be free, this soon. */
const SEEN_MS_MAX = 2_000;
const RATE = 200;
const YES = "yes";

export const seatMap: Scenario = {
  name: "seat-map",
  question:
    "The same seat map on three systems: how much code does it need, what does it promise, and what does a booking cost?",
  run: async ({ isQuick, tell }) => {
    installPeers();
    const seconds = isQuick ? 1 : 6;
    const rounds = isQuick ? 1 : 5;
    const faults: string[] = [];
    const rows: Record<string, Value>[] = [];
    for (const system of SEAT_MAPS) {
      const promises = { ...(await judgeBookings(system)), holds: await judgeHolds(system) };
      tell(`${system.name}: ${JSON.stringify(promises)}`);
      rows.push({ system: system.name, lines: linesOf(system), ...promises });
      const broken = Object.entries(promises).filter(([, kept]) => kept !== YES);
      if (system === SEAT_MAPS[0]) faults.push(...broken.map(([promise, found]) => `${promise}: ${found}`));
    }
    const cpu = await measureCost(rounds, seconds, tell);
    return {
      method: `Two servers each, ${VISITORS} visitors who see all seats. All of them try to take the same ${WANTED} seats at once. While other seats are taken, a server is killed: the one that the first visitor uses. Cost: ${RATE} bookings/s for ${seconds} s, ${rounds} alternating rounds. CPU is that of servers and Valkey, divided by the bookings. Lines are code without comments.`,
      columns: {
        system: "system",
        lines: "lines of server code",
        owners: "one owner for each seat",
        release: "everybody sees a release",
        retry: "a retry books nothing twice",
        copy: "a late copy of a request books nothing",
        kept: "bookings outlive a killed server",
        holds: "a hold ends on time after its server was killed",
        cpu: "CPU per booking, µs",
      },
      rows: rows.map((row) => ({ ...row, cpu: cpu.spread(String(row.system)) })),
      notes: [
        ...SEAT_MAPS.map(({ name, about, file }) => `${name}: ${about} (\`peers/${file}\`).`),
        "A number for each request, kept with the seat, would let the peers refuse a late copy.",
        "A database of its own would let Colyseus keep bookings, and would cost as much as the other peer's.",
      ],
      faults,
    };
  },
};

interface Hall {
  readonly valkey: ServerProcess;
  readonly servers: readonly Running[];
  readonly urls: readonly string[];
  /** A visitor of the server with this number. */
  visit(index: number): Promise<Visitor>;
}

/** Runs two servers of the system for `use`. */
async function inHall<Result>(
  system: SeatMap,
  { seats, holdMs }: { readonly seats: number; readonly holdMs: number },
  use: (hall: Hall) => Promise<Result>,
): Promise<Result> {
  const ends: (() => unknown)[] = [];
  const after = (end: () => unknown) => void ends.unshift(end);
  try {
    const valkey = await startValkey();
    after(() => valkey.stop());
    const database = join(temporaryFolder({ after }), "seats.db");
    const servers: Running[] = [];
    for (let count = 0; count < 2; count++) {
      const args = peer(system.file, valkey.url, seats, holdMs, database, await freePort());
      const server = await start(process.execPath, args);
      after(() => server.stop());
      servers.push(server);
    }
    const urls = servers.map(({ url }) => url);
    const visit = async (index: number) => {
      const own = index % 2 === 0 ? urls : urls.toReversed();
      const visitor = await system.visit(own, `visitor ${index}`, seats);
      after(() => visitor.close());
      return visitor;
    };
    return await use({ valkey, servers, urls, visit });
  } finally {
    for (const end of ends) await end();
  }
}

function allVisitors({ visit }: Hall): Promise<Visitor[]> {
  return Promise.all(Array.from({ length: VISITORS }, (_, index) => visit(index)));
}

function judgeBookings(system: SeatMap) {
  return inHall(system, { seats: 200, holdMs: LONG_HOLD_MS }, async (hall) => {
    const visitors = await allVisitors(hall);
    const [first, second] = visitors;
    if (!first || !second) throw new Error("there are no visitors");

    const wanted = Array.from({ length: WANTED }, (_, seat) => seat);
    const outcomes = await Promise.all(wanted.map((seat) => Promise.all(visitors.map((each) => each.take(seat)))));
    const owners = outcomes.map((each) => each.filter((outcome) => outcome === "done").length);
    const single = owners.filter((count) => count === 1).length;

    const retries = await Promise.all([first.take(60), first.take(60)]);
    const isSingle = (await second.take(60)) === "taken" && (await first.giveBack(60)) === "done";
    const isRetried = retries.every((outcome) => outcome === "done") && isSingle;
    const isReleased = await isSoon(() => visitors.every((each) => !each.isTaken(60)));

    const copies = await system.copies(hall.urls[0] ?? "", first.user, 61);
    await copies.send();
    await first.giveBack(61);
    await copies.send();
    const isCopyHarmless = (await second.take(61)) === "done";
    copies.close();

    await first.take(62);
    await first.pay();
    const early = visitors.map((each, index) => ({ each, seat: 100 + index }));
    await Promise.all(early.map(({ each, seat }) => each.take(seat)));
    const late = visitors.map((each, index) => ({ each, seat: 150 + index }));
    const taking = late.map(({ each, seat }) => each.take(seat));
    await killServerOf(first, hall);
    await Promise.all(taking);
    const booked = [{ each: first, seat: 62 }, ...early, ...late];
    const lost = await Promise.all(booked.map(({ each, seat }) => isLost(each, seat, visitors)));
    const lostCount = lost.filter(Boolean).length;
    return {
      owners: single === WANTED ? YES : `${single} of ${WANTED}`,
      release: isReleased ? YES : "no",
      retry: isRetried ? YES : "no",
      copy: isCopyHarmless ? YES : "no, it books again",
      kept: lostCount === 0 ? YES : `no, ${lostCount} of ${booked.length} are lost`,
    };
  });
}

async function killServerOf({ server }: Visitor, { servers }: Hall): Promise<void> {
  const killed = servers.find(({ url }) => url === server);
  if (!killed) throw new Error(`no server has the URL "${server}"`);
  await killed.stop();
}

/** Whether somebody else can take a seat that the visitor has booked. */
async function isLost(owner: Visitor, seat: number, visitors: readonly Visitor[]): Promise<boolean> {
  const other = visitors.find((each) => each !== owner);
  return (await other?.take(seat)) !== "taken";
}

function judgeHolds(system: SeatMap): Promise<string> {
  return inHall(system, { seats: 200, holdMs: SHORT_HOLD_MS }, async (hall) => {
    const { visit } = hall;
    const [owner, other] = [await visit(0), await visit(1)];
    await owner.take(1);
    const takenMs = performance.now();
    await until("the other sees it", () => other.isTaken(1));
    await killServerOf(owner, hall);
    owner.close();
    while (other.isTaken(1) && performance.now() - takenMs < 10 * SHORT_HOLD_MS) await pause(5);
    const ms = performance.now() - takenMs;
    if (ms < SHORT_HOLD_MS - 500) return `no, it was lost ${((SHORT_HOLD_MS - ms) / 1_000).toFixed(1)} s early`;
    if (ms > SHORT_HOLD_MS + SEEN_MS_MAX) return `no, ${((ms - SHORT_HOLD_MS) / 1_000).toFixed(1)} s late`;
    return (await other.take(1)) === "done" ? YES : "no, it cannot be taken";
  });
}

function isSoon(condition: () => boolean): Promise<boolean> {
  return until("it is soon", condition, SEEN_MS_MAX).then(
    () => true,
    () => false,
  );
}

async function measureCost(rounds: number, seconds: number, tell: (line: string) => void): Promise<Rounds> {
  const cpu = new Rounds();
  const bookings = RATE * seconds;
  for (let round = 1; round <= rounds; round++) {
    for (const system of SEAT_MAPS) {
      const micros = await inHall(system, { seats: 2 * bookings, holdMs: LONG_HOLD_MS }, async (hall) => {
        const visitors = await allVisitors(hall);
        await book(visitors, 0, bookings);
        const before = costOf(hall);
        await book(visitors, bookings, 2 * bookings);
        return ((costOf(hall) - before) * 1e6) / bookings;
      });
      cpu.add(system.name, micros);
      tell(`${round}/${rounds} ${system.name}: ${micros.toFixed(0)} µs per booking`);
    }
  }
  return cpu;
}

function costOf({ servers, valkey }: Hall): number {
  return cpuSeconds([...servers.map(({ pid }) => pid), valkey.pid]);
}

/** Visitors book these seats in turn, until everybody sees it. The first run of a hall warms it up. */
async function book(visitors: readonly Visitor[], from: number, to: number): Promise<void> {
  const startMs = performance.now();
  const taking: Promise<unknown>[] = [];
  for (let seat = from; seat < to; seat++) {
    const dueMs = startMs + ((seat - from) * 1_000) / RATE;
    if (dueMs > performance.now()) await pause(dueMs - performance.now());
    const visitor = visitors[seat % visitors.length];
    if (visitor) taking.push(visitor.take(seat));
  }
  await Promise.all(taking);
  const isSeen = (seat: number) => visitors.every((each) => each.isTaken(seat));
  for (let seat = from; seat < to; seat++) await until(`all see that ${seat} is taken`, () => isSeen(seat));
}
