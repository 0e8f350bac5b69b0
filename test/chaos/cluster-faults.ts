/* The faults of a cluster that others do not know: its own ways to move slots and roles. */

import { setTimeout as pause } from "node:timers/promises";
import { until } from "../support/until.js";
import type { Clustered } from "./clustered.js";
import { type Fault, MOMENT, nothing, TAIL_MS } from "./faults.js";
import { PAGES } from "./register.js";

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
