/*
 * What a test run prints: one line for each file as it ends, each failure as it happens, then the slowest files, the
 * names of the failed tests, and the runner's counts. Positions in compiled files are shown as positions in the sources.
 */

import { readFileSync } from "node:fs";
import { SourceMap } from "node:module";
import { relative } from "node:path";
import { fileURLToPath } from "node:url";
import { inspect } from "node:util";
import { COMPILED } from "./compile.mjs";

const root = fileURLToPath(new URL("..", import.meta.url));
const SLOWEST = 10;
const maps = new Map();

/** A reporter of Node's test runner. */
export async function* report(events) {
  const seconds = new Map();
  const counts = [];
  const failed = [];
  for await (const { type, data } of events) {
    if (type === "test:complete" && data.name === data.file) {
      const file = sourceOf(data.file);
      seconds.set(file, data.details.duration_ms / 1_000);
      yield `${data.details.passed ? "✓" : "✗"} ${file} ${seconds.get(file).toFixed(1)} s\n`;
    } else if (type === "test:fail" && data.todo === undefined && isCause(data.details.error)) {
      const name = `✗ ${sourceOf(data.file ?? "")}: ${sourceOf(data.name)}\n`;
      failed.push(name);
      yield `\n${name}${inSources(textOf(data.details.error))}\n\n`;
    } else if (type === "test:stderr") {
      yield inSources(data.message);
    } else if (type === "test:diagnostic" && /^[a-z_]+ [\d.]+$/.test(data.message)) {
      counts.push(`# ${data.message}\n`);
    } else if (type === "test:diagnostic") {
      yield `  ${sourceOf(data.file ?? "")}: ${data.message}\n`;
    }
  }
  const slowest = [...seconds].sort(([, a], [, b]) => b - a).slice(0, SLOWEST);
  if (seconds.size > SLOWEST)
    yield `\nSlowest: ${slowest.map(([file, s]) => `${file} ${s.toFixed(0)} s`).join(", ")}\n`;
  yield `\n${failed.join("")}\n${counts.join("")}`;
}

/** A suite or a file that fails because a test in it failed has nothing to add. */
function isCause(error) {
  return error?.failureType !== "subtestsFailed";
}

function textOf(error) {
  const cause = error?.cause ?? error;
  return typeof cause === "string" ? cause : inspect(cause);
}

function sourceOf(file) {
  const path = file.startsWith(COMPILED) ? `${relative(COMPILED, file).replace(/\.js$/, ".ts")}` : file;
  return path.startsWith(root) ? relative(root, path) : path;
}

function inSources(text) {
  return text.replace(
    /(?:file:\/\/)?([\w./-]+\/dist\/\.test\/[\w./-]+\.js):(\d+):(\d+)/g,
    (all, file, line, column) => {
      const { originalLine, originalColumn } = mapOf(file)?.findEntry(line - 1, column - 1) ?? {};
      return originalLine === undefined ? all : `${sourceOf(file)}:${originalLine + 1}:${originalColumn + 1}`;
    },
  );
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
