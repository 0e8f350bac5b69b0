/*
 * The faults, as data: what is done, how long it stays, and how it ends. Each begins at a random moment while all users
 * write. What a fault may cost is said where it happens: one that makes the store lose its tail records a fork, with the
 * survivor's state where it can be read; every other fault may cost nothing that was acknowledged.
 */

import { setTimeout as pause } from "node:timers/promises";
import type { Random } from "../support/random.js";
import { until } from "../support/until.js";
import type { Clustered } from "./clustered.js";
import type { Deployment } from "./deployment.js";
import { PAGES } from "./register.js";
import type { Standalone } from "./standalone.js";
import type { CommonTopology } from "./topology.js";

export type Heal = () => Promise<void> | void;

export interface Fault<Store extends CommonTopology> {
  readonly name: string;
  /** Two faults may be on at once if they are on different parts. */
  readonly on: "instance" | "store";
  /** How long it stays, at least and at most, before it is healed. */
  readonly holdMs: readonly [least: number, most: number];
  strike(deployment: Deployment<Store>, random: Random): Promise<Heal> | Heal;
}

const MOMENT = [0, 100] as const;
const SECONDS = [700, 2_500] as const;
/** Longer than an instance needs to notice that its store does not answer, and to connect anew. */
const LONG = [4_000, 5_500] as const;
const ALL_PAGES = Array.from({ length: PAGES }, (_, page) => page);
/** How long the survivor of a fork misses what is written. */
const TAIL_MS = [50, 600] as const;

/** How much later than another an instance finds the survivor: long enough for the lost versions to be used again. */
const LATER_MS = [0, 800] as const;

const nothing: Heal = () => undefined;

export const COMMON_FAULTS: readonly Fault<CommonTopology>[] = [
  {
    name: "instance killed",
    on: "instance",
    holdMs: SECONDS,
    strike: async ({ instances }, random) => {
      const instance = random.pick(instances);
      await instance.kill();
      return () => instance.replace();
    },
  },
  {
    name: "instance stopped",
    on: "instance",
    holdMs: SECONDS,
    strike: ({ instances }, random) => {
      const instance = random.pick(instances);
      instance.signal("SIGSTOP");
      return () => instance.signal("SIGCONT");
    },
  },
  {
    name: "users' connections cut",
    on: "instance",
    holdMs: MOMENT,
    strike: ({ instances }, random) => {
      random.pick(instances).front.cut();
      return nothing;
    },
  },
  {
    name: "users' connections half-open",
    on: "instance",
    holdMs: SECONDS,
    strike: ({ instances }, random) => {
      const { front } = random.pick(instances);
      front.stall();
      // What was held back arrives late, or never.
      return () => (random.chance(0.5) ? front.heal() : front.cut());
    },
  },
  {
    name: "primary killed",
    on: "store",
    holdMs: SECONDS,
    strike: async ({ store, history, keepsAcknowledged }, random) => {
      const { server, pages } = await store.primaryOf(random.whole(0, PAGES - 1));
      await server.kill();
      if (store.isReplacedWhenKilled) history.add({ kind: "forked", survivor: undefined, pages, keepsAcknowledged });
      return () => server.restart();
    },
  },
  {
    name: "primary stopped",
    on: "store",
    holdMs: [1_000, 4_000],
    strike: async ({ store, history, keepsAcknowledged }, random) => {
      const { server, pages } = await store.primaryOf(random.whole(0, PAGES - 1));
      // Where others may depose it meanwhile, it may lack the tail, and again when it wakes and does not know yet.
      const mayFork = () => {
        if (store.isReplacedWhenKilled) history.add({ kind: "forked", survivor: undefined, pages, keepsAcknowledged });
      };
      server.signal("SIGSTOP");
      mayFork();
      return () => {
        server.signal("SIGCONT");
        mayFork();
      };
    },
  },
  {
    name: "clients killed",
    on: "store",
    holdMs: MOMENT,
    strike: async ({ store }, random) => {
      for (const type of random.shuffle(["normal", "pubsub"])) {
        await store.everywhere("CLIENT", "KILL", "TYPE", type, "SKIPME", "yes");
      }
      return nothing;
    },
  },
  {
    name: "scripts flushed",
    on: "store",
    holdMs: MOMENT,
    strike: async ({ store }) => {
      await store.everywhere("SCRIPT", "FLUSH");
      return nothing;
    },
  },
  {
    name: "memory full",
    on: "store",
    holdMs: SECONDS,
    strike: async ({ store }) => {
      await store.everywhere("CONFIG", "SET", "maxmemory", "1mb");
      return () => store.everywhere("CONFIG", "SET", "maxmemory", "0");
    },
  },
];

