/* Instances that die and a Valkey that goes away, under load: nothing acknowledged is lost, and all heals by itself. */

import assert from "node:assert/strict";
import { describe, type TestContext, test } from "node:test";
import type { Board } from "../../src/client/index.js";
import { storedBits, type TestClient, untilAllShow, watchBoard } from "../support/clients.js";
import { type ProcessInstance, spawnInstance } from "../support/instances.js";
import { until } from "../support/until.js";
import { SERVER, type ServerProcess, startServer } from "../support/valkey-server.js";

const SIZE = 5_000;
const FLAGS = { BOARDS: `main=${SIZE}`, WRITES_PER_SECOND: "100000", WRITE_BURST: "100000", WRITE_WAIT_MS: "300" };

/** Sets cell after cell, its own share of the board, until stopped; knows what was acknowledged. */
class LoadWriter {
  readonly acknowledged = new Map<number, boolean>();
  readonly #board: Board;
  readonly #cells: readonly number[];
  #isStopped = false;
  readonly #done: Promise<void>;

  constructor(board: Board, index: number, of: number) {
    this.#board = board;
    this.#cells = Array.from({ length: Math.floor(SIZE / of) }, (_, i) => i * of + index);
    this.#done = this.#run();
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    await this.#done;
  }

  async #run(): Promise<void> {
    for (let round = 0; !this.#isStopped; round++) {
      const cell = this.#cells[round % this.#cells.length] ?? 0;
      const value = Math.floor(round / this.#cells.length) % 2 === 0;
      await this.#board.set(cell, value);
      this.acknowledged.set(cell, value);
    }
  }
}

interface Deployment {
  readonly valkey: ServerProcess;
  readonly instances: readonly ProcessInstance[];
  readonly clients: readonly TestClient[];
  readonly writers: readonly LoadWriter[];
  acknowledged(): number;
}

async function deploy(t: TestContext, settings: readonly string[] = []): Promise<Deployment> {
  const valkey = await startServer(SERVER, settings);
  t.after(() => valkey.stop());
  const instances = await Promise.all([1, 2, 3].map(() => spawnInstance({ ...FLAGS, VALKEY_URL: valkey.url })));
  t.after(() => Promise.all(instances.map((instance) => instance.kill())));
  const urls = instances.map(({ url }) => url);
  const clients = await Promise.all(
    Array.from({ length: 9 }, (_, index) => watchBoard([...urls.slice(index % 3), ...urls.slice(0, index % 3)])),
  );
  t.after(() => {
    for (const client of clients) client.close();
  });
  const writers = clients.map(({ board }, index) => new LoadWriter(board, index, clients.length));
  const acknowledged = () => writers.reduce((sum, writer) => sum + writer.acknowledged.size, 0);
  await until("the load is running", () => acknowledged() > 200);
  return { valkey, instances, clients, writers, acknowledged };
}

/** Stops the load and compares: every acknowledged write in the store, every client equal to it. */
async function judge(deployment: Deployment, url: string): Promise<void> {
  await Promise.all(deployment.writers.map((writer) => writer.stop()));
  const stored = await storedBits(url, SIZE);
  const lost: number[] = [];
  for (const { acknowledged } of deployment.writers) {
    for (const [cell, value] of acknowledged) if (stored[cell] !== (value ? "1" : "0")) lost.push(cell);
  }
  assert.deepEqual(lost, [], "acknowledged writes that are not in the store");
  await untilAllShow(
    deployment.clients.map(({ board }) => board),
    stored,
  );
  for (const { output } of deployment.instances) {
    const bad = output.filter((line) => /unhandled|uncaught|unexpected failure|"level":(50|60)/i.test(line));
    assert.deepEqual(bad, []);
  }
}

describe("under load", () => {
  test("an instance killed with SIGKILL loses nothing acknowledged, and its clients carry on elsewhere", async (t) => {
    const deployment = await deploy(t);
    const [victim, survivor] = deployment.instances;
    assert.ok(victim && survivor);
    await victim.kill("SIGKILL");
    const before = deployment.acknowledged();
    await until("its clients are live elsewhere", () =>
      deployment.clients.every(({ board, client }) => board.status === "live" && client.state.url !== victim.url),
    );
    await until("the load goes on", () => deployment.acknowledged() > before + 300);
    await judge(deployment, survivor.url);
  });

  for (const [name, stop, resume] of [
    ["hangs", (valkey: ServerProcess) => valkey.signal("SIGSTOP"), (valkey: ServerProcess) => valkey.signal("SIGCONT")],
    [
      "dies and is started again",
      (valkey: ServerProcess) => valkey.kill(),
      (valkey: ServerProcess) => valkey.restart(),
    ],
  ] as const) {
    test(`a Valkey that ${name}: writes wait or are refused, reads go on, /ready says so, and all heals`, async (t) => {
      const deployment = await deploy(t, ["--appendonly", "yes", "--appendfsync", "always"]);
      const [instance] = deployment.instances;
      assert.ok(instance);
      const codes = new Set<string>();
      for (const { board } of deployment.clients) board.on("delayed", ({ code }) => codes.add(code));
      await stop(deployment.valkey);
      await until("/ready says 503", async () => (await fetch(`${instance.url}/ready`)).status === 503);
      assert.equal((await fetch(`${instance.url}/health`)).status, 200);
      assert.equal((await fetch(`${instance.url}/boards/main/pages/0`)).status, 200, "a page that is held can be read");
      await until("every client is told that the store is away", () =>
        deployment.clients.every(({ client }) => !client.state.storeAvailable),
      );
      await until("writes are refused with a code", () => codes.has("STORE_AWAY") || codes.has("OUTCOME_UNKNOWN"));
      await resume(deployment.valkey);
      await until("/ready says 200", async () => (await fetch(`${instance.url}/ready`)).status === 200);
      await until("every client is told that the store is back", () =>
        deployment.clients.every(({ client }) => client.state.storeAvailable),
      );
      const before = deployment.acknowledged();
      await until("the load goes on", () => deployment.acknowledged() > before + 300);
      await judge(deployment, instance.url);
      for (const { child } of deployment.instances) assert.equal(child.exitCode, null, "an instance ended");
    });
  }
});
