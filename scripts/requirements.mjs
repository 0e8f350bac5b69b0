/*
 * What the tests need besides Node: a Valkey and a Redis server, Chromium, and the balancers of deploy/. What is missing is installed with the
 * system's package manager where that can be done, and else named together with the line to type. No test is skipped for
 * want of one of them.
 */

import { spawnSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { delimiter, join } from "node:path";

const SOURCES = "/etc/apt/sources.list.d";
const BACKPORTS = join(SOURCES, "socketscaler-backports.sources");

const START_POLICY = "/usr/sbin/policy-rc.d";

/** Program -> the names it goes by, and the Debian package that brings it. */
const NEEDED = [
  { names: ["valkey-server"], debian: "valkey-server", brew: "valkey" },
  { names: ["redis-server"], debian: "redis-server", brew: "redis" },
  { names: ["nginx"], debian: "nginx", brew: "nginx" },
  { names: ["haproxy"], debian: "haproxy", brew: "haproxy" },
  { names: ["caddy"], debian: "caddy", brew: "caddy" },
  { names: ["chromium", "chromium-browser", "google-chrome"], debian: "chromium", brew: "--cask chromium" },
];

export function ensureRequirements() {
  const missing = NEEDED.filter(({ names }) => find(names) === undefined);
  if (missing.length === 0) return;
  const packages = missing.map(({ debian }) => debian);
  const release = osRelease();
  if (!existsSync("/usr/bin/apt-get")) {
    giveUp(`brew install ${missing.map(({ brew }) => brew).join(" ")}`, packages);
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

  process.stderr.write(`installing ${packages.join(", ")} for the tests …\n`);
  if (fromBackports && !hasBackports()) {
    const text = `Types: deb\nURIs: ${mirror()}\nSuites: bookworm-backports\nComponents: main\nSigned-By: /usr/share/keyrings/debian-archive-keyring.gpg\n`;
    run([...sudo, "tee", BACKPORTS], text);
  }
  const apt = (...args) => run([...sudo, "env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "-qq", ...args]);
  apt("update");
  withoutStarting(sudo, () => {
    if (rest.length > 0) apt("install", "-y", "--no-install-recommends", ...rest);
    if (fromBackports) apt("install", "-y", "--no-install-recommends", ...target, "valkey-server");
  });
  const still = NEEDED.filter(({ names }) => find(names) === undefined).map(({ debian }) => debian);
  if (still.length > 0) giveUp(hint, still);
}

/** What is installed meanwhile is not started as a service of this machine: Debian's packages ask this file first. */
function withoutStarting(sudo, install) {
  if (existsSync(START_POLICY)) return install();
  run([...sudo, "tee", START_POLICY], "#!/bin/sh\nexit 101\n");
  run([...sudo, "chmod", "755", START_POLICY]);
  try {
    install();
  } finally {
    run([...sudo, "rm", "-f", START_POLICY]);
  }
}

function giveUp(line, packages) {
  process.stderr.write(`The tests need ${packages.join(", ")}. Type:\n\n  ${line}\n\nand run them again.\n`);
  process.exit(1);
}

function find(names) {
  // Servers are where not every user looks.
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

/** The Debian mirror that this machine uses already; empty if none can be told. */
function mirror() {
  return /(https?:\/\/\S+\/debian)\/?\s/.exec(sourcesText())?.[1] ?? "";
}
