/*
 * What the world around an instance does to it: descriptors run out, disks are full, nobody reads its log. It goes on
 * serving, says it once, and recovers by itself.
 */

import assert from "node:assert/strict";
import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { createReadStream, readFileSync } from "node:fs";
import { Agent, type IncomingMessage, request } from "node:http";
import { connect, type Socket } from "node:net";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { text } from "node:stream/consumers";
import { describe, test } from "node:test";
import { SignJWT } from "jose";
import { temporaryFolder } from "../support/folder.js";
import { type ProcessInstance, serveCommand, spawnInstance, startInstance } from "../support/instances.js";
import { smallDisk } from "../support/small-disk.js";
import { until as untilWithin } from "../support/until.js";
import { freePort, startServer } from "../support/valkey-server.js";

/** Processes start and end here: on a busy machine that takes its time. */
const until: typeof untilWithin = (what, condition) => untilWithin(what, condition, 60_000);

describe("an instance that runs out of descriptors", () => {
  test("keeps serving connected clients, drops new connections, says so once, and accepts them again later", async (t) => {
    const instance = await spawnInstance({ DATA_DIR: temporaryFolder(t) });
    t.after(() => instance.kill());
    const kept = new Agent({ keepAlive: true, maxSockets: 1 });
    t.after(() => kept.destroy());
    const before = await clusterAt(instance, kept);
    assert.deepEqual(await set(instance, kept, 6), { status: 200, value: true });

    limitFiles(instance, 60);
    const crowd = new IdleCrowd(t, instance);
    await crowd.growUntilDropped(10);
    await until("it measures itself meanwhile", async () => {
      // Those that it closed for their silence are replaced, so that it has none left all the time.
      crowd.grow();
      return (await clusterAt(instance, kept)).upSeconds > before.upSeconds + 3;
    });
    assert.equal((await ask(instance, kept, "/metrics")).status, 200);
    // The page is a file, for which there is no descriptor.
    for (let count = 0; count < 3; count++) assert.equal((await ask(instance, kept, "/")).status, 500);
    assert.deepEqual(await set(instance, kept, 7), { status: 200, value: true });

    crowd.leave();
    await untilAnswered(instance);
    assert.deepEqual(await set(instance, kept, 8), { status: 200, value: true });
    assertOnceEach(instance);
  });

  test("with workers too, connections never take the descriptors that are needed to hand others on", async (t) => {
    const valkey = await startServer();
    t.after(() => valkey.stop());
    const instance = await spawnInstance({ VALKEY_URL: valkey.url, WORKERS: "2" }, "ulimit -n 200");
    t.after(() => instance.kill());
    await until("both serve", () => servingIn(instance).length === 2);
    const crowd = new IdleCrowd(t, instance);
    // More than all three processes have descriptors for.
    await crowd.growUntilDropped(500);
    crowd.leave();
    for (let count = 0; count < 4; count++) await untilAnswered(instance);
    assertOnceEach(instance, 2);
  });

  test("as the primary of workers, starts another worker when it can again", async (t) => {
    const valkey = await startServer();
    t.after(() => valkey.stop());
    const instance = await spawnInstance({ VALKEY_URL: valkey.url, WORKERS: "2" });
    t.after(() => instance.kill());
    await until("both serve", () => servingIn(instance).length === 2);
    limitFiles(instance, 20);
    process.kill(Number(/"pid":(\d+)/.exec(servingIn(instance)[0] ?? "")?.[1]), "SIGKILL");
    await until("it fails to start one", () => instance.output.some((line) => line.includes("could not be started")));
    limitFiles(instance, 1_024);
    await until("another takes its place", () => servingIn(instance).length === 3);
  });
});

describe("clients that reset a connection while it is being upgraded", () => {
  test("end no instance that drains", async (t) => {
    const instance = await startInstance({ DATA_DIR: temporaryFolder(t) });
    t.after(() => instance.stop());
    instance.instance.departures.begin();
    for (let count = 0; count < 60; count++) await resetUpgrade(instance.url, "", count);
    assert.equal((await fetch(`${instance.url}/health`)).status, 200);
  });

  test("end no worker that passes them on", async (t) => {
    const valkey = await startServer();
    t.after(() => valkey.stop());
    const instance = await spawnInstance({ VALKEY_URL: valkey.url, WORKERS: "2" });
    t.after(() => instance.kill());
    await until("both serve", () => servingIn(instance).length === 2);
    for (let count = 0; count < 60; count++) {
      for (const worker of [1, 2]) await resetUpgrade(instance.url, `&sid=${worker}-AAAAAAAAAAAAAAAA`, count);
    }
    assert.equal((await fetch(`${instance.url}/health`)).status, 200);
    assert.deepEqual(
      instance.output.filter((line) => !line.includes('"serving"')),
      [],
    );
  });
});

