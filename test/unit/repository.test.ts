/*
 * The files that services and editors read. Tests cannot run them, so they check schemas and cross-references.
 */

import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import { validateWorkflow } from "@action-validator/core";
import { parse } from "yaml";

const root = fileURLToPath(new URL("../..", import.meta.url));
const read = (file: string) => readFileSync(join(root, file), "utf8");
const manifest: { scripts: Record<string, string>; engines: { node: string } } = JSON.parse(read("package.json"));
const workflows = readdirSync(join(root, ".github/workflows")).map((name) => join(".github/workflows", name));

describe("the repository's own files", () => {
  test("each workflow fits the schema of GitHub's workflows", () => {
    for (const file of workflows) assert.deepEqual(validateWorkflow(read(file)).errors, [], file);
    assert.notDeepEqual(validateWorkflow(read(workflows[0] ?? "").replace("runs-on", "runs-in")).errors, []);
  });

  test("each npm script that a workflow or the editor runs is there", () => {
    const texts = [...workflows, ".vscode/launch.json", ".github/pull_request_template.md"].map(read);
    const named = texts.flatMap((text) => Array.from(text.matchAll(/npm run ([\w:]+)/g), ([, name = ""]) => name));
    assert.ok(named.length > 0);
    for (const name of named) assert.ok(name in manifest.scripts, name);
  });

  test("the development container installs what the tests need", () => {
    const packages = read(".devcontainer/Dockerfile").split(/\s+/);
    const needed = Array.from(
      read("scripts/requirements.mjs").matchAll(/debian: "([\w-]+)"/g),
      ([, name = ""]) => name,
    );
    assert.ok(needed.length >= 6);
    for (const name of needed) assert.ok(packages.includes(name), name);
  });

  test("the Node that is named for developers is one that the package allows, and the matrix begins with it", () => {
    const [major] = read(".node-version").split(".");
    assert.ok(manifest.engines.node.includes(`${major}.`));
    const { jobs } = parse(read(".github/workflows/matrix.yml"));
    assert.equal(String(jobs.matrix.strategy.matrix.node[0]), major);
  });
});
