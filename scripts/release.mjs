/*
 * `npm run release -- 0.3.0`: turns the "Unreleased" section of CHANGELOG.md into a release. It
 * sets the version in package.json and package-lock.json, dates the section, commits and tags. It
 * does not push or publish, but prints the commands for that. With --dry-run it only says what it
 * would do.
 */

import { spawnSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";

const root = fileURLToPath(new URL("..", import.meta.url));
const { values, positionals } = parseArgs({ options: { "dry-run": { type: "boolean" } }, allowPositionals: true });
const [version = ""] = positionals;
const manifest = JSON.parse(read("package.json"));
const changelog = read("CHANGELOG.md");
const [, notes = ""] = /^## \[Unreleased\]\n([\s\S]*?)(?=^## \[|\n*$(?![\s\S]))/m.exec(changelog) ?? [];

if (!/^\d+\.\d+\.\d+$/.test(version)) stop("Name the version: npm run release -- 0.3.0");
if (!isNewer(version, manifest.version)) stop(`The version is ${manifest.version} already. Name a later one.`);
if (notes.trim() === "") stop('CHANGELOG.md lists nothing under "Unreleased". Describe the changes there first.');
if (git("status", "--porcelain") !== "") stop("There are uncommitted changes. Commit or stash them first.");
if (git("tag", "--list", `v${version}`) !== "") stop(`The tag v${version} already exists.`);

const date = new Date().toISOString().slice(0, 10);
process.stdout.write(`Release ${version} of ${date}:\n${notes}`);
if (values["dry-run"]) process.exit(0);

write("CHANGELOG.md", changelog.replace("## [Unreleased]\n", `## [Unreleased]\n\n## [${version}] - ${date}\n`));
run("npm", "version", version, "--no-git-tag-version", "--ignore-scripts");
git("add", "CHANGELOG.md", "package.json", "package-lock.json");
git("commit", "--message", `Release ${version}`);
git("tag", "--annotate", `v${version}`, "--message", `Release ${version}`);
process.stdout.write(
  `\nTagged v${version}. Check the commit, then run:\n\n  git push --follow-tags\n  npm publish\n  npm run pack:client && npm publish socketscaler-client-${version}.tgz\n`,
);

function isNewer(next, now) {
  const [a, b] = [next, now].map((text) => text.split(".").map(Number));
  const index = a.findIndex((part, at) => part !== b[at]);
  return index >= 0 && a[index] > b[index];
}

function git(...args) {
  return run("git", ...args);
}

function run(program, ...args) {
  const { status, stdout, stderr, error } = spawnSync(program, args, { cwd: root, encoding: "utf8" });
  if (status !== 0) stop(`${program} ${args.join(" ")} failed: ${error?.message ?? stderr.trim()}`);
  return stdout.trim();
}

function read(file) {
  return readFileSync(join(root, file), "utf8");
}

function write(file, text) {
  writeFileSync(join(root, file), text);
}

function stop(message) {
  process.stderr.write(`${message}\n`);
  process.exit(1);
}
