/*
 * A real Valkey Cluster on this machine: primaries with a replica each, on free ports, with the faults and moves that an
 * operator or bad luck brings. The slots are given out by commands, which takes about two seconds; everything asked of
 * the nodes goes over a plain connection, not through the client under test.
 *
 * Who is primary is read from what the nodes say of themselves. A deposed primary that just came back still claims its
 * slots for a moment: of several claims the one with the highest configuration epoch counts, as in the cluster's own rule.
 */

import { type Claim, type ClusterNode, Node, owns } from "./cluster-node.js";
import { ask, listOf } from "./resp.js";
import { until } from "./until.js";
import { type Engine, freePort, SERVER, startServer } from "./valkey-server.js";

const SLOTS = 16_384;

export interface Cluster {
  readonly nodes: readonly ClusterNode[];
  /** Names the first node; clients find the others. */
  readonly url: string;
  slotOf(key: string): Promise<number>;
  primaryOf(slot: number): Promise<ClusterNode>;
  /** A running replica of the slot's primary. */
  replicaOf(slot: number): Promise<ClusterNode>;
  killPrimaryOf(slot: number): Promise<ClusterNode>;
  /** A planned hand-over to the slot's replica, which loses nothing; resolves with the new primary. */
  failover(slot: number): Promise<ClusterNode>;
  /** Moves a slot with its keys to another primary, while it is in use. */
  migrateSlot(slot: number, target: ClusterNode): Promise<void>;
  /** Resolves when every slot is served, all running nodes agree on it, and all running replicas follow. */
  untilHealthy(withinMs?: number): Promise<void>;
  stop(): Promise<void>;
}

export interface ClusterOptions {
  readonly engine?: Engine;
  readonly primaries?: number;
  readonly replicasEach?: number;
  /** How long a node is silent before the others depose it. */
  readonly nodeTimeoutMs?: number;
  readonly settings?: readonly string[];
}

export async function startCluster(options: ClusterOptions = {}): Promise<Cluster> {
  const { primaries = 3, replicasEach = 1 } = options;
  const started = await Promise.allSettled(
    Array.from({ length: primaries * (1 + replicasEach) }, () => startNode(options)),
  );
  const nodes = started.flatMap((result) => (result.status === "fulfilled" ? [result.value] : []));
  const cluster = new RunningCluster(nodes);
  try {
    for (const result of started) if (result.status === "rejected") throw result.reason;
    await form(cluster, nodes, primaries);
    return cluster;
  } catch (error) {
    await cluster.stop();
    throw error;
  }
}

/** Two free ports for each node: should another process take one before the node does, it is tried again with others. */
async function startNode(options: ClusterOptions, attempt = 1): Promise<Node> {
  const { engine = SERVER, nodeTimeoutMs = 1_000, settings = [] } = options;
  try {
    const server = await startServer(engine, [
      ...["--cluster-enabled", "yes", "--cluster-port", String(await freePort())],
      ...["--cluster-node-timeout", String(nodeTimeoutMs), "--cluster-replica-validity-factor", "0"],
      ...["--cluster-allow-replica-migration", "no", "--repl-diskless-sync-delay", "0"],
      ...["--repl-ping-replica-period", "1", ...settings],
    ]);
    return new Node(server, String(await ask(server.port, "CLUSTER", "MYID")));
  } catch (error) {
    if (attempt === 3) throw error;
    return startNode(options, attempt + 1);
  }
}

/** Introduces the nodes to each other: the first `primaries` share the slots, the others follow one of them each. */
async function form(cluster: Cluster, nodes: readonly Node[], primaries: number): Promise<void> {
  const [first] = nodes;
  if (!first) throw new RangeError("a cluster needs a node");
  const busPort = String(listOf(await first.command("CONFIG", "GET", "cluster-port"))[1]);
  await Promise.all(nodes.map((node, index) => node.command("CLUSTER", "SET-CONFIG-EPOCH", index + 1)));
  await Promise.all(
    nodes.map(async (node, index) => {
      if (node !== first) await node.command("CLUSTER", "MEET", "127.0.0.1", first.port, busPort);
      if (index >= primaries) return;
      const firstSlot = Math.floor((index * SLOTS) / primaries);
      const lastSlot = Math.floor(((index + 1) * SLOTS) / primaries) - 1;
      await node.command("CLUSTER", "ADDSLOTSRANGE", firstSlot, lastSlot);
    }),
  );
  await until("all nodes know each other", async () => {
    const lines = await Promise.all(nodes.map((node) => node.known()));
    return lines.every((known) => known.length === nodes.length && !known.some((line) => line.includes("handshake")));
  });
  await Promise.all(
    nodes
      .slice(primaries)
      .map((node, index) => node.command("CLUSTER", "REPLICATE", nodes[index % primaries]?.id ?? "")),
  );
  await cluster.untilHealthy();
}

