/*
 * The output of a test run: one line for each file as it ends, and each failure as it happens. At
 * the end come the slowest files, the diagnostics of files that failed, the names of the failed
 * tests, and the runner's counts. Positions in compiled files are shown as positions in the
 * sources.
 */

import { readFileSync } from "node:fs";
import { SourceMap } from "node:module";
import { dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { inspect } from "node:util";
import { COMPILED } from "./compile.mjs";

const root = fileURLToPath(new URL("..", import.meta.url));
const SLOWEST = 10;
const COUNT = /^(tests|suites|pass|fail|cancelled|skipped|todo|duration_ms) [\d.]+$/;
const COMPILED_PLACE = /(?:file:\/\/)?([\w./-]+\/dist\/\.test\/[\w./-]+\.js):(\d+):(\d+)/g;
/** Node's warnings about its own features. */
const CHATTER = /^\(node:\d+\) ExperimentalWarning|^\(Use `node/;
const maps = new Map();

/** A reporter of Node's test runner. */
export async function* report(events) {
  const seconds = new Map();
  const said = new Map();
  /** Of each file, the test that ended last: it tells where a file was broken off. */
  const ended = new Map();
  const failed = [];
  const counts = [];
  for await (const { type, data } of events) {
    const file = sourceOf(data.file ?? "");
    if ((type === "test:pass" || type === "test:fail") && data.name !== data.file) ended.set(file, data.name);
    if (type === "test:complete" && data.name === data.file) {
      seconds.set(file, data.details.duration_ms / 1_000);
      yield `${data.details.passed ? "✓" : "✗"} ${file} ${seconds.get(file).toFixed(1)} s\n`;
    } else if (type === "test:fail" && data.todo === undefined && isCause(data.details.error)) {
      failed.push({ file, name: sourceOf(data.name) });
      const last = data.name === data.file && ended.has(file) ? `\nThe last test that ended: ${ended.get(file)}` : "";
      yield `\n✗ ${file}: ${sourceOf(data.name)}\n${inSources(textOf(data.details.error))}${last}\n\n`;
    } else if (type === "test:stderr" && !CHATTER.test(data.message)) {
      yield inSources(data.message);
    } else if (type === "test:diagnostic") {
      if (COUNT.test(data.message)) counts.push(data.message);
      else said.set(file, [...(said.get(file) ?? []), data.message]);
    }
  }
  const slowest = [...seconds].sort(([, a], [, b]) => b - a).slice(0, SLOWEST);
  if (seconds.size > SLOWEST)
    yield `\nSlowest: ${slowest.map(([file, s]) => `${file} ${s.toFixed(0)} s`).join(", ")}\n\n`;
  for (const file of new Set(failed.map((each) => each.file))) {
    for (const message of said.get(file) ?? []) yield `${file}: ${message}\n`;
  }
  for (const { file, name } of failed) yield `✗ ${file}: ${name}\n`;
  for (const count of counts) yield `# ${count}\n`;
}

/** A suite or a file that fails because a test in it failed has nothing to add. */
function isCause(error) {
  return error?.failureType !== "subtestsFailed";
}

function textOf(error) {
  const cause = error?.cause ?? error;
  return typeof cause === "string" ? cause : inspect(cause);
}

export function sourceOf(file) {
  const path = file.startsWith(COMPILED) ? `${relative(COMPILED, file).replace(/\.js$/, ".ts")}` : file;
  return path.startsWith(root) ? relative(root, path) : path;
}

function inSources(text) {
  return text.replace(COMPILED_PLACE, (all, file, line, column) => {
    const { originalSource, originalLine, originalColumn } = mapOf(file)?.findEntry(line - 1, column - 1) ?? {};
    if (originalSource === undefined) return all;
    return `${sourceOf(join(dirname(file), originalSource))}:${originalLine + 1}:${originalColumn + 1}`;
  });
}

function mapOf(file) {
  if (!maps.has(file)) maps.set(file, readMap(file));
  return maps.get(file);
}

function readMap(file) {
  try {
    return new SourceMap(JSON.parse(readFileSync(`${file}.map`, "utf8")));
  } catch {
    return undefined;
  }
}
