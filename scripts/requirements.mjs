/*
 * The programs that tests need besides Node: servers, Chromium, and the balancers of deploy/. The
 * imports of a test file determine its programs, so that a single test never asks for more. Missing
 * programs are installed with the system's package manager if possible. Otherwise the command to
 * type is printed. No test is skipped because a program is missing.
 */

import { spawnSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { delimiter, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("..", import.meta.url));
const SOURCES = "/etc/apt/sources.list.d";
const BACKPORTS = join(SOURCES, "socketscaler-backports.sources");
const START_POLICY = "/usr/sbin/policy-rc.d";

/** Each program: the names of its executable, and its packages. */
const PROGRAMS = {
  valkey: { names: ["valkey-server"], debian: "valkey-server", brew: "valkey" },
  redis: { names: ["redis-server"], debian: "redis-server", brew: "redis" },
  nginx: { names: ["nginx"], debian: "nginx", brew: "nginx" },
  haproxy: { names: ["haproxy"], debian: "haproxy", brew: "haproxy" },
  caddy: { names: ["caddy"], debian: "caddy", brew: "caddy" },
  python: { names: ["python3"], debian: "python3", brew: "python" },
  promtool: { names: ["promtool"], debian: "prometheus", brew: "prometheus" },
  chromium: {
    names: ["chromium-headless-shell", "chromium", "chromium-browser", "google-chrome"],
    debian: "chromium-headless-shell",
    brew: "--cask chromium",
  },
};

/** A test that imports one of these needs the programs, directly or not. */
const USERS = {
  "test/support/valkey-server.ts": [process.env.TEST_SERVER === "redis" ? "redis" : "valkey"],
  "test/support/browser.ts": ["chromium"],
  "test/support/python.ts": ["python"],
  "test/support/promtool.ts": ["promtool"],
  "test/support/balancers.ts": ["nginx", "haproxy", "caddy"],
};

const VALUE_IMPORT = /(?:^(?:import|export)\s+(?!type\b)[^;]*?from\s*|^import\s*|import\()"(\.[^"]+)"/gm;

/** These tests import parts of programs that use servers, and start none. */
const NEEDS_NOTHING = /^test\/(unit\/|property\/|[^/]+$)/;

/** The programs that these test files need, by name in `PROGRAMS`. */
export function programsFor(tests) {
  const programs = new Set();
  const seen = new Set();
  const visit = (file) => {
    if (seen.has(file)) return;
    seen.add(file);
    for (const program of USERS[file] ?? []) programs.add(program);
    const text = readFileSync(join(root, file), "utf8");
    // Some tests name an engine because they are about it.
    if (!USERS[file]) for (const [, engine] of text.matchAll(/"(valkey|redis)-server"/g)) programs.add(engine);
    for (const [, target] of text.matchAll(VALUE_IMPORT)) {
      const path = join(dirname(file), target);
      const source = [path.replace(/\.js$/, ".ts"), path.replace(/\.js$/, ".tsx")].find(isFile);
      if (source) visit(source);
    }
  };
  for (const test of tests) if (!NEEDS_NOTHING.test(test)) visit(test);
  return [...programs];
}

function isFile(path) {
  return existsSync(join(root, path));
}

/** The Debian packages of the programs that are not installed. */
export function missingPackages(programs) {
  return missing(programs).map(({ debian }) => debian);
}

function missing(programs) {
  return programs.map((name) => PROGRAMS[name]).filter(({ names }) => find(names) === undefined);
}

