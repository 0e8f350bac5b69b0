/*
 * What a fault is, and the faults that every topology can have. Faults are data: what is done, how long it stays, and how
 * it ends. Each begins at a random moment while all users write. What it may cost is said where it happens: a fault that
 * makes the store lose its tail records a fork, with the survivor's state where it can be read; every other may cost
 * nothing that was acknowledged.
 */

import type { Random } from "../support/random.js";
import type { Deployment } from "./deployment.js";
import { PAGES } from "./register.js";
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

/** Bounds of `holdMs`. */
export const MOMENT = [0, 100] as const;
export const SECONDS = [700, 2_500] as const;

/** How long the survivor of a fork misses what is written. */
export const TAIL_MS = [50, 600] as const;

/** Users go on over Socket.IO, and try the lane again a minute later. */
export const LANE_DROPPED = "lane dropped";

export const nothing: Heal = () => undefined;

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
    name: "users' connections byte by byte",
    on: "instance",
    holdMs: SECONDS,
    strike: ({ instances }, random) => {
      const { front } = random.pick(instances);
      front.drip();
      // The rest arrives in one go, or a message is cut in the middle.
      return () => (random.chance(0.5) ? front.heal() : front.cut());
    },
  },
  {
    name: LANE_DROPPED,
    on: "instance",
    holdMs: SECONDS,
    strike: ({ instances }, random) => {
      for (const { front } of instances) front.dropLane();
      const used = instances.filter(({ front }) => front.lanesOpen > 0);
      if (used.length > 0) random.pick(used).front.cut();
      return () => {
        for (const { front } of instances) front.heal();
      };
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
