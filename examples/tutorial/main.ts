/*
 * From one instance to a cluster in six steps, each of which fails in a naive version and works in
 * SocketScaler. docs/tutorial.md explains them. The exit code is 1 if SocketScaler fails in a step.
 *
 *     npm run tutorial                 a list of the steps
 *     npm run tutorial 2               step 2
 *     npm run tutorial all             all steps, one after the other
 *     npm run tutorial 2 -- --quick    a short form
 *     npm run tutorial 2 -- --start    makes exercises/step-2.ts, a copy of the naive server
 *     npm run tutorial 2 -- --exercise plays the step with that server, which should pass
 *
 * `--in FOLDER` takes the place of exercises/.
 */

import { existsSync } from "node:fs";
import { parseArgs } from "node:util";
import { exerciseFile, loadExercise, startExercise } from "./exercise.js";
import { perform } from "./perform.js";
import { STEPS } from "./steps/all.js";

const flag = { type: "boolean" } as const;
const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { quick: flag, start: flag, exercise: flag, in: { type: "string" } },
});
const [which] = positionals;
const chosen = which === "all" ? STEPS : STEPS.filter((_, index) => String(index + 1) === which);
if (chosen.length === 0) {
  const list = STEPS.map(({ title }, index) => `  npm run tutorial ${index + 1}    ${title}`);
  process.stdout.write(`${list.join("\n")}\n  npm run tutorial all  all steps\n`);
  process.exit(which === undefined ? 0 : 2);
}
let failures = 0;
for (const step of chosen) {
  const number = STEPS.indexOf(step) + 1;
  const file = exerciseFile(number, values.in);
  if (values.start) {
    const isNew = startExercise(step, file);
    process.stdout.write(`${isNew ? "Made" : "Already there:"} ${file}\n\nThe task: ${step.exercise.task}\n`);
    continue;
  }
  if (values.exercise && !existsSync(file)) {
    process.stdout.write(`${file} does not exist. Make it: npm run tutorial ${number} -- --start\n`);
    process.exit(2);
  }
  process.stdout.write(`\nStep ${number} of ${STEPS.length}: `);
  const isRight = await perform(step, {
    isQuick: values.quick ?? false,
    exercise: values.exercise ? await loadExercise(file) : undefined,
    print: (text) => void process.stdout.write(text),
    tell: (line) => void process.stderr.write(`  · ${line}\n`),
  });
  if (!isRight) failures++;
}
process.exit(failures > 0 ? 1 : 0);
