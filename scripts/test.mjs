/*
 * The tests, and the checks that go with them:
 *
 *     npm test                    lint, types, build, every test
 *     npm test -- NAME...         the test files with NAME in their path
 *     npm run test:fast           lint, types, and the tests that need nothing but Node
 *     npm run test:fast NAME...   those of these files with NAME in their path
 *     npm run test:watch NAME     these test files, again after each change
 *
 * A run compiles everything once (compile.mjs). Test files are processes of their own, a few at a
 * time.
 */

import { spawnSync } from "node:child_process";
import { randomUUID } from "node:crypto";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import { join, relative } from "node:path";
import { run } from "node:test";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { COMPILED, compile, compiledName } from "./compile.mjs";
import { install, missingPackages, programsFor } from "./requirements.mjs";
import { report, sourceOf } from "./test-report.mjs";

const root = fileURLToPath(new URL("..", import.meta.url));
const FILE_MS_MAX = 420_000;
/** After this long without output, the run names the files that it waits for. */
const QUIET_MS_MAX = 30_000;
/** Most tests wait for timers, servers and each other, so two for each core keep the cores busy. */
const FILES_AT_ONCE = 2 * availableParallelism();
/** These need only Node, and no build. */
const FAST = /^test\/(unit\/|property\/|docs\.test)/;

/**
 * These files take longest, so they start first: no core then waits for one of them in the end.
 * Some compute and some mostly wait, in turns, so that the cores have work from the beginning.
 */
const LONGEST = [
  "simulation/simulation",
  "chaos/chaos",
  "browser/canvas",
  "integration/tutorial",
  "integration/outside-world",
  "integration/workers",
  "integration/package",
  "integration/slow-clients",
  "integration/burst",
  "contract/valkey-store",
  "browser/example-seat-map",
  "integration/bench",
  "integration/transfer",
  "integration/balancers",
  "integration/floods",
  "contract/valkey-troubles",
  "contract/cluster-store",
  "integration/limits",
  "browser/canvas-pictures",
  "integration/catch-up",
  "integration/sentinel-tls",
  "browser/layout",
  "browser/cluster",
  "browser/canvas-contrast",
  "browser/access",
  "browser/page",
  "browser/canvas-tools",
  "browser/claims",
  "browser/canvas-overview",
  "property/watching",
].map((name) => `test/${name}.test.ts`);
/** It adds a network device, and Chromium then breaks off what it is loading. So it runs last. */
const LAST = "test/chaos/network-cut.test.ts";

const { values, positionals: names } = readArguments();
const tests = chooseTests();
if (values.watch) {
  const files = [...["--import", "tsx"], ...["--test", "--watch", "--test-reporter=spec"], ...tests];
  process.exit(spawnSync(process.execPath, files, { cwd: root, stdio: "inherit" }).status ?? 1);
}
const isWhole = names.length === 0;
const programs = programsFor(tests);
announce();
install(programs);
if (isWhole) step("lint", ["scripts/lint.mjs"]);
if (tests.every((test) => FAST.test(test))) step("types", ["node_modules/typescript/bin/tsc", "-b"]);
else step("types and build", ["scripts/build.mjs"]);
say("\n── tests\n");
await compile(tests);
await runTests();

function readArguments() {
  const flag = { type: "boolean", default: false };
  try {
    return parseArgs({ options: { fast: flag, watch: flag }, allowPositionals: true });
  } catch (error) {
    return giveUp(error.message);
  }
}

function chooseTests() {
  const all = readdirSync(join(root, "test"), { recursive: true })
    .map((name) => join("test", String(name)))
    .filter((name) => name.endsWith(".test.ts"));
  const strange = names.filter((name) => !all.some((test) => test.includes(nameOf(name))));
  if (strange.length > 0) giveUp(`no test file has ${strange.join(" or ")} in its path`);
  if (values.watch && names.length === 0) giveUp("test:watch takes a part of the path of a test file");
  const chosen = all.filter((test) => names.length === 0 || names.some((name) => test.includes(nameOf(name))));
  const fitting = chosen.filter((test) => !values.fast || FAST.test(test));
  if (fitting.length === 0) giveUp(`test:fast leaves out ${chosen.join(", ")}: use npm test -- ${names.join(" ")}`);
  const rank = (test) => {
    if (LONGEST.includes(test)) return LONGEST.indexOf(test);
    return LONGEST.length + Number(test === LAST);
  };
  return fitting.sort((a, b) => rank(a) - rank(b) || (a < b ? -1 : 1));
}

/** A file may also be named by its path from the current folder, or by an absolute one. */
function nameOf(name) {
  return existsSync(name) ? relative(root, name) : name;
}

function announce() {
  if (!isWhole) say(`${tests.length} test files: ${tests.join(", ")}\n`);
  else if (values.fast) say(`Lint, types and ${tests.length} test files. About a minute on two idle cores.\n`);
  else say(`Lint, types, build and ${tests.length} test files. This takes about ten minutes on two cores.\n`);
  const packages = missingPackages(programs);
  if (packages.length > 0) say(`First, ${packages.join(", ")} will be installed, which takes a minute or two.\n`);
}

function step(name, args) {
  say(`\n── ${name}\n`);
  const { status } = spawnSync(process.execPath, args, { cwd: root, stdio: "inherit" });
  if (status === 0) return;
  say(`\n${name} failed\n`);
  process.exit(status ?? 1);
}

async function runTests() {
  process.env.COMPILED_TESTS = COMPILED;
  process.env.TEST_RUN = randomUUID();
  process.chdir(root);
  const files = tests.map(compiledName);
  const events = run({ files, concurrency: FILES_AT_ONCE, timeout: FILE_MS_MAX });
  events.on("test:fail", ({ todo }) => {
    if (todo === undefined || todo === false) process.exitCode = 1;
  });
  const running = new Set();
  const isFile = ({ name, file }) => name === file;
  events.on("test:dequeue", (data) => isFile(data) && running.add(sourceOf(data.file)));
  events.on("test:complete", (data) => isFile(data) && running.delete(sourceOf(data.file)));
  const quiet = setInterval(() => process.stdout.write(`… still running: ${[...running].join(", ")}\n`), QUIET_MS_MAX);
  for await (const text of report(events)) {
    process.stdout.write(text);
    quiet.refresh();
  }
  clearInterval(quiet);
  endWhatIsLeft();
  // A file that was broken off may have left its output open.
  process.exit();
}

/** Ends the servers and browsers of test files that were broken off. */
function endWhatIsLeft() {
  if (process.platform !== "linux") return;
  const mark = `TEST_RUN=${process.env.TEST_RUN}`;
  for (const pid of readdirSync("/proc").map(Number).filter(Number.isInteger)) {
    try {
      const isOurs = readFileSync(`/proc/${pid}/environ`, "latin1").split("\0").includes(mark);
      if (!isOurs || pid === process.pid) continue;
      const command = readFileSync(`/proc/${pid}/cmdline`, "latin1").replaceAll("\0", " ");
      process.kill(pid, "SIGKILL");
      process.stdout.write(`ended, because a test left it running: ${command}\n`);
    } catch {
      // It has ended, or belongs to somebody else.
    }
  }
}

function giveUp(message) {
  say(`test: ${message}\n`);
  process.exit(2);
}

function say(text) {
  process.stderr.write(text);
}
