/*
 * A 3+3 cluster. Instances find the nodes by themselves, so there is no proxy between: what is cut is cut by CLIENT KILL,
 * by stopping a node and by killing it. A primary that dies is replaced after the node time-out by its replica, which may
 * lack what was acknowledged in its last moment. One that comes back before it is replaced has everything, from its AOF:
 * without one it would come back empty, still as the primary, and its replica would follow it into emptiness.
 */

import type { ClusterNode } from "../support/cluster-node.js";
import type { Random } from "../support/random.js";
import type { Reply } from "../support/resp.js";
import { type Cluster, startCluster } from "../support/valkey-cluster.js";
import { PAGES } from "./register.js";
import { pageKey } from "./stored-state.js";
import type { CommonTopology, Server } from "./topology.js";

export class Clustered implements CommonTopology {
  readonly isReplacedWhenKilled = true;
  readonly cluster: Cluster;
  readonly #slots: readonly number[];

  private constructor(cluster: Cluster, slots: readonly number[]) {
    this.cluster = cluster;
    this.#slots = slots;
  }

  static async start(): Promise<Clustered> {
    const cluster = await startCluster({ settings: ["--appendonly", "yes", "--appendfsync", "always"] });
    const slots = Array.from({ length: PAGES }, (_, page) => cluster.slotOf(pageKey(page, "bits")));
    return new Clustered(cluster, await Promise.all(slots));
  }

  urlFor(): string {
    return this.cluster.url;
  }

  async command(page: number, ...args: readonly (string | number)[]): Promise<Reply> {
    return (await this.cluster.primaryOf(this.slotOf(page))).command(...args);
  }

  async commandOn(key: string, ...args: readonly (string | number)[]): Promise<Reply> {
    return (await this.cluster.primaryOf(await this.cluster.slotOf(key))).command(...args);
  }

  async everywhere(...args: readonly (string | number)[]): Promise<void> {
    const roles = await Promise.all(this.cluster.nodes.map(async (node) => ({ node, role: await node.role() })));
    await Promise.all(roles.flatMap(({ node, role }) => (role === "primary" ? [node.command(...args)] : [])));
  }

  async primaryOf(page: number): Promise<{ server: Server; pages: readonly number[] }> {
    const server = await this.cluster.primaryOf(this.slotOf(page));
    const primaries = await Promise.all(this.#slots.map((slot) => this.cluster.primaryOf(slot)));
    return { server, pages: primaries.flatMap(({ id }, other) => (id === server.id ? [other] : [])) };
  }

  untilWhole(): Promise<void> {
    return this.cluster.untilHealthy(30_000);
  }

  slotOf(page: number): number {
    return this.#slots[page] ?? 0;
  }

  /** A primary that does not hold `page`. */
  async otherPrimary(page: number, random: Random): Promise<ClusterNode> {
    const holder = await this.cluster.primaryOf(this.slotOf(page));
    const roles = await Promise.all(this.cluster.nodes.map(async (node) => ({ node, role: await node.role() })));
    return random.pick(roles.flatMap(({ node, role }) => (role === "primary" && node.id !== holder.id ? [node] : [])));
  }

  stop(): Promise<void> {
    return this.cluster.stop();
  }
}
