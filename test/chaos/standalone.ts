/*
 * One primary and one replica, as an operator without a cluster runs them. Every connection to them leads through a
 * proxy, so that it can be cut, and led to the successor:
 *
 *     instance 0 ── link 0 ──┐
 *     instance 1 ── link 1 ──┼──► primary ◄── replication ── replica
 *     instance 2 ── link 2 ──┘
 *
 * Both keep an AOF that is synced at every write: a primary that dies and comes back has everything it acknowledged.
 */

import { copyFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { ask, type Reply } from "../support/resp.js";
import { TcpProxy } from "../support/tcp-proxy.js";
import { until } from "../support/until.js";
import { SERVER, type ServerProcess, startServer } from "../support/valkey-server.js";
import { PAGES } from "./register.js";
import type { CommonTopology, Server } from "./topology.js";

const SETTINGS = [
  ...["--appendonly", "yes", "--appendfsync", "always"],
  ...["--repl-diskless-sync-delay", "0", "--repl-ping-replica-period", "1"],
];

export class Standalone implements CommonTopology {
  readonly isReplacedWhenKilled = false;
  /** Between each instance and the primary. */
  readonly links: readonly TcpProxy[];
  #primary: ServerProcess;
  #replica: ServerProcess;
  readonly #replication: TcpProxy;

  private constructor(
    primary: ServerProcess,
    replica: ServerProcess,
    links: readonly TcpProxy[],
    replication: TcpProxy,
  ) {
    this.#primary = primary;
    this.#replica = replica;
    this.links = links;
    this.#replication = replication;
  }

  static async start(instances: number): Promise<Standalone> {
    const primary = await startServer(SERVER, SETTINGS);
    const replica = await startServer(SERVER, SETTINGS);
    const links = await Promise.all(Array.from({ length: instances }, () => TcpProxy.start(primary.port)));
    const standalone = new Standalone(primary, replica, links, await TcpProxy.start(primary.port));
    await standalone.#follow(replica);
    await standalone.untilWhole();
    return standalone;
  }

  get primary(): ServerProcess {
    return this.#primary;
  }

  urlFor(instance: number): string {
    return `valkey://127.0.0.1:${this.links[instance]?.port}`;
  }

  command(_page: number, ...args: readonly (string | number)[]): Promise<Reply> {
    return ask(this.#primary.port, ...args);
  }

  commandOn(_key: string, ...args: readonly (string | number)[]): Promise<Reply> {
    return ask(this.#primary.port, ...args);
  }

  async everywhere(...args: readonly (string | number)[]): Promise<void> {
    await ask(this.#primary.port, ...args);
  }

  async primaryOf(): Promise<{ server: Server; pages: readonly number[] }> {
    return { server: this.#primary, pages: Array.from({ length: PAGES }, (_, page) => page) };
  }

  async untilWhole(): Promise<void> {
    await until("the replica follows", () => this.#isFollowing().catch(() => false), 30_000);
  }

  /** Until `openLinks` nobody reaches the store. */
  closeLinks(): void {
    for (const link of this.links) link.refuse();
  }

  /** To the present primary, whichever that is; `between` is awaited before each but the first. */
  async openLinks(between: () => Promise<void>): Promise<void> {
    for (const [index, link] of this.links.entries()) {
      if (index > 0) await between();
      link.moveTo(this.#primary.port);
      link.heal();
    }
  }

  /** From here on the replica misses everything. */
  cutOffReplica(): void {
    this.#replication.refuse();
  }

  /** The replica becomes the primary as it stands. The links must be closed. */
  async promoteReplica(): Promise<void> {
    await ask(this.#replica.port, "REPLICAOF", "NO", "ONE");
    this.#swap();
  }

  /** What was the primary until now forgets what it has alone, and follows. */
  async readmitReplica(): Promise<void> {
    this.#replication.heal();
    await this.#follow(this.#replica);
  }

  /** A planned change of roles: the primary waits for the replica to have everything, then they change places. */
  async handOver(): Promise<void> {
    await ask(this.#primary.port, "FAILOVER", "TO", "127.0.0.1", this.#replica.port);
    await until("the primary has handed over", async () => {
      const info = String(await ask(this.#primary.port, "INFO", "replication"));
      return info.includes("role:slave") && info.includes("master_failover_state:no-failover");
    });
    this.#swap();
    for (const link of this.links) link.moveTo(this.#primary.port);
    await this.#follow(this.#replica);
  }

  async saveDump(): Promise<void> {
    await ask(this.#primary.port, "SAVE");
    copyFileSync(join(this.#primary.directory, "dump.rdb"), join(this.#primary.directory, "older.rdb"));
  }

  /** The primary dies, and comes back with what `saveDump` saved. The links must be closed. */
  async restoreDump(): Promise<void> {
    const { directory, port } = this.#primary;
    await this.#primary.kill();
    rmSync(join(directory, "appendonlydir"), { recursive: true, force: true });
    copyFileSync(join(directory, "older.rdb"), join(directory, "dump.rdb"));
    await this.#primary.restart(["--appendonly", "no"]);
    await ask(port, "CONFIG", "SET", "appendonly", "yes");
    await until("the primary has begun a new AOF", async () =>
      String(await ask(port, "INFO", "persistence")).includes("aof_rewrite_in_progress:0"),
    );
  }

  async stop(): Promise<void> {
    await Promise.all([...this.links, this.#replication].map((proxy) => proxy.close()));
    await Promise.all([this.#primary.stop(), this.#replica.stop()]);
  }

  #swap(): void {
    [this.#primary, this.#replica] = [this.#replica, this.#primary];
    this.#replication.moveTo(this.#primary.port);
  }

  async #follow(replica: ServerProcess): Promise<void> {
    await ask(replica.port, "REPLICAOF", "127.0.0.1", this.#replication.port);
  }

  /** Whether the replica has what the primary had a moment ago. Users may be writing meanwhile. */
  async #isFollowing(): Promise<boolean> {
    const primary = String(await ask(this.#primary.port, "INFO", "replication"));
    const replica = String(await ask(this.#replica.port, "INFO", "replication"));
    const field = (info: string, name: string) => new RegExp(`^${name}:(.*)\\r`, "m").exec(info)?.[1];
    const offset = (info: string) => Number(field(info, "master_repl_offset"));
    const isSame = field(replica, "master_replid") === field(primary, "master_replid");
    return isSame && field(replica, "master_link_status") === "up" && offset(replica) >= offset(primary);
  }
}
