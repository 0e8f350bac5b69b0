/*
 * Question: if 20 clients take each of 50 free seats at the same moment, has each seat one owner,
 * and is everybody else told?
 *
 * Clients of the library (over the lane and over Socket.IO), stock Socket.IO clients and programs
 * that use HTTP take part together, spread over the instances. Each is a user of its own. In some
 * deployments an instance is killed, or a primary with `replicated:1` fails over, while they try.
 * Stock clients and programs then repeat their request at another instance.
 */

import { SignJWT } from "jose";
import { io, type Socket } from "socket.io-client";
import { type Client, connect } from "../../../src/client/index.js";
import { ownerName, parseClaims } from "../../../src/store/claims.js";
import { EmbeddedStore } from "../../../src/store/embedded/embedded-store.js";
import type { Store } from "../../../src/store/store.js";
import { ValkeyStore } from "../../../src/store/valkey/valkey-store.js";
import { temporaryFolder } from "../../../test/support/folder.js";
import { type ProcessInstance, spawnInstance, startInstance } from "../../../test/support/instances.js";
import { startSentinel } from "../../../test/support/sentinel.js";
import { until } from "../../../test/support/until.js";
import { startCluster } from "../../../test/support/valkey-cluster.js";
import { startServer } from "../../../test/support/valkey-server.js";
import { NO_LIMITS } from "../../load/ours.js";
import type { Scenario, Value } from "../../load/outcome.js";

const SEATS = 50;
const CLIENTS = 20;
const SECRET = "a secret of at least thirty-two bytes";
const RULES = parseClaims("main");

type Trial = "no fault" | "an instance is killed" | "a failover at replicated:1";

interface Hall {
  readonly urls: readonly string[];
  /** For the judge. */
  readonly store: Store;
  /** What happens while they try. */
  readonly strike?: (round: number) => Promise<void>;
}

/** One user: tries to take a seat, and returns `done` or the code of the refusal. */
interface User {
  readonly name: string;
  take(cell: number): Promise<string>;
  close(): void;
}

interface Deployment {
  readonly store: "Valkey" | "a cluster" | "embedded";
  readonly instances: number;
  readonly trial: Trial;
  readonly rounds: number;
}

const DEPLOYMENTS: readonly Deployment[] = [
  ...([2, 4] as const).flatMap((instances) =>
    (["Valkey", "a cluster", "embedded"] as const).map((store) => ({
      ...{ store, instances, trial: "no fault" as const, rounds: 100 },
    })),
  ),
  { store: "Valkey", instances: 3, trial: "an instance is killed", rounds: 10 },
  { store: "Valkey", instances: 2, trial: "a failover at replicated:1", rounds: 10 },
];

export const seats: Scenario = {
  name: "seats",
  question: "If 20 clients try to take each of 50 free seats at once, does each seat get one owner?",
  run: async ({ isQuick, tell }) => {
    const rows: Record<string, Value>[] = [];
    const faults: string[] = [];
    for (const { rounds, ...deployment } of DEPLOYMENTS) {
      const what = `${deployment.instances} instances on ${deployment.store}, ${deployment.trial}`;
      const counts = await play({ ...deployment, rounds: isQuick ? 12 : rounds });
      tell(`${what}: ${JSON.stringify(counts)}`);
      const expected = isQuick ? 12 : rounds;
      rows.push({ system: what, rounds: expected, ...counts });
      const isRight =
        counts.owners === expected * SEATS && counts.taken === expected * SEATS * (CLIENTS - 1) && counts.wrong === 0;
      if (!isRight) faults.push(`${what}: ${JSON.stringify(counts)}`);
    }
    return {
      method: `${CLIENTS} clients (8 use the library over the lane, 4 the library over Socket.IO, 4 a stock Socket.IO client, 4 HTTP), each a different user. In each round, every client tries to take all ${SEATS} seats at once.`,
      columns: {
        system: "deployment",
        rounds: "rounds",
        owners: "seats with one owner",
        taken: "TAKEN",
        wrong: "other answers, or owners that got a wrong answer",
      },
      rows,
      faults,
    };
  },
};

