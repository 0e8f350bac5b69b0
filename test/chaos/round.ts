/*
 * A chaos run: rounds of load, fault, load, quiet. In the quiet nobody writes, and the judge compares everybody with the
 * store; so what goes wrong is told of the fault that did it.
 *
 *     all write ──► strike ──► hold ──► heal ──► everybody's writes go through again ──► nobody writes ──► compare
 */

import { setTimeout as pause } from "node:timers/promises";
import { isDeepStrictEqual } from "node:util";
import { until } from "../support/until.js";
import type { Deployment } from "./deployment.js";
import type { Fault } from "./faults.js";
import type { Random } from "./random.js";
import type { CommonTopology } from "./topology.js";

export interface Round {
  readonly fault: string;
  readonly heldMs: number;
  /** From the healing until a write of every user that began after it was acknowledged. */
  readonly recoveredMs: number;
  /** From the last write until everybody showed what the store holds. */
  readonly equalMs: number;
  /** Writes acknowledged in the round. */
  readonly writes: number;
}

const RECOVER_MS_MAX = 30_000;
/** Self-healing is promised within 2 s; the rest is for a slow machine. */
const EQUAL_MS_MAX = 6_000;
const ACKNOWLEDGED_MIN = 3;

export async function runRound<Store extends CommonTopology>(
  deployment: Deployment<Store>,
  fault: Fault<Store>,
  random: Random,
): Promise<Round> {
  const { users, history, store } = deployment;
  const writesOf = () => users.reduce((sum, user) => sum + user.acknowledged, 0);
  const before = writesOf();
  for (const user of users) user.write();
  await pause(random.between(100, 500));

  history.add({ kind: "struck", fault: fault.name });
  const struckMs = performance.now();
  const heal = await fault.strike(deployment, random);
  await pause(random.between(...fault.holdMs));
  await heal();
  history.add({ kind: "healed", fault: fault.name });
  const healedMs = performance.now();

  await orStuck(deployment, "everybody's writes go through again", () => untilAcknowledged(deployment));
  const recoveredMs = performance.now() - healedMs;
  await store.untilWhole();
  await orStuck(deployment, "every write is settled", async () => {
    await Promise.all(users.map((user) => user.rest()));
  });
  const restedMs = performance.now();
  await compare(deployment);
  return {
    fault: fault.name,
    heldMs: healedMs - struckMs,
    recoveredMs,
    equalMs: performance.now() - restedMs,
    writes: writesOf() - before,
  };
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

/** One write that was under way when the fault was healed, and more that began after it, of each user. */
async function untilAcknowledged<Store extends CommonTopology>({ users }: Deployment<Store>): Promise<void> {
  const before = users.map(({ acknowledged }) => acknowledged);
  const isThrough = () => users.every((user, index) => user.acknowledged >= (before[index] ?? 0) + ACKNOWLEDGED_MIN);
  await until("writes of all users are acknowledged", isThrough, RECOVER_MS_MAX);
}

async function compare<Store extends CommonTopology>(deployment: Deployment<Store>): Promise<void> {
  const { users, history } = deployment;
  const look = async () => {
    const { state, counted } = await deployment.stored();
    return { store: state, counted, users: users.map((user) => user.shows(users.length)) };
  };
  let seen = await look();
  const isEqual = async () => {
    seen = await look();
    return seen.users.every((shown) => isDeepStrictEqual(shown, seen.store));
  };
  // Whether they ever were equal is for the judge to say.
  await until("everybody shows what the store holds", isEqual, EQUAL_MS_MAX).catch(() => undefined);
  history.add({ kind: "quiet", ...seen });
}

/** Past a thing that never happened there is nothing to judge: the run ends with it on record. */
async function orStuck<Store extends CommonTopology>(
  { history }: Deployment<Store>,
  what: string,
  action: () => Promise<void>,
): Promise<void> {
  let isLate = false;
  const late = pause(RECOVER_MS_MAX + 1_000, undefined, { ref: false }).then(() => {
    isLate = true;
  });
  const failure = await Promise.race([action(), late]).catch((error: unknown) => error);
  if (isLate || failure !== undefined) {
    history.add({ kind: "stuck", what: `never happened: ${what}` });
    throw new Error(`never happened: ${what}`, { cause: failure });
  }
}