class RunningCluster implements Cluster {
  readonly nodes: readonly Node[];

  constructor(nodes: readonly Node[]) {
    this.nodes = nodes;
  }

  get url(): string {
    return `valkey+cluster://127.0.0.1:${this.nodes[0]?.port}`;
  }

  async slotOf(key: string): Promise<number> {
    return Number(await this.#running[0]?.command("CLUSTER", "KEYSLOT", key));
  }

  async primaryOf(slot: number): Promise<Node> {
    let found: { node: Node; epoch: number } | undefined;
    for (const [node, claim] of await this.#claims()) {
      if (!owns(claim, slot) || (found && found.epoch > claim.epoch)) continue;
      found = { node, epoch: claim.epoch };
    }
    if (!found) throw new Error(`no running primary claims slot ${slot}`);
    return found.node;
  }

  async replicaOf(slot: number): Promise<Node> {
    const primary = await this.primaryOf(slot);
    const replica = (await this.#claims()).find(([, claim]) => claim.primary === primary.id)?.[0];
    if (!replica) throw new Error(`the primary of slot ${slot} has no running replica`);
    return replica;
  }

  async killPrimaryOf(slot: number): Promise<Node> {
    const primary = await this.primaryOf(slot);
    await primary.kill();
    return primary;
  }

  async failover(slot: number): Promise<Node> {
    const replica = await this.replicaOf(slot);
    await replica.command("CLUSTER", "FAILOVER");
    await until(`the replica of slot ${slot} has taken over`, async () => owns(await replica.claim(), slot));
    return replica;
  }

  async migrateSlot(slot: number, target: ClusterNode): Promise<void> {
    const source = await this.primaryOf(slot);
    if (source.id === target.id) return;
    await target.command("CLUSTER", "SETSLOT", slot, "IMPORTING", source.id);
    await source.command("CLUSTER", "SETSLOT", slot, "MIGRATING", target.id);
    for (;;) {
      const keys = listOf(await source.command("CLUSTER", "GETKEYSINSLOT", slot, 100));
      if (keys.length === 0) break;
      await source.command("MIGRATE", "127.0.0.1", target.port, "", 0, 5_000, "KEYS", ...keys.map(String));
    }
    // The target first: it must own the slot before the source begins to send everybody there.
    await target.command("CLUSTER", "SETSLOT", slot, "NODE", target.id);
    await source.command("CLUSTER", "SETSLOT", slot, "NODE", target.id);
  }

  async untilHealthy(withinMs = 20_000): Promise<void> {
    await until("the cluster is healthy", () => this.#isHealthy().catch(() => false), withinMs);
  }

  async stop(): Promise<void> {
    await Promise.all(this.nodes.map((node) => node.server.stop()));
  }

  get #running(): Node[] {
    return this.nodes.filter((node) => node.isRunning);
  }

  #claims(): Promise<[Node, Claim][]> {
    return Promise.all(this.#running.map(async (node): Promise<[Node, Claim]> => [node, await node.claim()]));
  }

  async #isHealthy(): Promise<boolean> {
    const claims = await this.#claims();
    const ids = new Set(this.#running.map(({ id }) => id));
    const owned = claims.flatMap(([, claim]) => (claim.isPrimary ? claim.slots : []));
    if (owned.reduce((sum, [first, last]) => sum + last - first + 1, 0) !== SLOTS) return false;
    const views = new Set<string>();
    for (const [node, claim] of claims) {
      if ((await node.info("cluster", "cluster_state")) !== "ok") return false;
      if (!claim.isPrimary && (await node.info("replication", "master_link_status")) !== "up") return false;
      views.add(view(await node.known(), ids));
    }
    return views.size === 1;
  }
}

/** Who is what and owns which slots, as one node sees it, of the running nodes. */
function view(lines: readonly string[], running: ReadonlySet<string>): string {
  const seen = lines.map((line) => {
    const [id = "", , flags = "", primary = "", , , , , ...slots] = line.split(" ");
    return running.has(id) ? `${id} ${flags.replace("myself,", "")} ${primary} ${slots.join(" ")}` : "";
  });
  return seen.sort().join("\n");
}
