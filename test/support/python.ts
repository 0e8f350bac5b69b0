/* The client in Python of examples/python, as a process. */

import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { text } from "node:stream/consumers";
import { fileURLToPath } from "node:url";

const FOLDER = fileURLToPath(new URL("../../examples/python/", import.meta.url));

/** Prints the kind of each message, before the client takes it. */
const WITH_KINDS = `
import sys
sys.path.insert(0, sys.argv.pop(1))
import lane_client
take = lane_client.Client.take
def print_and_take(self, kind, message):
    print("kind", kind, flush=True)
    take(self, kind, message)
lane_client.Client.take = print_and_take
lane_client.main(*sys.argv[1:])
`;

function start(...args: readonly string[]): ChildProcess {
  return spawn("python3", ["-B", ...args], { stdio: ["pipe", "pipe", "pipe"] });
}

/** Runs the client to its end. */
export async function runPython(...args: readonly string[]) {
  const child = start(`${FOLDER}lane_client.py`, ...args);
  assert.ok(child.stdout && child.stderr);
  const [stdout, stderr, [code]] = await Promise.all([text(child.stdout), text(child.stderr), once(child, "exit")]);
  return { stdout, stderr, code };
}

/** The client as it watches a board and takes commands. */
export class PythonWatcher {
  readonly #child: ChildProcess;
  /** The lines that it has printed, to both outputs. */
  readonly lines: string[] = [];

  constructor(url: string, board: string) {
    this.#child = start("-c", WITH_KINDS, FOLDER, url, board, "watch");
    assert.ok(this.#child.stdout && this.#child.stderr);
    createInterface(this.#child.stdout).on("line", (line) => this.lines.push(line));
    createInterface(this.#child.stderr).on("line", (line) => this.lines.push(line));
    this.#child.on("error", (error) => this.lines.push(String(error)));
  }

  say(command: string): void {
    this.#child.stdin?.write(`${command}\n`);
  }

  async stop(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const ended = once(this.#child, "exit");
    this.#child.kill("SIGKILL");
    await ended;
  }
}
