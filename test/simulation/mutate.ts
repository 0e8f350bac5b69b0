/*
 * `npm run test:mutations [-- --only WORDS]`: plants each fault of mutations.ts in a copy of the code and simulates until a
 * seed fails. A fault that is not caught ends it with 1.
 */

import { spawn } from "node:child_process";
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { MUTATIONS, type Mutation } from "./mutations.js";

const root = fileURLToPath(new URL("../..", import.meta.url));
const { values } = parseArgs({ options: { only: { type: "string" }, seeds: { type: "string" } } });
/** As many as `npm test` lives through, and some. */
const seeds = values.seeds ?? "5000";
const AT_ONCE = 2;

interface Outcome {
  readonly mutation: Mutation;
  readonly caught: { readonly seed: number; readonly reason: string } | undefined;
}

/** Where the code is copied to, one fault to a copy. */
function plant({ file, search, replacement }: Mutation): string {
  const folder = mkdtempSync(join(tmpdir(), "socketscaler-mutation-"));
  for (const part of ["src", "test", "package.json"]) cpSync(join(root, part), join(folder, part), { recursive: true });
  symlinkSync(join(root, "node_modules"), join(folder, "node_modules"));
  const path = join(folder, file);
  const parts = readFileSync(path, "utf8").split(search);
  if (parts.length !== 2) throw new Error(`in ${file}, this is there ${parts.length - 1} times, not once: ${search}`);
  writeFileSync(path, parts.join(replacement));
  return folder;
}

async function judge(mutation: Mutation): Promise<Outcome> {
  const folder = plant(mutation);
  try {
    const args = ["--import", "tsx", join("test", "simulation", "simulate.ts"), "--seeds", seeds];
    const child = spawn(process.execPath, args, { cwd: folder, stdio: ["ignore", "pipe", "pipe"] });
    let said = "";
    child.stdout.on("data", (text: Buffer) => {
      said += text;
    });
    child.stderr.on("data", (text: Buffer) => {
      said += text;
    });
    const code = await new Promise((done) => child.once("close", done));
    const [, seed, reason = ""] = /seed (\d+) fails: (.*)/.exec(said) ?? [];
    if (code !== 0 && seed === undefined) throw new Error(`${mutation.name}: the simulation itself failed\n${said}`);
    return { mutation, caught: seed === undefined ? undefined : { seed: Number(seed), reason } };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

const wanted = MUTATIONS.filter(({ name }) => name.includes(values.only ?? ""));
const waiting = [...wanted];
const outcomes: Outcome[] = [];
async function work(): Promise<void> {
  for (let mutation = waiting.shift(); mutation; mutation = waiting.shift()) {
    const outcome = await judge(mutation);
    outcomes.push(outcome);
    console.log(`| ${mutation.name} | ${outcome.caught?.seed ?? "NOT CAUGHT"} | ${outcome.caught?.reason ?? ""} |`);
  }
}
console.log("| fault | caught after seeds | by |\n| --- | --- | --- |");
await Promise.all(Array.from({ length: AT_ONCE }, work));
const missed = outcomes.filter(({ caught }) => !caught);
console.log(missed.length === 0 ? `all ${wanted.length} faults are caught` : `${missed.length} faults are not caught`);
process.exit(missed.length === 0 ? 0 : 1);
