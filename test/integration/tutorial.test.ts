/* The tutorial: each step, in its short form, shows what it tells of the naive version, and that ours is right. */

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { text } from "node:stream/consumers";
import { describe, test } from "node:test";
import { perform } from "../../examples/tutorial/perform.js";
import { Stage } from "../../examples/tutorial/stage.js";
import type { Step } from "../../examples/tutorial/step.js";
import { STEPS } from "../../examples/tutorial/steps/all.js";
import { program } from "../support/program.js";

const MAIN = program("examples/tutorial/main.ts");
const silently = { isQuick: true, tell: () => undefined };

async function run(...args: string[]) {
  const child = spawn(process.execPath, [...MAIN, ...args], { stdio: ["ignore", "pipe", "pipe"] });
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
