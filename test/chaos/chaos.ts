/* A chaos run, whatever its topology: starts everything, strikes faults by name, and holds the judge's verdict. */

import { Random } from "../support/random.js";
import { CLUSTER_FAULTS } from "./cluster-faults.js";
import { Clustered } from "./clustered.js";
import { Deployment, type Wanted } from "./deployment.js";
import { COMMON_FAULTS, type Fault } from "./faults.js";
import { History } from "./history.js";
import { Judge, type Violation } from "./judge.js";
import { inspect, type Round, runRound } from "./round.js";
import { Standalone } from "./standalone.js";
import { STANDALONE_FAULTS } from "./standalone-faults.js";
import type { CommonTopology, TopologyName } from "./topology.js";

export interface Chaos {
  /** Names of the faults that this topology can have. */
  readonly faults: readonly string[];
  readonly random: Random;
  readonly violations: readonly Violation[];
  /** Everything that was done and seen, counted. */
  readonly happenings: number;
  /** Connections to the lane that are open, and those that were dropped so far. */
  readonly lanes: { readonly open: number; readonly dropped: number };
  /** The faults that may be on together with `fault`. */
  partnersOf(fault: string): readonly string[];
  /** Strikes the faults and heals them in the same order, the store's first: a new instance needs it. */
  round(...faults: readonly string[]): Promise<Round>;
  stop(): Promise<void>;
}

export async function startChaos(topology: TopologyName, seed: number, wanted: Wanted): Promise<Chaos> {
  const random = new Random(seed);
  switch (topology) {
    case "standalone":
      return over(await Standalone.start(wanted.instances), [...COMMON_FAULTS, ...STANDALONE_FAULTS], wanted, random);
    case "cluster":
      return over(await Clustered.start(), [...COMMON_FAULTS, ...CLUSTER_FAULTS], wanted, random);
  }
}

async function over<Store extends CommonTopology>(
  store: Store,
  faults: readonly Fault<Store>[],
  wanted: Wanted,
  random: Random,
): Promise<Chaos> {
  const judge = new Judge();
  let happenings = 0;
  const history = new History((happening) => {
    happenings++;
    judge.take(happening);
  });
  const deployment = await Deployment.start(store, wanted, history, random.fork());
  const find = (name: string) => {
    const fault = faults.find((one) => one.name === name);
    if (!fault) throw new RangeError(`no fault "${name}" here; there are: ${faults.map((one) => one.name).join(", ")}`);
    return fault;
  };
  return {
    faults: faults.map(({ name }) => name),
    random,
    violations: judge.violations,
    get happenings() {
      return happenings;
    },
    get lanes() {
      return deployment.lanes;
    },
    round: async (...names) => {
      const round = await runRound(deployment, names.map(find).sort(storeFirst), random.fork());
      inspect(deployment);
      return round;
    },
    partnersOf: (name) => faults.filter(({ on }) => on !== find(name).on).map((fault) => fault.name),
    stop: () => deployment.stop(),
  };
}

function storeFirst<Store extends CommonTopology>(a: Fault<Store>, b: Fault<Store>): number {
  return Number(b.on === "store") - Number(a.on === "store");
}
