/*
 * `npm run simulate -- --seeds N [--from S] [--seconds T]` lives through N seeds, or as many as T seconds allow; `--seed S`
 * replays one and says what happened. Exits with 1 at the first seed that fails.
 */

import { parseArgs } from "node:util";
import { simulate } from "./world.js";

const { values } = parseArgs({
  options: {
    seeds: { type: "string" },
    from: { type: "string" },
    seconds: { type: "string" },
    seed: { type: "string" },
  },
});

const PROGRESS_MS = 5_000;

if (values.seed !== undefined) {
  const { trace, failure } = await simulate(Number(values.seed), { trace: true });
  for (const line of trace) console.log(line);
  console.log(failure ? `seed ${values.seed} fails: ${failure}` : `seed ${values.seed} holds`);
  process.exit(failure ? 1 : 0);
}

const from = Number(values.from ?? 1);
const seeds = Number(values.seeds ?? 10_000);
const secondsMax = Number(values.seconds ?? Number.POSITIVE_INFINITY);
const startMs = performance.now();
let toldMs = startMs;
let commits = 0;
let lost = 0;
let held = 0;
for (let seed = from; held < seeds && performance.now() - startMs < secondsMax * 1000; seed++) {
  const result = await simulate(seed);
  commits += result.commits.length;
  lost += result.lost;
  if (result.failure) {
    console.log(`seed ${seed} fails: ${result.failure}`);
    console.log(`replay it with: npm run simulate -- --seed ${seed}`);
    process.exit(1);
  }
  held++;
  if (performance.now() - toldMs < PROGRESS_MS) continue;
  toldMs = performance.now();
  console.log(`${held} of ${seeds} seeds hold, ${rate(held)} a second`);
}
console.log(`${held} seeds hold, ${rate(held)} a second: ${commits} commits survived, ${lost} were lost`);
process.exit(0);

function rate(done: number): number {
  return Math.round((done / (performance.now() - startMs)) * 1000);
}
