/*
 * Question: does every promise hold while everything under it breaks?
 *
 *     npm run test:chaos -- [--seconds 60] [--seed S] [--topology standalone|cluster] [--faults "a,b"] [--users 6]
 *                           [--instances 3] [--relays 0] [--durability applied|fsynced|replicated:1]
 *
 * Strikes faults at random until the time is over. Ends with 1, and the seed, if the judge found a violation. The seed
 * makes the same choices again; when a packet arrives, nobody can make again.
 */

import { parseArgs } from "node:util";
import { type Chaos, startChaos } from "./chaos.js";
import type { Round } from "./round.js";

const { values } = parseArgs({
  options: {
    seconds: { type: "string", default: "60" },
    seed: { type: "string", default: String(Date.now() % 1_000_000) },
    topology: { type: "string", default: "standalone" },
    faults: { type: "string" },
    instances: { type: "string", default: "3" },
    relays: { type: "string", default: "0" },
    users: { type: "string", default: "6" },
    durability: { type: "string", default: "applied" },
  },
});
const NAME_LENGTH = 40;
/** Of the rounds, those with two faults at once. */
const PAIRS_PART = 0.25;
const topology = values.topology === "cluster" ? "cluster" : "standalone";
const rounds: Round[] = [];

print(`chaos: ${topology}, ${values.durability}, seed ${values.seed}`);
const { durability } = values;
const { instances, relays, users } = values;
const wanted = { instances: Number(instances), relays: Number(relays), users: Number(users), durability };
const chaos = await startChaos(topology, Number(values.seed), wanted);
const interrupted = () => void chaos.stop().finally(() => process.exit(130));
process.once("SIGINT", interrupted).once("SIGTERM", interrupted);
try {
  await runUntil(performance.now() + Number(values.seconds) * 1_000, chaos);
} catch (error) {
  print(`the run ended early: ${error instanceof Error ? error.message : error}`);
  process.exitCode = 1;
} finally {
  await chaos.stop();
}
summarize(chaos);

async function runUntil(endMs: number, { faults, random, violations, round, partnersOf }: Chaos): Promise<void> {
  const chosen = values.faults?.split(",").map((name) => name.trim()) ?? faults;
  let bag: string[] = [];
  while (performance.now() < endMs && violations.length === 0) {
    if (bag.length === 0) bag = random.shuffle(chosen);
    const fault = bag.pop() ?? "";
    const partners = partnersOf(fault).filter((name) => chosen.includes(name));
    const isPair = partners.length > 0 && random.chance(PAIRS_PART);
    const done = await (isPair ? round(fault, random.pick(partners)) : round(fault));
    rounds.push(done);
    print(row(done));
  }
}

function summarize({ violations, happenings, lanes }: Chaos): void {
  print(`\n${"fault".padEnd(NAME_LENGTH)} times   held  recovered  equal again   (worst, ms)`);
  for (const fault of new Set(rounds.map((round) => round.fault))) {
    const of = rounds.filter((round) => round.fault === fault);
    const worst = (value: (round: Round) => number) => Math.max(...of.map(value)).toFixed(0);
    print(
      `${fault.padEnd(NAME_LENGTH)} ${String(of.length).padStart(5)} ${worst((round) => round.heldMs).padStart(6)}` +
        ` ${worst((round) => round.recoveredMs).padStart(10)} ${worst((round) => round.equalMs).padStart(12)}`,
    );
  }
  const writes = rounds.reduce((sum, round) => sum + round.writes, 0);
  print(`\n${rounds.length} faults, ${writes} acknowledged writes, ${happenings} happenings judged`);
  print(`${lanes.open} users over the lane in the end, ${lanes.dropped} connections to it dropped`);
  for (const { rule, text, during } of violations) print(`VIOLATION ${rule}: ${text} (${during})`);
  if (violations.length > 0) process.exitCode = 1;
  print(process.exitCode ? `FAILED; seed ${values.seed}` : "every promise held");
}

function row({ fault, isSilent, heldMs, recoveredMs, equalMs, writes }: Round): string {
  const ms = (value: number) => value.toFixed(0).padStart(5);
  const times = `held ${ms(heldMs)}  recovered ${ms(recoveredMs)}  equal ${ms(equalMs)}`;
  return `${fault.padEnd(NAME_LENGTH)} ${times}  ${writes} writes${isSilent ? ", then silence" : ""}`;
}

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}