async function play({ store, instances, trial, rounds }: Deployment) {
  const ends: (() => unknown)[] = [];
  const after = (end: () => unknown) => void ends.unshift(end);
  try {
    const hall = await openHall({ store, instances, trial, rounds }, after);
    const users = await Promise.all(Array.from({ length: CLIENTS }, (_, index) => userOf(index, hall.urls)));
    for (const user of users) after(() => user.close());
    const counts = { owners: 0, taken: 0, wrong: 0 };
    for (let round = 0; round < rounds; round++) {
      const cells = Array.from({ length: SEATS }, (_, seat) => round * SEATS + seat);
      const tries = users.flatMap((user) =>
        cells.map(async (cell) => ({ user: user.name, cell, outcome: await user.take(cell) })),
      );
      const [outcomes] = await Promise.all([Promise.all(tries), hall.strike?.(round)]);
      const { claims } = await hall.store.claims({ board: "main", page: 0 });
      const owners = new Map(claims.map(({ offset, owner }) => [offset, owner]));
      for (const { user, cell, outcome } of outcomes) {
        const isTheirs = owners.get(cell) === ownerName("subject", user);
        if (outcome === "done" && isTheirs) counts.owners++;
        else if (outcome === "TAKEN" && owners.has(cell) && !isTheirs) counts.taken++;
        else counts.wrong++;
      }
    }
    return counts;
  } finally {
    for (const end of ends) await end();
  }
}

async function openHall(
  { store, instances, trial, rounds }: Deployment,
  after: (end: () => unknown) => void,
): Promise<Hall> {
  const flags = { ...NO_LIMITS, BOARDS: `main=${rounds * SEATS}`, CLAIMS: "main", JWT_SECRET: SECRET };
  if (store === "embedded") {
    const own = await EmbeddedStore.open({ directory: temporaryFolder({ after }), claims: RULES ?? fail() });
    after(() => own.close());
    const urls: string[] = [];
    for (let count = 0; count < instances; count++) {
      const instance = await startInstance(flags, own);
      after(() => instance.stop());
      urls.push(instance.url);
    }
    return { urls, store: own };
  }
  if (trial === "a failover at replicated:1") return failoverHall(instances, flags, after);
  const server = store === "Valkey" ? await startServer() : await startCluster({ replicasEach: 0 });
  after(() => server.stop());
  const judge = await ValkeyStore.open({ url: server.url, claims: RULES ?? fail() });
  after(() => judge.close());
  const running = new Set<ProcessInstance>();
  const start = async (port = "0") => {
    const instance = await spawnInstance({ ...flags, VALKEY_URL: server.url, PORT: port });
    running.add(instance);
    return instance;
  };
  after(() => Promise.all([...running].map((instance) => instance.kill())));
  const all = await Promise.all(Array.from({ length: instances }, () => start()));
  const urls = all.map(({ url }) => url);
  if (trial === "no fault") return { urls, store: judge };
  return {
    urls,
    store: judge,
    strike: async (round) => {
      const at = round % instances;
      const victim = all[at];
      if (!victim) return;
      running.delete(victim);
      await victim.kill("SIGKILL");
      all[at] = await start(new URL(victim.url).port);
    },
  };
}

/**
 * A primary with one replica, which takes its place and is copied by it in turn. With two replicas,
 * `replicated:1` would not say which of them has a claim.
 */