test("an instance without its Valkey answers HTTP at once, still counts it, and says so once", async (t) => {
  const valkey = await startServer();
  t.after(() => valkey.stop());
  const instance = await spawnInstance({ VALKEY_URL: valkey.url, HTTP_PER_MINUTE: "20" });
  t.after(() => instance.kill());
  const agent = new Agent({ keepAlive: true });
  t.after(() => agent.destroy());
  await valkey.stop();
  await until("it knows", async () => (await ask(instance, agent, "/ready")).status === 503);
  const statuses: number[] = [];
  for (let count = 0; count < 25; count++) statuses.push((await ask(instance, agent, "/boards")).status);
  assert.deepEqual(statuses, [...Array(20).fill(200), ...Array(5).fill(429)]);
  assertOnceEach(instance);
});

describe("an instance whose disk is full", () => {
  test("refuses writes with STORE_AWAY, keeps reading, says so once, and accepts writes again when there is room", async (t) => {
    const disk = smallDisk(t);
    const flags = { DATA_DIR: join(disk.folder, "data"), BOARDS: "main=100000000", WRITE_WAIT_MS: "100" };
    const instance = await spawnInstance(flags);
    t.after(() => instance.kill());
    const agent = new Agent({ keepAlive: true });
    t.after(() => agent.destroy());
    const { pid } = instance.child;
    const lastOf = (page: number) => 65_536 * page + 65_535;
    assert.deepEqual(await set(instance, agent, lastOf(0)), { status: 200, value: true });

    disk.fill(pid);
    // Each on a page of its own, which takes 8 KiB.
    const answers = await Promise.all(Array.from({ length: 100 }, (_, page) => put(instance, agent, lastOf(page + 1))));
    const refused = answers.filter(({ status }) => status !== 200);
    assert.ok(refused.length > 0);
    for (const { status, body } of refused) assert.deepEqual([status, codeIn(body)], [503, "STORE_AWAY"]);
    assert.equal((await ask(instance, agent, "/ready")).status, 503);
    const page = await ask(instance, agent, "/boards/main/pages/0");
    assert.equal(page.status, 200);
    assert.equal(Buffer.from(page.body, "latin1").length, 8_192);

    disk.makeRoom(pid);
    await until("it is ready", async () => (await ask(instance, agent, "/ready")).status === 200);
    assert.deepEqual(await set(instance, agent, lastOf(200)), { status: 200, value: true });
    await until("it says so", () => instance.output.some((line) => line.includes("is writable again, after")));
    assertOnceEach(instance);
    // What was refused is not there, and what was acknowledged is.
    await instance.kill();
    const again = await spawnInstance(flags);
    t.after(() => again.kill());
    for (const [index, { status }] of answers.entries()) {
      const { headers } = await ask(again, agent, `/boards/main/pages/${index + 1}`);
      assert.equal(headers.etag?.startsWith('"0.AAAAAAAA'), status !== 200, `page ${index + 1}: ${headers.etag}`);
    }
  });
});

