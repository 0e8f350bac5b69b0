/*
 * Question: does every promise hold while everything under it breaks?
 *
 *     npm run test:chaos -- [--seconds 60] [--seed S] [--topology standalone|cluster] [--faults "a,b"] [--users 6]
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
    users: { type: "string", default: "6" },
  },
});
const topology = values.topology === "cluster" ? "cluster" : "standalone";
const rounds: Round[] = [];

print(`chaos: ${topology}, seed ${values.seed}`);
const sizes = { instances: Number(values.instances), users: Number(values.users) };
const chaos = await startChaos(topology, Number(values.seed), sizes);
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

async function runUntil(endMs: number, { faults, random, violations, round }: Chaos): Promise<void> {
  const chosen = values.faults?.split(",").map((name) => name.trim()) ?? faults;
  let bag: string[] = [];
  while (performance.now() < endMs && violations.length === 0) {
    if (bag.length === 0) bag = random.shuffle(chosen);
    const done = await round(bag.pop() ?? "");
    rounds.push(done);
    print(row(done));
  }
}

function summarize({ faults, violations, happenings }: Chaos): void {
  print(`\n${"fault".padEnd(40)} times  held   recovered  equal again   (worst, ms)`);
  for (const fault of faults) {
    const of = rounds.filter((round) => round.fault === fault);
    if (of.length === 0) continue;
    const worst = (value: (round: Round) => number) => Math.max(...of.map(value)).toFixed(0);
    print(
      `${fault.padEnd(40)} ${String(of.length).padStart(5)} ${worst((round) => round.heldMs).padStart(6)}` +
        ` ${worst((round) => round.recoveredMs).padStart(10)} ${worst((round) => round.equalMs).padStart(11)}`,
    );
  }
  const writes = rounds.reduce((sum, round) => sum + round.writes, 0);
  print(`\n${rounds.length} faults, ${writes} acknowledged writes, ${happenings} happenings judged`);
  for (const { rule, text, during } of violations) print(`VIOLATION ${rule}: ${text} (${during})`);
  if (violations.length > 0) process.exitCode = 1;
  print(process.exitCode ? `FAILED; seed ${values.seed}` : "every promise held");
}

function row({ fault, heldMs, recoveredMs, equalMs, writes }: Round): string {
  const ms = (value: number) => value.toFixed(0).padStart(6);
  return `${fault.padEnd(40)} held ${ms(heldMs)}  recovered ${ms(recoveredMs)}  equal ${ms(equalMs)}  ${writes} writes`;
}

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}
