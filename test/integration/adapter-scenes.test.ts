/*
 * The scenes of docs/why-not-an-adapter.md: the adapter fails in each but one, as the page says, and SocketScaler in
 * none.
 */

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { text } from "node:stream/consumers";
import { describe, test } from "node:test";
import { SCENES } from "../../examples/adapter/scenes/all.js";
import { Stage } from "../../examples/tutorial/stage.js";
import { program } from "../support/program.js";

const MAIN = program("examples/adapter/main.ts");

async function run(...args: string[]) {
  const child = spawn(process.execPath, [...MAIN, ...args], { stdio: ["ignore", "pipe", "pipe"] });
  const [stdout, stderr, [code]] = await Promise.all([text(child.stdout), text(child.stderr), once(child, "exit")]);
  return { stdout, stderr, code };
}

describe("the scenes with the Redis adapter", { concurrency: true }, () => {
  for (const [name, scene] of Object.entries(SCENES)) {
    test(`${name}: the adapter ${name === "enough" ? "is enough" : "is not"}, and SocketScaler does not fail`, async () => {
      const stage = new Stage(true, () => undefined);
      try {
        const { rows, naiveFault, ourFault } = await scene.run(stage);
        const shown = JSON.stringify(rows, undefined, 1);
        assert.equal(ourFault, undefined, shown);
        assert.equal(naiveFault === undefined, name === "enough", shown);
      } finally {
        await stage.close();
      }
    });
  }

  test("the command plays a scene, lists them, and refuses one that there is not", async () => {
    const { stdout, stderr, code } = await run("order", "--quick");
    assert.equal(code, 0, stdout + stderr);
    assert.match(stdout, /adapter +SocketScaler/);
    const named = await run();
    assert.equal(named.code, 0);
    for (const { title } of Object.values(SCENES)) assert.ok(named.stdout.includes(title));
    assert.equal((await run("toString")).code, 2);
  });

  test("the page has each command, under the title of its scene", () => {
    const page = readFileSync(new URL("../../docs/why-not-an-adapter.md", import.meta.url), "utf8");
    for (const [name, { title }] of Object.entries(SCENES)) {
      assert.ok(page.includes(`\n## ${title}\n\n    npm run adapter ${name}\n`), name);
    }
  });
});
