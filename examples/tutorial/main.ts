/*
 * From one instance to a cluster in six steps, each of which fails in a naive version and works in
 * SocketScaler. docs/tutorial.md explains them. The exit code is 1 if SocketScaler fails in a step.
 *
 *     npm run tutorial                 a list of the steps
 *     npm run tutorial 2               step 2
 *     npm run tutorial all             all steps, one after the other
 *     npm run tutorial 2 -- --quick    a short form
 */

import { parseArgs } from "node:util";
import { perform } from "./perform.js";
import { STEPS } from "./steps/all.js";

const { values, positionals } = parseArgs({ allowPositionals: true, options: { quick: { type: "boolean" } } });
const [which] = positionals;
const chosen = which === "all" ? STEPS : STEPS.filter((_, index) => String(index + 1) === which);
if (chosen.length === 0) {
  const list = STEPS.map(({ title }, index) => `  npm run tutorial ${index + 1}    ${title}`);
  process.stdout.write(`${list.join("\n")}\n  npm run tutorial all  all steps\n`);
  process.exit(which === undefined ? 0 : 2);
}
let failures = 0;
for (const step of chosen) {
  process.stdout.write(`\nStep ${STEPS.indexOf(step) + 1} of ${STEPS.length}: `);
  const isRight = await perform(step, {
    isQuick: values.quick ?? false,
    print: (text) => void process.stdout.write(text),
    tell: (line) => void process.stderr.write(`  · ${line}\n`),
  });
  if (!isRight) failures++;
}
process.exit(failures > 0 ? 1 : 0);