/** Installs what is missing, or prints how and ends the process. */
export function install(programs) {
  const packages = missingPackages(programs);
  if (packages.length === 0) return;
  const release = osRelease();
  if (!existsSync("/usr/bin/apt-get")) {
    const names = missing(programs).map(({ brew }) => brew);
    giveUp(`brew install ${names.join(" ")}`, packages);
  }
  const codename = release.VERSION_CODENAME ?? "";
  const fromBackports = packages.includes("valkey-server") && codename === "bookworm";
  const sudo = process.getuid?.() === 0 ? [] : ["sudo", "-n"];
  const isAllowed = sudo.length === 0 || spawnSync("sudo", ["-n", "true"]).status === 0;
  const target = fromBackports ? ["-t", "bookworm-backports"] : [];
  const rest = packages.filter((name) => !(fromBackports && name === "valkey-server"));
  const hint = fromBackports
    ? `echo 'deb ${mirror()} bookworm-backports main' | sudo tee /etc/apt/sources.list.d/backports.list && ` +
      `sudo apt-get update && sudo apt-get install -y ${rest.join(" ")} && sudo apt-get install -y -t bookworm-backports valkey-server`
    : `sudo apt-get update && sudo apt-get install -y ${packages.join(" ")}`;
  if (!isAllowed || (fromBackports && mirror() === "")) giveUp(hint, packages);

  if (fromBackports && !hasBackports()) {
    const entry = {
      Types: "deb",
      URIs: mirror(),
      Suites: "bookworm-backports",
      Components: "main",
      "Signed-By": "/usr/share/keyrings/debian-archive-keyring.gpg",
    };
    const text = Object.entries(entry)
      .map(([name, value]) => `${name}: ${value}\n`)
      .join("");
    run([...sudo, "tee", BACKPORTS], text);
  }
  const apt = (...args) => run([...sudo, "env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "-qq", ...args]);
  apt("update");
  withoutStarting(sudo, () => {
    if (rest.length > 0) apt("install", "-y", "--no-install-recommends", ...rest);
    if (fromBackports) apt("install", "-y", "--no-install-recommends", ...target, "valkey-server");
  });
  const still = missingPackages(programs);
  if (still.length > 0) giveUp(hint, still);
}

/** Debian packages run this file before they start a service. It keeps them from starting any. */
function withoutStarting(sudo, action) {
  if (existsSync(START_POLICY)) return action();
  run([...sudo, "tee", START_POLICY], "#!/bin/sh\nexit 101\n");
  run([...sudo, "chmod", "755", START_POLICY]);
  try {
    action();
  } finally {
    run([...sudo, "rm", "-f", START_POLICY]);
  }
}

function giveUp(line, packages) {
  process.stderr.write(`These tests need ${packages.join(", ")}. Install them and run the tests again:\n\n  ${line}\n`);
  process.exit(1);
}

function find(names) {
  // Servers may be in folders that are not in the PATH.
  for (const folder of [...(process.env.PATH ?? "").split(delimiter), "/usr/sbin", "/usr/local/sbin"]) {
    for (const name of names) if (folder && existsSync(join(folder, name))) return join(folder, name);
  }
  return undefined;
}

function run([program, ...args], input = "") {
  const { status, stdout, stderr } = spawnSync(program, args, { encoding: "utf8", input });
  if (status !== 0) process.stderr.write(`${stdout}${stderr}`);
}

function osRelease() {
  if (!existsSync("/etc/os-release")) return {};
  const lines = readFileSync("/etc/os-release", "utf8").matchAll(/^(\w+)="?([^"\n]*)"?$/gm);
  return Object.fromEntries(Array.from(lines, ([, key, value]) => [key, value]));
}

function sourcesText() {
  const files = ["/etc/apt/sources.list"];
  if (existsSync(SOURCES)) for (const name of readdirSync(SOURCES)) files.push(join(SOURCES, name));
  return files
    .filter((file) => existsSync(file))
    .map((file) => readFileSync(file, "utf8"))
    .join("\n");
}

function hasBackports() {
  return /bookworm-backports/.test(sourcesText());
}

/** The Debian mirror that this machine uses, or an empty string if its sources name none. */
function mirror() {
  return /(https?:\/\/\S+\/debian)\/?\s/.exec(sourcesText())?.[1] ?? "";
}
