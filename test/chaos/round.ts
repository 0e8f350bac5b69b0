/*
 * A round: load, fault, load, quiet. In the quiet nobody writes, and the judge compares everybody with the store; so what
 * goes wrong is told of the fault that did it.
 *
 *     all write ─► strike ─► hold ─► heal ─► everybody's writes go through again ─► nobody writes ─► compare
 *
 * Half of the rounds fall silent before they heal: nobody begins another write, and all must be equal without one. Later
 * deltas would show a replica that it missed some; here it has to find out by itself.
 */

import { setTimeout as pause } from "node:timers/promises";
import { isDeepStrictEqual } from "node:util";
import type { Random } from "../support/random.js";
import { until } from "../support/until.js";
import { differences } from "./claimed.js";
import type { Deployment } from "./deployment.js";
import type { Fault, Heal } from "./faults.js";
import type { History } from "./history.js";
import type { CommonTopology } from "./topology.js";

export interface Round {
  readonly fault: string;
  readonly isSilent: boolean;
  readonly heldMs: number;
  /** From the healing until writes of every user went through again; in a silent round, until those under way did. */
  readonly recoveredMs: number;
  /** From the last write until everybody showed what the store holds. */
  readonly equalMs: number;
  /** Writes acknowledged in the round. */
  readonly writes: number;
}

const RECOVER_MS_MAX = 30_000;
/** Self-healing is promised within 2 s for each hop; the rest is for a slow machine. */
const EQUAL_MS_MAX = 4_000;
const HOP_MS_MAX = 2_000;
/** A change that was acknowledged and then lost by a fork is shown to its own user until the library gives it up. */
const EQUAL_MS_MAX_AFTER_FORK = 12_000;
const ACKNOWLEDGED_MIN = 3;

export async function runRound<Store extends CommonTopology>(
  deployment: Deployment<Store>,
  faults: readonly Fault<Store>[],
  random: Random,
): Promise<Round> {
  const { users, history } = deployment;
  const name = faults.map((fault) => fault.name).join(" + ");
  const writesOf = () => users.reduce((sum, user) => sum + user.acknowledged, 0);
  const before = writesOf();
  const forksBefore = history.forks;
  for (const user of users) user.write();
  await pause(random.between(100, 500));

  history.add({ kind: "struck", fault: name });
  const struckMs = performance.now();
  const heals: Heal[] = [];
  for (const fault of faults) heals.push(await fault.strike(deployment, random));
  for (const fault of faults) await pause(random.between(...fault.holdMs) / faults.length);
  const isSilent = random.chance(0.5);
  const silence = isSilent ? rest(deployment) : undefined;
  for (const heal of heals) await heal();
  history.add({ kind: "healed", fault: name });

  const healedMs = performance.now();
  if (silence) await silence;
  else await untilAcknowledged(deployment);
  const recoveredMs = performance.now() - healedMs;
  await deployment.store.untilWhole();
  if (!isSilent) await rest(deployment);
  const restedMs = performance.now();
  await compare(deployment, history.forks > forksBefore ? EQUAL_MS_MAX_AFTER_FORK : EQUAL_MS_MAX);
  const equalMs = performance.now() - restedMs;
  if (isSilent) await goOn(deployment);
  return { fault: name, isSilent, heldMs: healedMs - struckMs, recoveredMs, equalMs, writes: writesOf() - before };
}

/** Faults of `instances` that cannot be seen from outside: an end nobody asked for, or an error in its log. */
export function inspect<Store extends CommonTopology>(deployment: Deployment<Store>): void {
  for (const [index, instance] of deployment.instances.entries()) {
    if (!instance.isRunning) deployment.history.add({ kind: "stuck", what: `instance ${index} ended by itself` });
    for (const line of instance.complaints) {
      deployment.history.add({ kind: "stuck", what: `instance ${index} complains: ${line}` });
    }
  }
}

/** Nobody begins another write; resolves when those under way are settled. */
function rest<Store extends CommonTopology>({ users, history }: Deployment<Store>): Promise<void> {
  let resting = users.length;
  for (const user of users) {
    user.rest().then(
      () => resting--,
      (error: unknown) => history.add({ kind: "stuck", what: `user ${user.index} ends with ${error}` }),
    );
  }
  return orStuck(history, "every write is settled", () => resting === 0);
}

async function goOn<Store extends CommonTopology>(deployment: Deployment<Store>): Promise<void> {
  for (const user of deployment.users) user.write();
  await untilAcknowledged(deployment);
  await rest(deployment);
  await compare(deployment, EQUAL_MS_MAX);
}

/** Of each user, one write that was under way and more that began later. */
function untilAcknowledged<Store extends CommonTopology>({ users, history }: Deployment<Store>): Promise<void> {
  const before = users.map(({ acknowledged }) => acknowledged);
  return orStuck(history, "writes of all users go through again", () =>
    users.every((user, index) => user.acknowledged >= (before[index] ?? 0) + ACKNOWLEDGED_MIN),
  );
}

async function compare<Store extends CommonTopology>(deployment: Deployment<Store>, forOneMs: number): Promise<void> {
  const { users, history, hops } = deployment;
  const withinMs = forOneMs + (hops - 1) * HOP_MS_MAX;
  const look = async () => {
    const { state, counted } = await deployment.stored();
    const shown = { store: state, counted, users: users.map((user) => user.shows(users.length)) };
    return { shown, claimed: await deployment.claimed(), ms: performance.now() };
  };
  let seen = await look();
  const isEqual = async () => {
    seen = await look();
    const { shown, claimed } = seen;
    return shown.users.every((each) => isDeepStrictEqual(each, shown.store)) && [...differences(claimed)].length === 0;
  };
  // Whether they ever were equal is for the judge to say.
  await until("everybody shows what the store holds", isEqual, withinMs).catch(() => undefined);
  history.add({ kind: "quiet", ...seen.shown });
  history.add({ kind: "owned", ms: seen.ms, claimed: seen.claimed });
}

/** Past a thing that never happened there is nothing to judge: it goes on record, and the run ends. */
async function orStuck(history: History, what: string, condition: () => boolean): Promise<void> {
  try {
    await until(what, condition, RECOVER_MS_MAX);
  } catch (error) {
    history.add({ kind: "stuck", what: `never happened: ${what}` });
    throw error;
  }
}
