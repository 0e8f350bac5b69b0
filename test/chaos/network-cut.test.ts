/* A network that goes silent between the instances and their primary: nobody is told, no connection is refused. */

import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { createNamespace, type NetworkNamespace, whyNoNamespaces } from "../support/network-namespace.js";
import { Random } from "../support/random.js";
import { type Reply, Resp } from "../support/resp.js";
import { SERVER, type ServerProcess, startServer } from "../support/valkey-server.js";
import { Deployment } from "./deployment.js";
import type { Fault } from "./faults.js";
import { History } from "./history.js";
import { Judge } from "./judge.js";
import { PAGES } from "./register.js";
import { inspect, runRound } from "./round.js";
import type { CommonTopology, Server } from "./topology.js";

/** A primary on another host, so to speak. */
class Remote implements CommonTopology {
  readonly isReplacedWhenKilled = false;
  readonly network: NetworkNamespace;
  readonly #server: ServerProcess;

  private constructor(network: NetworkNamespace, server: ServerProcess) {
    this.network = network;
    this.#server = server;
  }

  static async start(): Promise<Remote> {
    const network = await createNamespace();
    try {
      return new Remote(network, await startServer(SERVER, ["--protected-mode", "no"], network));
    } catch (error) {
      await network.remove();
      throw error;
    }
  }

  urlFor(): string {
    return this.#server.url;
  }

  async command(_page: number, ...args: readonly (string | number)[]): Promise<Reply> {
    const connection = await Resp.connect(this.#server.port, this.network.address);
    try {
      return await connection.command(...args);
    } finally {
      connection.close();
    }
  }

  commandOn(_key: string, ...args: readonly (string | number)[]): Promise<Reply> {
    return this.command(0, ...args);
  }

  async everywhere(...args: readonly (string | number)[]): Promise<void> {
    await this.command(0, ...args);
  }

  async primaryOf(): Promise<{ server: Server; pages: readonly number[] }> {
    return { server: this.#server, pages: Array.from({ length: PAGES }, (_, page) => page) };
  }

  async untilWhole(): Promise<void> {}

  async stop(): Promise<void> {
    await this.#server.stop();
    await this.network.remove();
  }
}

function networkCut(name: string, holdMs: Fault<Remote>["holdMs"]): Fault<Remote> {
  return {
    name,
    on: "store",
    holdMs,
    strike: async ({ store }) => {
      await store.network.cut();
      return () => store.network.mend();
    },
  };
}

const WANTED = { instances: 2, users: 4, durability: "applied" };

const CUTS = [
  networkCut("network cut for a moment", [200, 800]),
  // Longer than an instance waits for the answer to its beat.
  networkCut("network cut for long", [4_000, 5_000]),
];

test("a network between instances and primary that loses everything for a while costs nothing", async (t: TestContext) => {
  const why = whyNoNamespaces();
  if (why) return t.skip(why);
  const seed = Date.now() % 1_000_000;
  t.diagnostic(`seed ${seed}`);
  const random = new Random(seed);
  const judge = new Judge();
  const history = new History((happening) => judge.take(happening));
  const deployment = await Deployment.start(await Remote.start(), WANTED, history, random);
  t.after(() => deployment.stop());
  for (const cut of CUTS) {
    const { heldMs, recoveredMs, writes } = await runRound(deployment, [cut], random);
    t.diagnostic(`${cut.name}: ${heldMs.toFixed(0)} ms, recovered in ${recoveredMs.toFixed(0)} ms, ${writes} writes`);
    inspect(deployment);
    assert.deepEqual(judge.violations, [], `seed ${seed}`);
  }
});