export const STANDALONE_FAULTS: readonly Fault<Standalone>[] = [
  {
    name: "store connections cut",
    on: "store",
    holdMs: MOMENT,
    strike: ({ store }, random) => {
      random.pick(store.links).cut();
      return nothing;
    },
  },
  {
    name: "store unreachable from one instance",
    on: "store",
    holdMs: SECONDS,
    strike: ({ store }, random) => {
      const link = random.pick(store.links);
      link.refuse();
      return () => link.heal();
    },
  },
  {
    // The instance gives the connection up and sends again on another; then the first copy arrives after all.
    name: "store connections half-open",
    on: "store",
    holdMs: LONG,
    strike: ({ store }, random) => {
      const links = random.chance(0.5) ? [random.pick(store.links)] : store.links;
      for (const link of links) link.stall();
      return () => {
        for (const link of links) link.heal();
      };
    },
  },
  {
    name: "primary hands over",
    on: "store",
    holdMs: MOMENT,
    strike: async ({ store }) => {
      await store.handOver();
      return nothing;
    },
  },
  {
    name: "replica promoted without the tail",
    on: "store",
    holdMs: MOMENT,
    strike: async (deployment, random) => {
      const { store, history, keepsAcknowledged } = deployment;
      store.cutOffReplica();
      await pause(random.between(...TAIL_MS));
      store.closeLinks();
      await store.promoteReplica();
      const survivor = (await deployment.stored()).state;
      history.add({ kind: "forked", survivor, pages: ALL_PAGES, keepsAcknowledged });
      await store.openLinks(() => pause(random.between(...LATER_MS)));
      return () => store.readmitReplica();
    },
  },
  {
    name: "primary restored from an older dump",
    on: "store",
    holdMs: MOMENT,
    strike: async (deployment, random) => {
      const { store, history } = deployment;
      await store.saveDump();
      await pause(random.between(...TAIL_MS));
      store.closeLinks();
      await store.restoreDump();
      const survivor = (await deployment.stored()).state;
      history.add({ kind: "forked", survivor, pages: ALL_PAGES, keepsAcknowledged: false });
      await store.openLinks(() => pause(random.between(...LATER_MS)));
      return nothing;
    },
  },
];

export const CLUSTER_FAULTS: readonly Fault<Clustered>[] = [
  {
    name: "CLUSTER FAILOVER",
    on: "store",
    holdMs: MOMENT,
    strike: async ({ store }, random) => {
      await store.cluster.failover(store.slotOf(random.whole(0, PAGES - 1)));
      return nothing;
    },
  },
  {
    name: "slot migrated",
    on: "store",
    holdMs: MOMENT,
    strike: async ({ store }, random) => {
      const page = random.whole(0, PAGES - 1);
      await store.cluster.migrateSlot(store.slotOf(page), await store.otherPrimary(page, random));
      return nothing;
    },
  },
  {
    name: "replica taken over without the tail",
    on: "store",
    holdMs: MOMENT,
    strike: async ({ store, history, keepsAcknowledged }, random) => {
      const page = random.whole(0, PAGES - 1);
      const { pages } = await store.primaryOf(page);
      const primary = await store.cluster.primaryOf(store.slotOf(page));
      const replica = await store.cluster.replicaOf(store.slotOf(page));
      await primary.command("ACL", "SETUSER", "default", "-psync", "-sync");
      await primary.command("CLIENT", "KILL", "TYPE", "replica");
      await pause(random.between(...TAIL_MS));
      history.add({ kind: "forked", survivor: undefined, pages, keepsAcknowledged });
      await replica.command("CLUSTER", "FAILOVER", "TAKEOVER");
      await until("the old primary has heard of it", async () => (await primary.role()) === "replica");
      // Until then it took writes, and lost them.
      history.add({ kind: "forked", survivor: undefined, pages, keepsAcknowledged });
      return async () => void (await primary.command("ACL", "SETUSER", "default", "+psync", "+sync"));
    },
  },
];
