/* The tutorial: each step, in its short form, shows what it tells of the naive version, and that ours is right. */

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import { perform } from "../../examples/tutorial/perform.js";
import { Stage } from "../../examples/tutorial/stage.js";
import type { Step } from "../../examples/tutorial/step.js";
import { STEPS } from "../../examples/tutorial/steps/all.js";
import { program } from "../support/program.js";

const MAIN = program("examples/tutorial/main.ts");
const silently = { isQuick: true, tell: () => undefined };

/** Inside the repository, so that the exercise finds its packages. */
const scratch = fileURLToPath(new URL("../../.tmp", import.meta.url));
const run = (...args: string[]) => runProgram(MAIN, args);
/** As `npm run tutorial` does it: a learner's file is TypeScript. */
const runFromSource = (...args: string[]) => runProgram(["--import", "tsx", "examples/tutorial/main.ts"], args);

/** The exercise of step 2, done: the bits in a bitmap, which SETBIT changes in one step. */
function solve(code: string): string {
  return code
    .replace(
      /const text = await redis.get\(KEY\);\n.*\n/,
      () =>
        "const bytes = (await redis.getBuffer(KEY)) ?? Buffer.alloc(0);\n return Array.from({ length: cells }, (_, cell) => ((bytes[cell >> 3] ?? 0) & (128 >> (cell & 7))) !== 0);\n",
    )
    .replace(/const state = await readState\(\);\n.*\n.*\n/, () => "await redis.setbit(KEY, index, value ? 1 : 0);\n");
}

async function runProgram(program: readonly string[], args: readonly string[]) {
  const child = spawn(process.execPath, [...program, ...args], {
    cwd: join(scratch, ".."),
    stdio: ["ignore", "pipe", "pipe"],
  });
  const [stdout, stderr, [code]] = await Promise.all([text(child.stdout), text(child.stderr), once(child, "exit")]);
  return { stdout, stderr, code };
}

describe("the tutorial", () => {
  for (const [index, step] of STEPS.entries()) {
    test(`step ${index + 1}, "${step.title}": the naive version fails as told, and SocketScaler does not`, async () => {
      const stage = new Stage(silently.isQuick, silently.tell);
      try {
        const { rows, naiveFault, ourFault } = await step.run(stage);
        const shown = JSON.stringify(rows, undefined, 1);
        assert.equal(ourFault, undefined, shown);
        assert.notEqual(naiveFault, undefined, shown);
      } finally {
        await stage.close();
      }
    });
  }

  test("the command plays a step, shows both sides, and ends with 0", async () => {
    const { stdout, stderr, code } = await run("2", "--quick");
    assert.equal(code, 0, stdout + stderr);
    assert.match(stdout, /Step 2 of 6: The lost update/);
    assert.match(stdout, /naive +SocketScaler/);
    assert.match(stdout, /boxes checked in Valkey at the end +\d+ of 40 +40 of 40/);
    assert.match(stderr, /· 40 people and 4 naive instances/);
  });

  test("an exercise is a copy of the naive server: it fails as it is, and passes once it is right", async (t) => {
    mkdirSync(scratch, { recursive: true });
    const folder = mkdtempSync(join(scratch, "exercises-"));
    t.after(() => rmSync(folder, { recursive: true, force: true }));
    const file = join(folder, "step-2.ts");
    const started = await run("2", "--start", "--in", folder);
    assert.equal(started.code, 0, started.stderr);
    assert.match(started.stdout, /Made .*step-2\.ts\n\nThe task: keep all clicks/);
    const made = readFileSync(file, "utf8");
    const [untouched, solved] = [made, solve(made)];
    assert.notEqual(untouched, solved);
    for (const [code, text, shown] of [
      [1, untouched, /yours: ✗ \d+ acknowledged clicks were lost/],
      [0, solved, /yours: ✓ passed/],
    ] as const) {
      writeFileSync(file, text);
      const played = await runFromSource("2", "--exercise", "--quick", "--in", folder);
      assert.match(played.stdout, shown, played.stderr);
      assert.equal(played.code, code);
    }
    // A learner's work is never overwritten.
    assert.match((await run("2", "--start", "--in", folder)).stdout, /Already there/);
    assert.equal(readFileSync(file, "utf8"), solved);
    assert.equal((await run("3", "--exercise", "--in", folder)).code, 2);
  });

  test("the command names the steps, and refuses one that there is not", async () => {
    const named = await run();
    assert.equal(named.code, 0);
    for (const { title } of STEPS) assert.ok(named.stdout.includes(title));
    assert.equal((await run("7")).code, 2);
  });

  test("a step in which SocketScaler fails, or that breaks off, counts as failed and says why", async () => {
    const outcome = { rows: [{ what: "clicks", naive: "1", ours: "0" }], naiveFault: undefined };
    const failing: Step = {
      title: "t",
      scene: "s",
      run: () => Promise.resolve({ ...outcome, ourFault: "a click is lost" }),
    };
    const printed: string[] = [];
    const print = (line: string) => void printed.push(line);
    assert.equal(await perform(failing, { ...silently, print }), false);
    assert.match(printed.join(""), /SocketScaler: ✗ a click is lost/);
    const breaking: Step = { ...failing, run: () => Promise.reject(new Error("broke off")) };
    assert.equal(await perform(breaking, { ...silently, print }), false);
    assert.match(printed.join(""), /broke off/);
  });
});
