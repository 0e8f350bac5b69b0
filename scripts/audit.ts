/*
 * `npm run audit`: known problems with the packages that production runs, in two parts:
 *
 *     advisories  `npm audit --omit=dev`; NOT CHECKED if the registry is a mirror without them
 *     the lock    packages that run scripts when installed, are deprecated, or have no checksum,
 *                 and newer versions of the packages that package.json names
 *
 * The exit code is 1 if there is a problem. It is 3 if there is none but advisories were not
 * checked, so that nobody releases believing that they were. `--no-advisories` accepts that.
 */

import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { fileURLToPath, pathToFileURL } from "node:url";

const root = fileURLToPath(new URL("..", import.meta.url));
const NOT_CHECKED = 3;

/** Packages that may run a script when installed. They compile only if they have no binary. */
const MAY_RUN_SCRIPTS = ["lmdb", "msgpackr-extract"];

/** An entry of `package-lock.json`. */
interface Entry {
  readonly version: string;
  readonly dev?: boolean;
  readonly devOptional?: boolean;
  readonly hasInstallScript?: boolean;
  readonly deprecated?: string;
  readonly integrity?: string;
}

export interface Lock {
  readonly packages: Readonly<Record<string, Entry>>;
}

interface Named {
  readonly name: string;
  readonly version: string;
}

export function readLock(): Lock {
  return JSON.parse(readFileSync(`${root}package-lock.json`, "utf8"));
}

/** The packages that are locked for production. */
export function productionOf(lock: Lock): (Entry & Named)[] {
  return Object.entries(lock.packages)
    .filter(([path, { dev, devOptional }]) => path !== "" && !dev && !devOptional)
    .map(([path, entry]) => ({ ...entry, name: path.split("node_modules/").at(-1) ?? path }));
}

/** Their problems, one line each. */
export function faultsIn(packages: readonly (Entry & Named)[]): string[] {
  return packages.flatMap(({ name, version, hasInstallScript, deprecated, integrity }) => [
    ...(hasInstallScript && !MAY_RUN_SCRIPTS.includes(name) ? [`${name} ${version} runs a script when installed`] : []),
    ...(deprecated ? [`${name} ${version} is deprecated: ${deprecated}`] : []),
    ...(integrity ? [] : [`${name} ${version} is locked without a checksum`]),
  ]);
}

/** The number of advisories that `npm audit --json` reports; undefined if it was not answered. */
export function advisoriesIn(report: unknown): number | undefined {
  const total = fieldOf(fieldOf(fieldOf(report, "metadata"), "vulnerabilities"), "total");
  return typeof total === "number" ? total : undefined;
}

function fieldOf(value: unknown, name: string): unknown {
  return typeof value === "object" && value !== null
    ? Object.entries(value).find(([key]) => key === name)?.[1]
    : undefined;
}

function npm(...args: string[]) {
  return spawnSync("npm", args, { cwd: root, encoding: "utf8" });
}

function json(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** Checks the packages that we name: newer ones in our ranges, and deprecation. */
function askRegistry(direct: readonly Named[]) {
  const outdated = json(npm("outdated", "--omit=dev", "--json").stdout);
  const behind = direct.flatMap(({ name, version }) => {
    const wanted = fieldOf(fieldOf(outdated, name), "wanted");
    return wanted !== undefined && wanted !== version ? [`${name} ${version}: ${wanted} is available`] : [];
  });
  const views = direct.map((each) => ({ ...each, view: npm("view", `${each.name}@${each.version}`, "deprecated") }));
  return {
    behind,
    unknown: views.filter(({ view }) => view.status !== 0).map(({ name }) => name),
    deprecated: views.flatMap(({ name, version, view }) =>
      view.status === 0 && view.stdout.trim() !== "" ? [`${name} ${version} is deprecated: ${view.stdout.trim()}`] : [],
    ),
  };
}

function main(args: readonly string[]): number {
  const lock = readLock();
  const packages = productionOf(lock);
  const named = Object.keys(Object(fieldOf(lock.packages[""], "dependencies")));
  const direct = named.map((name) => ({ name, version: lock.packages[`node_modules/${name}`]?.version ?? "" }));
  const scripted = packages.filter(({ hasInstallScript }) => hasInstallScript).map(({ name }) => name);
  console.log(`${packages.length} packages are locked for production. package.json names ${direct.length} of them.`);
  console.log(`Scripts at installation: ${scripted.join(", ") || "none"}.`);

  const registry = askRegistry(direct);
  if (registry.unknown.length > 0) console.log(`NOT CHECKED for deprecation: ${registry.unknown.join(", ")}.`);
  for (const line of registry.behind) console.log(`Newer version in our range: ${line}.`);
  const faults = [...faultsIn(packages), ...registry.deprecated];

  const audit = npm("audit", "--omit=dev", "--json");
  const advisories = advisoriesIn(json(audit.stdout));
  if (advisories === undefined) console.log("NOT CHECKED: advisories. The registry does not answer `npm audit`.");
  else console.log(`Advisories against them: ${advisories}.`);
  if (advisories) faults.push(`${advisories} advisories: see npm audit --omit=dev`);

  for (const fault of faults) console.log(`WRONG: ${fault}`);
  if (faults.length > 0) return 1;
  return advisories === undefined && !args.includes("--no-advisories") ? NOT_CHECKED : 0;
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) process.exitCode = main(process.argv.slice(2));
