/*
 * Everything that runs: servers, instances as processes of their own, each behind a proxy that its users connect through,
 * and users. An instance that is killed is replaced by another behind the same proxy, as behind a load balancer. Relays
 * reach the instances with a store through those proxies too, so that their links suffer with the users' connections.
 */

import type { Flags } from "../../src/server/config.js";
import { type ProcessInstance, spawnInstance } from "../support/instances.js";
import type { Random } from "../support/random.js";
import { RELAY_SECRET } from "../support/relay.js";
import { TcpProxy } from "../support/tcp-proxy.js";
import { CLAIM_BOARD_NAMES, CLAIMED_CELLS, CLAIMS, type Claimed } from "./claimed.js";
import type { History, State } from "./history.js";
import { BOARD_CELLS } from "./register.js";
import { readClaimed, readStored } from "./stored-state.js";
import type { CommonTopology } from "./topology.js";
import { User } from "./user.js";

/** What is started. */
export interface Wanted {
  readonly instances: number;
  /** Instances more, which are relays of the others. */
  readonly relays?: number;
  readonly users: number;
  /** As the option takes it; with replicas to wait for, a fail-over may lose nothing that was acknowledged. */
  readonly durability: string;
}

/** Lines that an instance writes only when something is wrong with itself. */
const COMPLAINT = /unhandled|uncaught|unexpected failure|"level":(50|60)/i;

export class ChaosInstance {
  /** Between the users and the instance. */
  readonly front: TcpProxy;
  #process: ProcessInstance;
  readonly #spawn: () => Promise<ProcessInstance>;
  /** What instances that are no more wrote. */
  readonly #past: string[] = [];

  private constructor(front: TcpProxy, process: ProcessInstance, spawn: () => Promise<ProcessInstance>) {
    this.front = front;
    this.#process = process;
    this.#spawn = spawn;
  }

  /** Over the store at this address. */
  static start(valkeyUrl: string, durability: string): Promise<ChaosInstance> {
    const boards = [`main=${BOARD_CELLS}`, ...CLAIM_BOARD_NAMES.map((board) => `${board}=${CLAIMED_CELLS}`)].join(",");
    return ChaosInstance.#start({ DURABILITY: durability, BOARDS: boards, CLAIMS, VALKEY_URL: valkeyUrl });
  }

  static startRelay(upstreams: readonly string[]): Promise<ChaosInstance> {
    return ChaosInstance.#start({ UPSTREAM_URL: upstreams.join(",") });
  }

  static async #start(flags: Flags): Promise<ChaosInstance> {
    const limits = { WRITES_PER_SECOND: "1000000", WRITE_BURST: "1000000", WRITE_WAIT_MS: "500" };
    const spawn = () => spawnInstance({ ...limits, RELAY_SECRET, ...flags });
    const process = await spawn();
    return new ChaosInstance(await TcpProxy.start(portOf(process)), process, spawn);
  }

  signal(name: NodeJS.Signals): void {
    this.#process.child.kill(name);
  }

  async kill(): Promise<void> {
    await this.#process.kill();
    this.#past.push(...this.#process.output);
  }

  async replace(): Promise<void> {
    this.#process = await this.#spawn();
    this.front.moveTo(portOf(this.#process));
  }

  get isRunning(): boolean {
    return this.#process.child.exitCode === null && this.#process.child.signalCode === null;
  }

  get complaints(): string[] {
    return [...this.#past, ...this.#process.output].filter((line) => COMPLAINT.test(line));
  }

  async stop(): Promise<void> {
    await this.#process.kill();
    await this.front.close();
  }
}

export class Deployment<Store extends CommonTopology> {
  readonly store: Store;
  readonly instances: readonly ChaosInstance[];
  readonly users: readonly User[];
  readonly history: History;
  /** Whether a replica that is promoted has all that was acknowledged. */
  readonly keepsAcknowledged: boolean;
  /** How often news may be delayed by a check on their way to a user: by each instance that they pass. */
  readonly hops: number;

  private constructor(
    store: Store,
    instances: readonly ChaosInstance[],
    users: readonly User[],
    history: History,
    wanted: Wanted,
  ) {
    this.keepsAcknowledged = wanted.durability.startsWith("replicated");
    this.hops = wanted.relays ? 2 : 1;
    this.store = store;
    this.instances = instances;
    this.users = users;
    this.history = history;
  }

  /** Takes the store over: `stop` stops it too, also when the rest cannot be started. */
  static async start<Store extends CommonTopology>(
    store: Store,
    wanted: Wanted,
    history: History,
    random: Random,
  ): Promise<Deployment<Store>> {
    const instances: ChaosInstance[] = [];
    const users: User[] = [];
    try {
      const starting = Array.from({ length: wanted.instances }, (_, index) =>
        ChaosInstance.start(store.urlFor(index), wanted.durability),
      );
      for (const started of await Promise.allSettled(starting)) {
        if (started.status === "rejected") throw started.reason;
        instances.push(started.value);
      }
      const urlsOf = (list: readonly ChaosInstance[]) => list.map(({ front }) => `http://127.0.0.1:${front.port}`);
      const relays = Array.from({ length: wanted.relays ?? 0 }, () => ChaosInstance.startRelay(urlsOf(instances)));
      const starts = await Promise.allSettled(relays);
      for (const started of starts) if (started.status === "fulfilled") instances.push(started.value);
      for (const started of starts) if (started.status === "rejected") throw started.reason;
      // Users of relays first, if there are any: they have the longest way.
      const urls = urlsOf(instances).reverse();
      for (let index = 0; index < wanted.users; index++) {
        const first = index % urls.length;
        const preferred = [...urls.slice(first), ...urls.slice(0, first)];
        users.push(await User.arrive(index, preferred, history, random.fork()));
      }
      const deployment = new Deployment(store, instances, users, history, wanted);
      const overLane = users.filter(({ index }) => User.usesLane(index)).length;
      if (deployment.lanes.open !== overLane + (wanted.relays ?? 0))
        throw new Error(`${deployment.lanes.open} users and relays came over the lane`);
      return deployment;
    } catch (error) {
      await new Deployment(store, instances, users, history, wanted).stop();
      throw error;
    }
  }

  /** Connections to the lane. */
  get lanes(): { readonly open: number; readonly dropped: number } {
    const fronts = this.instances.map(({ front }) => front);
    return {
      open: fronts.reduce((sum, { lanesOpen }) => sum + lanesOpen, 0),
      dropped: fronts.reduce((sum, { lanesDropped }) => sum + lanesDropped, 0),
    };
  }

  stored(): Promise<{ state: State; counted: number }> {
    return readStored((page, ...args) => this.store.command(page, ...args), this.users.length);
  }

  /** What is stored and shown of the boards with claims. */
  async claimed(): Promise<Claimed> {
    const stored = await readClaimed((key, ...args) => this.store.commandOn(key, ...args));
    return { stored, users: this.users.map((user) => user.claimed()) };
  }

  async stop(): Promise<void> {
    for (const user of this.users) user.close();
    await Promise.all(this.instances.map((instance) => instance.stop()));
    await this.store.stop();
  }
}

function portOf(process: ProcessInstance): number {
  return Number(new URL(process.url).port);
}
