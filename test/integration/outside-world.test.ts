/*
 * What the world around an instance does to it: descriptors run out, disks are full, nobody reads its log. It goes on
 * serving, says it once, and recovers by itself.
 */

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { once } from "node:events";
import { Agent, request } from "node:http";
import { connect, type Socket } from "node:net";
import { text } from "node:stream/consumers";
import { describe, test } from "node:test";
import { temporaryFolder } from "../support/folder.js";
import { type ProcessInstance, spawnInstance } from "../support/instances.js";
import { until } from "../support/until.js";
import { startServer } from "../support/valkey-server.js";

describe("an instance that runs out of descriptors", () => {
  test("goes on serving who is connected, drops new connections, says so once, and takes them again", async (t) => {
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

  test("as workers too: connections never take the descriptors by which others are handed on", async (t) => {
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
    assertOnceEach(instance);
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

/** Every line of the log is one, and none comes twice: a trouble that stays is said once. */
function assertOnceEach({ output }: ProcessInstance): void {
  const seen = new Set<string>();
  for (const line of output) {
    const { msg, err, pid }: { msg: string; err?: { code?: string }; pid?: number } = JSON.parse(line);
    const said = `${msg} ${err?.code} ${pid}`;
    assert.ok(!seen.has(said), `said again: ${line}`);
    seen.add(said);
  }
}

async function clusterAt(instance: ProcessInstance, agent: Agent): Promise<{ upSeconds: number }> {
  const { self, instances } = JSON.parse((await ask(instance, agent, "/cluster")).body);
  return instances.find(({ id }: { id: string }) => id === self);
}

async function set(instance: ProcessInstance, agent: Agent, cell: number) {
  const { status, body } = await ask(instance, agent, `/boards/main/cells/${cell}`, '{"value":1}');
  return { status, value: JSON.parse(body).value };
}

async function ask({ url }: ProcessInstance, agent: Agent, path: string, put?: string) {
  const headers = put === undefined ? {} : { "content-type": "application/json" };
  const asked = request(url + path, { agent, method: put === undefined ? "GET" : "PUT", headers });
  asked.end(put);
  const [response] = await once(asked, "response");
  return { status: Number(response.statusCode), body: await text(response) };
}