describe("an instance whose log cannot be written", () => {
  test("drops lines while the disk is full, counts them, says how many, and ends in order", async (t) => {
    const disk = smallDisk(t);
    const file = join(disk.folder, "log");
    const instance = await startLogging(t, `exec >>'${file}'`);
    const { pid } = instance.child;
    const lines = () =>
      readFileSync(file, "utf8")
        .split("\n")
        .filter((line) => line !== "");
    disk.fill(pid);
    // More than what is left of the last block.
    await until("lines are dropped", async () => {
      await act(instance);
      return (await droppedBy(instance)) >= 5;
    });
    const before = await droppedBy(instance);
    disk.makeRoom(pid);
    await until("a line says how many", () => lines().some((line) => line.includes(`"dropped":${before}`)));
    await act(instance);
    assert.equal(await droppedBy(instance), before);
    const ended = once(instance.child, "exit");
    instance.child.kill("SIGTERM");
    assert.deepEqual(await ended, [0, null]);
    assert.match(lines().at(-1) ?? "", /"closing"/);
    // At most the one that the full disk cut off is none.
    assert.ok(lines().filter((line) => !isJson(line)).length <= 1);
  });

  test("serves while nobody reads the pipe, ends in order, and keeps what waited for a later reader", async (t) => {
    const pipe = join(temporaryFolder(t), "pipe");
    // Full from the beginning: 64 KiB are what a pipe holds.
    const fill = `mkfifo '${pipe}'; exec 3<>'${pipe}'; head -c 65536 /dev/zero >'${pipe}'; exec >'${pipe}'`;
    const instance = await startLogging(t, fill);
    await act(instance);
    assert.equal(await droppedBy(instance), 0);
    const read = text(createReadStream(pipe));
    await act(instance);
    const ended = once(instance.child, "exit");
    instance.child.kill("SIGTERM");
    assert.deepEqual(await ended, [0, null]);
    const lines = (await read).replaceAll("\0", "").trim().split("\n");
    assert.deepEqual(
      lines.map((line) => JSON.parse(line).msg),
      ["serving", "admin action", "admin action", "closing"],
    );

    const unread = await startLogging(t, fill.replaceAll(pipe, `${pipe}2`));
    const end = once(unread.child, "exit");
    unread.child.kill("SIGTERM");
    assert.deepEqual(await end, [0, null], "nor does a log that nobody reads keep it");
  });

  test("serves when the reader of the pipe is gone, and counts what it drops", async (t) => {
    const instance = await startLogging(t);
    instance.child.stdout?.destroy();
    await until("lines are dropped", async () => {
      await act(instance);
      return (await droppedBy(instance)) >= 3;
    });
    const ended = once(instance.child, "exit");
    instance.child.kill("SIGTERM");
    assert.deepEqual(await ended, [0, null]);
  });

  test("someone without a right writes one line, however much they try", async (t) => {
    const instance = await spawnInstance({ DATA_DIR: temporaryFolder(t), ACCESS: "open" });
    t.after(() => instance.kill());
    const attempts: [string, RequestInit][] = [
      ["main/clear", {}],
      ["main/clear", { headers: { authorization: "Bearer forged" } }],
      ["main/clear", { headers: { "content-type": "application/json" }, body: "{" }],
      ["nowhere/clear", {}],
    ];
    for (let count = 0; count < 25; count++) {
      for (const [path, init] of attempts) await fetch(`${instance.url}/boards/${path}`, { method: "POST", ...init });
    }
    await instance.kill("SIGTERM");
    const outcomes = instance.output.flatMap((line) => /"outcome":"(\w+)"/.exec(line)?.[1] ?? []);
    assert.deepEqual(outcomes, [...new Set(outcomes)]);
    assert.ok(outcomes.includes("FORBIDDEN"));
  });
});

const SECRET = "a secret of at least 32 characters, for tests";
const ADMIN = await new SignJWT({ boards: { main: "admin" } })
  .setProtectedHeader({ alg: "HS256" })
  .setExpirationTime("1h")
  .sign(new TextEncoder().encode(SECRET));

/** An instance whose log the test reads elsewhere, or not at all. */
async function startLogging(t: { after(end: () => unknown): unknown }, before?: string): Promise<ProcessInstance> {
  const port = String(await freePort());
  const env = { ...process.env, PORT: port, HOST: "127.0.0.1", DATA_DIR: temporaryFolder(t), JWT_SECRET: SECRET };
  const child = spawn(...serveCommand(before), { env, stdio: ["ignore", "pipe", "pipe"] });
  t.after(() => void child.kill("SIGKILL"));
  const errors: string[] = [];
  createInterface(child.stderr).on("line", (line) => errors.push(line));
  const instance = { child, url: `http://127.0.0.1:${port}`, output: errors, kill: async () => undefined };
  await until("it serves", () => {
    if (child.exitCode !== null) throw new Error(`it ended with ${child.exitCode}:\n${errors.join("\n")}`);
    return fetch(`${instance.url}/health`).then(
      () => true,
      () => false,
    );
  });
  return instance;
}

/** A request that is a line in the log. */
async function act({ url }: ProcessInstance): Promise<void> {
  const headers = { authorization: `Bearer ${ADMIN}` };
  assert.equal((await fetch(`${url}/boards/main/clear`, { method: "POST", headers })).status, 200);
}

