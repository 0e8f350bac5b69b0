/* The cluster on a virtual clock: every promise, whatever fails. A failing seed is printed and replays exactly. */

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import { program } from "../support/program.js";
import { MUTATIONS } from "./mutations.js";
import { FAULTS } from "./plan.js";
import { simulate } from "./world.js";

const root = fileURLToPath(new URL("../..", import.meta.url));
const SEEDS = 2_000;
/** A slow machine, or a busy one, may live through fewer. */
const SECONDS_MAX = 150;
const SEEDS_MIN = 200;

describe("the simulated cluster", () => {
  test("keeps its promises through crashes, failovers, lost news and slow clients, whatever the seed", async (t) => {
    // In a process of its own: the test runner follows every promise, which makes it four times slower.
    const bounds = ["--seeds", String(SEEDS), "--seconds", String(SECONDS_MAX)];
    const args = [...program("test/simulation/simulate.ts"), ...bounds];
    const child = spawn(process.execPath, args, { cwd: root, stdio: ["ignore", "pipe", "inherit"] });
    const said = (await text(child.stdout)).trim().split("\n");
    const last = said.at(-1) ?? "";
    t.diagnostic(last);
    const [, held = 0] = /^(\d+) seeds hold/.exec(last) ?? [];
    assert.ok(Number(held) >= SEEDS_MIN, said.join("\n"));
  });

  test("a storm breaks much, but not all, and every kind of fault strikes", async () => {
    const faults = new Set<string>();
    let [commits, lost] = [0, 0];
    for (let seed = 1; seed <= 30; seed++) {
      const { plan, ...result } = await simulate(seed);
      for (const fault of plan.faults) faults.add(fault);
      commits += result.commits.length;
      lost += result.lost;
    }
    assert.equal(faults.size, FAULTS.length);
    assert.ok(lost > 30 && commits > lost, `${commits} commits survived, ${lost} were lost`);
  });

  test("one seed is one run: what happens is the same to the letter", async () => {
    for (let seed = 1; seed <= 12; seed++) {
      const [first, second] = [await simulate(seed, { trace: true }), await simulate(seed, { trace: true })];
      assert.ok(first.trace.length > 20);
      assert.deepEqual(first.trace, second.trace, `seed ${seed}`);
      const { commits, lost } = await simulate(seed);
      assert.deepEqual([commits.length, lost], [first.commits.length, first.lost], `seed ${seed}, without a trace`);
    }
  });

  test("every fault that the mutation test plants still fits the code", () => {
    for (const { name, file, search } of MUTATIONS) {
      const times = readFileSync(join(root, file), "utf8").split(search).length - 1;
      assert.equal(times, 1, `${name}: in ${file}, this must be there once: ${search}`);
    }
  });
});
