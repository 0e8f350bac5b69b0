/* The faults of a primary with a replica, behind links that can be cut one by one. */

import { setTimeout as pause } from "node:timers/promises";
import { type Fault, MOMENT, nothing, SECONDS, TAIL_MS } from "./faults.js";
import { PAGES } from "./register.js";
import type { Standalone } from "./standalone.js";

/** Longer than an instance needs to notice that its store does not answer, and to connect anew. */
const LONG = [4_000, 5_500] as const;
/** How much later than another an instance finds the survivor: long enough for the lost versions to be used again. */
const LATER_MS = [0, 800] as const;
const ALL_PAGES = Array.from({ length: PAGES }, (_, page) => page);

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
