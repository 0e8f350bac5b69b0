/* `serve --workers`: several processes on one port are one place to clients of every kind. */

import assert from "node:assert/strict";
import { once } from "node:events";
import { Agent } from "node:http";
import { connect, createServer, type Socket } from "node:net";
import { after, before, describe, test } from "node:test";
import { io } from "socket.io-client";
import { BadOption, type Flags, readConfig } from "../../src/server/config.js";
import { watchBoard } from "../support/clients.js";
import { startCommand } from "../support/command.js";
import { type ProcessInstance, spawnInstance } from "../support/instances.js";
import { newSession, RawClient } from "../support/raw-client.js";
import { until } from "../support/until.js";
import { type ServerProcess, startServer } from "../support/valkey-server.js";

const WORKERS = 3;
const FLUSH_SECONDS = readConfig({}, {}).flushMs / 1_000;

describe("workers on one port", () => {
  let valkey: ServerProcess;
  before(async () => {
    valkey = await startServer();
  });
  after(() => valkey.stop());

  async function start(t: { after(end: () => unknown): unknown }, flags: Flags = {}): Promise<ProcessInstance> {
    const own = { VALKEY_URL: valkey.url, WORKERS: String(WORKERS), DRAIN_MS: "300" };
    const instance = await spawnInstance({ ...own, ...flags });
    t.after(() => instance.kill());
    await until("all serve", () => pidsOf(instance).size === WORKERS);
    return instance;
  }

  test("serve WebSockets and long-polling, with each request on a connection of its own, and stock clients that go over", async (t) => {
    const { url } = await start(t);
    const homes = new Set<string>();
    // A connection goes to the next worker that is free, so it may take some until each has served.
    for (let count = 0; homes.size < WORKERS; count++) {
      assert.ok(count < 40, `after ${count} clients of each transport, only ${homes.size} workers have served`);
      // Without kept connections, any worker may get any request.
      const agent = new Agent({ keepAlive: false });
      for (const transport of ["polling", "websocket"] as const) {
        const client = new RawClient(url, [transport]);
        t.after(() => client.close());
        client.socket.io.opts.agent = agent as never;
        homes.add((await client.open()).instance);
        await client.watch([0]);
        assert.ok("at" in (await client.write(newSession(), 1, [[count, 1]])));
      }
    }
    const stock = io(url, { transports: ["polling", "websocket"], forceNew: true, reconnection: false });
    t.after(() => void stock.disconnect());
    await until("a stock client goes over to WebSocket", () => {
      return stock.connected && stock.io.engine.transport.name === "websocket";
    });
    assert.deepEqual(await stock.emitWithAck("checkbox-update", { index: 50, value: true }), { ok: true });
  });

  test("are replaced when they die; their clients carry on, and one signal drains them all", async (t) => {
    const instance = await start(t);
    const clients = await Promise.all([1, 2, 3, 4, 5, 6].map(() => watchBoard(instance.url)));
    t.after(() => clients.map(({ close }) => close()));
    const [victim] = pidsOf(instance);
    assert.ok(victim);
    process.kill(victim, "SIGKILL");
    await until("another takes its place", () => pidsOf(instance).size === WORKERS + 1);
    await until("all are live", () => clients.every(({ board }) => board.status === "live"));
    await clients[0]?.board.set(60, true);
    await until("all hear of it", () => clients.every(({ board }) => board.get(60) === true));

    const ended = once(instance.child, "exit");
    instance.child.kill("SIGTERM");
    assert.deepEqual(await ended, [0, null]);
    for (const pid of pidsOf(instance)) assert.throws(() => process.kill(pid, 0), { code: "ESRCH" });
  });

  for (const [where, flags] of [
    ["the port of all", {}],
    ["a port of its own", { METRICS_PORT: "0" }],
  ] as const) {
    test(`are counted together, whichever is asked, on ${where}; what one that died had counted stays`, async (t) => {
      const instance = await start(t, flags);
      const metricsUrl = where === "the port of all" ? instance.url : metricsUrlOf(instance);
      const clients: RawClient[] = [];
      const homes = new Set<string>();
      while (homes.size < WORKERS) {
        assert.ok(clients.length < 40, `after ${clients.length} clients, only ${homes.size} workers have served`);
        const client = new RawClient(instance.url, ["websocket"]);
        t.after(() => client.close());
        const cell = clients.push(client);
        homes.add((await client.open()).instance);
        await client.watch([0]);
        const session = newSession();
        for (const seq of [1, 2]) assert.ok("at" in (await client.write(session, seq, [[cell, seq === 1 ? 1 : 0]])));
      }
      const writes = 2 * clients.length;
      const expected = { socketscaler_changes_total: writes, socketscaler_watches: clients.length };
      for (let count = 0; count < 2 * WORKERS; count++) {
        const read = await metrics(metricsUrl);
        for (const [name, value] of Object.entries(expected)) assert.equal(read.get(name), value, name);
        assert.equal(read.get("socketscaler_store_available"), 1, "the least of all");
        // A busy worker flushes a little less often. Their sum would be three times as much.
        const interval = read.get("socketscaler_flush_interval_seconds") ?? 0;
        assert.ok(interval >= FLUSH_SECONDS && interval < FLUSH_SECONDS * WORKERS, `the most of all, not ${interval}`);
        assert.ok((read.get("process_resident_memory_bytes") ?? 0) > WORKERS * 40e6);
        assert.equal(read.get('socketscaler_batch_writes_bucket{le="+Inf"}'), writes);
      }
      await until("every connection is counted", async () => {
        return (await metrics(metricsUrl)).get("socketscaler_connections") === clients.length;
      });
      if (where === "a port of its own") assert.equal((await fetch(`${instance.url}/metrics`)).status, 404);

      const [victim] = pidsOf(instance);
      assert.ok(victim);
      process.kill(victim, "SIGKILL");
      await until("another takes its place", () => pidsOf(instance).size === WORKERS + 1);
      const isLost = ({ socket }: RawClient) => !socket.connected;
      await until("one of its clients notices", () => clients.some(isLost));
      const lost = clients.find(isLost)?.opened?.instance;
      const after = await metrics(metricsUrl);
      assert.equal(after.get("socketscaler_changes_total"), writes);
      assert.equal(after.get('socketscaler_batch_writes_bucket{le="+Inf"}'), writes);
      const left = clients.filter(({ opened }) => opened?.instance !== lost).length;
      assert.equal(after.get("socketscaler_watches"), left, "what it held is gone");
    });
  }

  test("end also where the signal comes while they start", async (t) => {
    let isOpen = false;
    const held: Socket[] = [];
    const pass = (near: Socket) => {
      const far = connect(valkey.port, "127.0.0.1");
      for (const socket of [near, far]) socket.on("error", () => undefined);
      near.pipe(far).pipe(near);
    };
    const gate = createServer((near) => (isOpen ? pass(near) : void held.push(near))).listen(0, "127.0.0.1");
    t.after(() => gate.close());
    await once(gate, "listening");
    const address = gate.address();
    assert.ok(address !== null && typeof address === "object");
    const own = { PORT: "0", HOST: "127.0.0.1", VALKEY_URL: `valkey://127.0.0.1:${address.port}`, DRAIN_MS: "300" };
    const child = startCommand(["serve"], { ...own, WORKERS: "2" });
    t.after(() => child.kill("SIGKILL"));
    const output: string[] = [];
    child.stdout?.on("data", (data) => output.push(String(data)));
    child.stderr?.on("data", (data) => output.push(String(data)));
    const ended = once(child, "exit");

    await until("a worker waits for Valkey", () => held.length > 0);
    child.kill("SIGTERM");
    await until("the primary has heard it", () => output.join("").includes('"closing"'));
    isOpen = true;
    held.forEach(pass);
    assert.deepEqual(await ended, [0, null], output.join(""));
  });

  test("are refused without Valkey, with a line that says to set VALKEY_URL", () => {
    assert.throws(
      () => readConfig({ WORKERS: "2" }, {}),
      (error) => error instanceof BadOption && /WORKERS is 2.*set VALKEY_URL/.test(error.message),
    );
  });
});

/** Where all workers say that the metrics are. */
function metricsUrlOf({ output }: ProcessInstance): string {
  const ports = new Set(output.flatMap((line) => /"metricsUrl":"http:\/\/localhost:(\d+)"/.exec(line)?.[1] ?? []));
  assert.equal(ports.size, 1);
  return `http://127.0.0.1:${[...ports][0]}`;
}

/** On a connection of its own, which the next worker in turn is handed. */
async function metrics(url: string): Promise<Map<string, number>> {
  const text = await (await fetch(`${url}/metrics`, { headers: { connection: "close" } })).text();
  return new Map(
    Array.from(text.matchAll(/^(\w+(?:\{.*\})?) (\S+)$/gm), ([, name = "", value]) => [name, Number(value)]),
  );
}

/** The processes that say in the log that they serve. */
function pidsOf({ output }: ProcessInstance): Set<number> {
  const lines = output.filter((line) => line.includes('"serving"'));
  return new Set(lines.map((line) => Number(/"pid":(\d+)/.exec(line)?.[1])));
}
