/* The end of the lab: however it ends, its Valkey servers and its folder go with it. */

import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, type TestContext, test } from "node:test";
import { pidsIn } from "../../src/cli/lab/server-pids.js";
import { MAIN } from "../support/program.js";
import { until } from "../support/until.js";

interface RunningLab {
  readonly demo: ChildProcess;
  readonly folder: string;
  /** Of the two Valkey servers. */
  readonly pids: readonly number[];
}

async function startLab(t: TestContext): Promise<RunningLab> {
  const parent = mkdtempSync(join(tmpdir(), "socketscaler-test-"));
  const demo = spawn(process.execPath, [...MAIN, "demo", "--port", "0"], {
    env: { ...process.env, TMPDIR: parent, VALKEY_URL: undefined },
    stdio: ["ignore", "pipe", "inherit"],
  });
  let output = "";
  demo.stdout?.on("data", (chunk: Buffer) => {
    output += chunk;
  });
  t.after(() => {
    demo.kill("SIGKILL");
    rmSync(parent, { recursive: true, force: true });
  });
  await until("the lab runs", () => output.includes("Ctrl+C"), 30_000);
  const [name = ""] = readdirSync(parent).filter((each) => each.startsWith("socketscaler-lab-"));
  const folder = join(parent, name);
  const pids = pidsIn(folder);
  assert.equal(pids.length, 2);
  return { demo, folder, pids };
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

describe("the end of the lab", () => {
  test("a closed terminal, which may send SIGHUP twice, ends all of it in order", async (t) => {
    const { demo, folder, pids } = await startLab(t);
    const ended = once(demo, "exit");
    demo.kill("SIGHUP");
    demo.kill("SIGHUP");
    assert.deepEqual(await ended, [0, null]);
    assert.deepEqual(pids.filter(isAlive), []);
    assert.equal(existsSync(folder), false);
  });

  test("a lab that is killed while a Valkey is stopped leaves neither servers nor files", async (t) => {
    const { demo, folder, pids } = await startLab(t);
    process.kill(pids[0] ?? 0, "SIGSTOP");
    demo.kill("SIGKILL");
    await until("the folder is removed", () => !existsSync(folder), 20_000);
    await until("the servers have ended", () => !pids.some(isAlive), 5_000);
  });
});