async function failoverHall(
  instances: number,
  flags: Readonly<Record<string, string>>,
  after: (end: () => unknown) => void,
): Promise<Hall> {
  const primary = await startServer();
  const replica = await startServer(undefined, [
    ...["--replicaof", "127.0.0.1", String(primary.port), "--repl-diskless-sync-delay", "0"],
  ]);
  after(() => Promise.all([primary, replica].map((server) => server.stop())));
  const sentinel = await startSentinel(primary);
  after(() => sentinel.stop());
  const own = { ...flags, VALKEY_URL: sentinel.url, DURABILITY: "replicated:1", WRITE_WAIT_MS: "30000" };
  const all = await Promise.all(Array.from({ length: instances }, () => spawnInstance({ ...own, PORT: "0" })));
  after(() => Promise.all(all.map((instance) => instance.kill())));
  const judge = await ValkeyStore.open({ url: sentinel.url, claims: RULES ?? fail() });
  after(() => judge.close());
  return {
    urls: all.map(({ url }) => url),
    store: judge,
    strike: async () => {
      const before = await sentinel.primaryPort();
      await sentinel.failover();
      await until("another is primary", async () => (await sentinel.primaryPort()) !== before);
      await until("the judge reads it", () =>
        judge.read({ board: "main", page: 0 }).then(
          () => true,
          () => false,
        ),
      );
    },
  };
}

async function userOf(index: number, urls: readonly string[]): Promise<User> {
  const name = `user ${index}`;
  const token = await new SignJWT({ sub: name, boards: { main: "write" } })
    .setProtectedHeader({ alg: "HS256" })
    .setExpirationTime("2h")
    .sign(new TextEncoder().encode(SECRET));
  const own = [...urls.slice(index % urls.length), ...urls.slice(0, index % urls.length)];
  if (index < 8) return libraryUser(name, connect(own, { token: () => token }));
  if (index < 12) return libraryUser(name, connect(own, { token: () => token, lanePath: false }));
  if (index < 16) return stockUser(name, own, token);
  return httpUser(name, own, token);
}

async function libraryUser(name: string, client: Client): Promise<User> {
  const board = client.board("main");
  await board.ready;
  return {
    name,
    take: (cell) =>
      board.set(cell, true).then(
        () => "done",
        (error: { readonly code?: string }) => String(error.code),
      ),
    close: () => client.close(),
  };
}

function stockUser(name: string, urls: readonly string[], token: string): User {
  const options = { auth: { token }, transports: ["websocket"], forceNew: true };
  const sockets: Socket[] = urls.map((url) => io(url, options));
  return {
    name,
    take: (cell) =>
      repeated(urls.length, async (attempt) => {
        const socket = sockets[attempt % sockets.length];
        const answer = await socket?.timeout(5_000).emitWithAck("checkbox-update", { index: cell, value: true });
        return answer.ok ? "done" : answer.error.code;
      }),
    close: () => sockets.map((socket) => socket.disconnect()),
  };
}

function httpUser(name: string, urls: readonly string[], token: string): User {
  return {
    name,
    take: (cell) =>
      repeated(urls.length, async (attempt) => {
        const response = await fetch(`${urls[attempt % urls.length]}/boards/main/cells/${cell}`, {
          method: "PUT",
          headers: { "Content-Type": "application/json", Authorization: `Bearer ${token}` },
          body: JSON.stringify({ value: true }),
          signal: AbortSignal.timeout(35_000),
        });
        const body = (await response.json()) as { readonly ok?: boolean; readonly error?: { readonly code: string } };
        return body.ok ? "done" : String(body.error?.code);
      }),
    close: () => undefined,
  };
}

/** Answers after which the same request may be made again. */
const AGAIN = new Set(["OUTCOME_UNKNOWN", "NOT_CONFIRMED", "STORE_AWAY", "GOING_AWAY", "BUSY"]);

async function repeated(instances: number, request: (attempt: number) => Promise<string>): Promise<string> {
  for (let attempt = 0; ; attempt++) {
    // After a lost connection, at the next instance.
    const outcome = await request(attempt).catch((error: unknown) => String(error));
    const isFinal = outcome === "done" || /^[A-Z_]+$/.test(outcome) ? !AGAIN.has(outcome) : false;
    if (isFinal || attempt > 20 * instances) return outcome;
    await new Promise((done) => setTimeout(done, 50));
  }
}

function fail(): never {
  throw new Error("the claim rule cannot be read");
}