async function droppedBy({ url }: ProcessInstance): Promise<number> {
  const metrics = await (await fetch(`${url}/metrics`)).text();
  return Number(/^socketscaler_log_lines_dropped_total (\d+)$/m.exec(metrics)?.[1]);
}

function isJson(line: string): boolean {
  try {
    JSON.parse(line);
    return true;
  } catch {
    return false;
  }
}

function codeIn(body: string): string {
  return JSON.parse(body).error.code;
}

/** Connections that say nothing, until the instance closes them. */
class IdleCrowd {
  readonly #port: number;
  readonly #sockets: Socket[] = [];
  #dropped = 0;

  constructor(t: { after(end: () => void): unknown }, { url }: ProcessInstance) {
    this.#port = Number(new URL(url).port);
    t.after(() => this.leave());
  }

  grow(): Socket {
    const socket = connect(this.#port, "127.0.0.1");
    this.#sockets.push(socket);
    socket.on("error", () => undefined);
    socket.once("close", () => this.#dropped++);
    return socket;
  }

  async growUntilDropped(count: number): Promise<void> {
    while (this.#dropped < count) await once(this.grow(), "connect");
  }

  leave(): void {
    for (const socket of this.#sockets) socket.destroy();
  }
}

/** At once, a turn later, or when the answer comes. */
async function resetUpgrade(url: string, query: string, when: number): Promise<void> {
  const { host, port, hostname } = new URL(url);
  const socket = connect(Number(port), hostname).on("error", () => undefined);
  await once(socket, "connect");
  socket.write(
    `GET /socket.io/?EIO=4&transport=websocket${query} HTTP/1.1\r\nHost: ${host}\r\nConnection: Upgrade\r\n` +
      `Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n`,
  );
  if (when % 3 === 1) await new Promise(setImmediate);
  if (when % 3 === 2) await Promise.race([once(socket, "data"), once(socket, "end")]);
  socket.resetAndDestroy();
}

/** Of a process that runs: the soft limit alone, so that it can be raised again. */
function limitFiles({ child }: ProcessInstance, files: number): void {
  execFileSync("prlimit", ["--pid", String(child.pid), `--nofile=${files}:`]);
}

function servingIn({ output }: ProcessInstance): string[] {
  return output.filter((line) => line.includes('"serving"'));
}

async function untilAnswered(instance: ProcessInstance): Promise<void> {
  const agent = new Agent({ keepAlive: false });
  await until("a new connection is answered", () =>
    ask(instance, agent, "/health").then(
      ({ status }) => status === 200,
      () => false,
    ),
  );
}

interface LogLine {
  readonly msg: string;
  readonly err?: { readonly code?: string };
  readonly limit?: string;
  readonly pid?: number;
}

/** Every line of the log is one, and none comes twice from one process: a trouble that stays is said once. */
function assertOnceEach({ output }: ProcessInstance, processes = 1): void {
  const seen = new Map<string, number>();
  // LMDB's own C code prints this, if the system takes none of a page and not only a part of it.
  for (const line of output.filter((each) => !each.startsWith("Write error: "))) {
    const { msg, err, limit, pid }: LogLine = JSON.parse(line);
    const said = `${msg} ${err?.code} ${limit} ${pid}`;
    const times = (seen.get(said) ?? 0) + 1;
    assert.ok(times <= processes, `said again: ${line}`);
    seen.set(said, times);
  }
}

async function clusterAt(instance: ProcessInstance, agent: Agent): Promise<{ upSeconds: number }> {
  const { self, instances } = JSON.parse((await ask(instance, agent, "/cluster")).body);
  return instances.find(({ id }: { id: string }) => id === self);
}

async function set(instance: ProcessInstance, agent: Agent, cell: number) {
  const { status, body } = await put(instance, agent, cell);
  return { status, value: JSON.parse(body).value };
}

function put(instance: ProcessInstance, agent: Agent, cell: number) {
  return ask(instance, agent, `/boards/main/cells/${cell}`, '{"value":1}');
}

async function ask({ url }: ProcessInstance, agent: Agent, path: string, put?: string) {
  const headers = put === undefined ? {} : { "content-type": "application/json" };
  const asked = request(url + path, { agent, method: put === undefined ? "GET" : "PUT", headers });
  asked.end(put);
  const [response]: IncomingMessage[] = await once(asked, "response");
  assert.ok(response);
  response.setEncoding("latin1");
  return { status: Number(response.statusCode), headers: response.headers, body: await text(response) };
}
