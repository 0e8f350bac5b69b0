/* The lab reads its steps from docs/tutorial.md, so that document must have every part of them. */

import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { STEPS } from "../../../../examples/tutorial/steps/all.js";
import { readSteps } from "../../../../src/web/lab/steps.js";

const root = fileURLToPath(new URL("../../../../", import.meta.url));
const document = readFileSync(`${root}docs/tutorial.md`, "utf8");

test("each step of docs/tutorial.md has a question, its answers, an exercise, and links to both sides", () => {
  const steps = readSteps(document);
  assert.deepEqual(
    steps.map(({ title }) => title),
    STEPS.map(({ title }) => title),
  );
  for (const [index, step] of steps.entries()) {
    const naive = STEPS[index]?.exercise.naive;
    assert.ok(existsSync(`${root}examples/tutorial/naive/${naive}.ts`));
    assert.ok(step.exercise.includes(`naive/${naive}.ts`), `step ${step.number} has the exercise of its naive file`);
    assert.ok(step.exercise.replaceAll(/\s+/g, " ").includes(`npm run tutorial ${step.number} -- --start`));
    const shown = [...step.before, ...step.after].join("\n");
    assert.match(shown, /\]\(\.\.\/examples\/tutorial\/naive\//, `step ${step.number} links to a naive file`);
    assert.match(shown, /\]\(\.\.\/src\//, `step ${step.number} links to a real file`);
    assert.doesNotMatch(step.before.join("\n"), /npm run tutorial \d$/m);
  }
});

test("a step without its question, or with an answer that is none of the list, is found", () => {
  assert.throws(() => readSteps(document.replace("**Question.**", "")), /step 1 needs a question/);
  assert.throws(() => readSteps(document.replace("**Answer.** ", "**Answer.** Perhaps ")), /step 1 needs/);
});
