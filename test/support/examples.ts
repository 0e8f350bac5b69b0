/*
 * The examples, started by what their READMEs tell people to type. Only the ports differ, because
 * tests run at the same time.
 */

import assert from "node:assert/strict";
import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { fileURLToPath } from "node:url";
import type { Browser, Page } from "playwright-core";
import { temporaryFolder } from "./folder.js";
import { program } from "./program.js";
import { until } from "./until.js";
import { freePort } from "./valkey-server.js";

const root = fileURLToPath(new URL("../..", import.meta.url));
const START_MS_MAX = 60_000;

/** What a README has in its code blocks, block by block. */
function commandsOf(name: string): string[] {
  const readme = readFileSync(join(root, "examples", name, "README.md"), "utf8");
  return Array.from(readme.matchAll(/^```sh\n(.*?)^```$/gms), ([, block = ""]) => block);
}

/** Builds the example's page, by the command that its README has. */
export function buildPage(name: string): void {
  const [first = ""] = commandsOf(name);
  const expected = [
    "npm ci && npm run build",
    `npx vite build examples/${name}`,
    `npx tsx examples/${name}/server.ts`,
    "",
  ];
  assert.deepEqual(first.split("\n"), expected, "the README's first commands");
  execFileSync("npx", ["vite", "build", `examples/${name}`, "--logLevel", "warn"], { cwd: root, stdio: "inherit" });
}

/** Starts one instance; ends with the test, by SIGTERM, and must end well. */
export async function startExample(
  t: TestContext,
  name: string,
  env: Record<string, string>,
  port?: number,
): Promise<string> {
  const ownPort = port ?? (await freePort());
  const { VALKEY_URL: _, ...inherited } = process.env;
  const child = spawn(process.execPath, program(`examples/${name}/server.ts`), {
    cwd: root,
    env: { ...inherited, PORT: String(ownPort), ...env },
    stdio: ["ignore", "pipe", "inherit"],
  });
  const ended = once(child, "exit");
  t.after(async () => {
    child.kill("SIGTERM");
    assert.deepEqual(await ended, [0, null], `${name} ends well`);
  });
  let output = "";
  child.stdout.on("data", (chunk: Buffer) => {
    output += chunk;
  });
  await until(`${name} says where it is`, () => output.includes(`http://localhost:${ownPort}`), START_MS_MAX);
  return `http://localhost:${ownPort}`;
}

/** A browser of one's own. */
export async function visit(t: TestContext, browser: Browser, url: string): Promise<Page> {
  const context = await browser.newContext();
  const page = await context.newPage();
  const errors: string[] = [];
  page.on("pageerror", (error) => errors.push(String(error)));
  t.after(async () => {
    await context.close();
    assert.deepEqual(errors, [], "errors in the page");
  });
  await page.goto(url);
  return page;
}

/** An instance as the README starts it. */
export interface Typed {
  readonly url: string;
  /** Ends its processes by SIGKILL. */
  kill(): void;
}

/**
 * Types the README's commands for two instances into a shell, with a Valkey of their own. All of it
 * ends with the test.
 */
export async function typeCommands(t: TestContext, name: string): Promise<readonly [Typed, Typed]> {
  const [, block = ""] = commandsOf(name);
  for (const port of ["3000", "3001", "6379"]) assert.ok(block.includes(port), `the README names the port ${port}`);
  const [first, second, store] = [await freePort(), await freePort(), await freePort()];
  const typed = block.replaceAll("3000", `${first}`).replaceAll("3001", `${second}`).replaceAll("6379", `${store}`);
  const { VALKEY_URL: _, ...inherited } = process.env;
  // A process group of its own, so that what the shell started ends with it.
  const shell = spawn("bash", ["-c", `cd ${root} && { ${typed}\n}`], {
    env: { ...inherited, DATA_DIR: temporaryFolder(t) },
    stdio: ["ignore", "pipe", "inherit"],
    detached: true,
  });
  const { pid } = shell;
  assert.ok(pid !== undefined, "the shell runs");
  const ended = once(shell, "exit");
  t.after(async () => {
    process.kill(-pid, "SIGKILL");
    await ended;
  });
  let output = "";
  shell.stdout.on("data", (chunk: Buffer) => {
    output += chunk;
  });
  const instance = async (port: number): Promise<Typed> => {
    const url = `http://localhost:${port}`;
    await until(`${name} says that it is at ${url}`, () => output.includes(`${url}\n`), START_MS_MAX);
    return { url, kill: () => killAll(processesOf(port)) };
  };
  return [await instance(first), await instance(second)];
}

function killAll(pids: readonly number[]): void {
  assert.ok(pids.length > 0, "there is a process to kill");
  for (const pid of pids) {
    try {
      process.kill(pid, "SIGKILL");
    } catch (error) {
      // `npx` may have ended already, because what it had started was killed.
      if (!(error instanceof Error && "code" in error && error.code === "ESRCH")) throw error;
    }
  }
}

/** The processes of an instance: `npx`, and what it started. They have its port in their environment. */
function processesOf(port: number): number[] {
  const pids = readdirSync("/proc").filter((name) => /^\d+$/.test(name));
  return pids.map(Number).filter((pid) => environmentOf(pid).includes(`PORT=${port}`));
}

/** Empty for a process that has ended, or is another user's. */
function environmentOf(pid: number): string[] {
  try {
    return readFileSync(`/proc/${pid}/environ`, "utf8").split("\0");
  } catch {
    return [];
  }
}
