/* `serve --workers`: several processes on one port are one place to clients of every kind. */

import assert from "node:assert/strict";
import { once } from "node:events";
import { Agent } from "node:http";
import { after, before, describe, test } from "node:test";
import { io } from "socket.io-client";
import { BadOption, readConfig } from "../../src/server/config.js";
import { watchBoard } from "../support/clients.js";
import { type ProcessInstance, spawnInstance } from "../support/instances.js";
import { newSession, RawClient } from "../support/raw-client.js";
import { until } from "../support/until.js";
import { type ServerProcess, startServer } from "../support/valkey-server.js";

const WORKERS = 3;

describe("workers on one port", () => {
  let valkey: ServerProcess;
  before(async () => {
    valkey = await startServer();
  });
  after(() => valkey.stop());

  async function start(t: { after(end: () => unknown): unknown }): Promise<ProcessInstance> {
    const instance = await spawnInstance({ VALKEY_URL: valkey.url, WORKERS: String(WORKERS), DRAIN_MS: "300" });
    t.after(() => instance.kill());
    await until("all serve", () => pidsOf(instance).size === WORKERS);
    return instance;
  }

  test("serve WebSockets and long-polling, with each request on a connection of its own, and stock clients that go over", async (t) => {
    const { url } = await start(t);
    const homes = new Set<string>();
    for (let count = 0; count < 6; count++) {
      // Without kept connections each request is handed to the next worker in turn.
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
    assert.equal(homes.size, WORKERS);
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

  test("are refused without Valkey, with a line that says to set VALKEY_URL", () => {
    assert.throws(
      () => readConfig({ WORKERS: "2" }, {}),
      (error) => error instanceof BadOption && /WORKERS is 2.*set VALKEY_URL/.test(error.message),
    );
  });
});

/** The processes that say in the log that they serve. */
function pidsOf({ output }: ProcessInstance): Set<number> {
  const lines = output.filter((line) => line.includes('"serving"'));
  return new Set(lines.map((line) => Number(/"pid":(\d+)/.exec(line)?.[1])));
}
