/*
 * The tutorial's exercises and sources, as far as this is a copy of the repository. An exercise is
 * a program of the learner, so it runs in a process of its own, as `npm run tutorial` runs it. It
 * may loop for ever, so it and what it started form a process group, which can be killed.
 */

import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, readFileSync } from "node:fs";
import { normalize } from "node:path";
import { fileURLToPath } from "node:url";
import type { ExerciseReport } from "../../protocol/lab.js";
import { isAlive } from "../children.js";

interface Exercise {
  readonly step: number;
  /** Only makes the file to work on. */
  readonly isStart: boolean;
}

const STEPS = 6;
const RUN_MS_MAX = 120_000;
/** For an exercise that is asked to end, to remove its files. */
const END_MS_MAX = 1_000;
/** For the last output. A process that left the group may hold it open. */
const OUTPUT_MS_MAX = 500;
const OUTPUT_CHARS_MAX = 20_000;
/** Sources that the tutorial links to. */
const SHOWN = /^(?:src|examples|docs|test|bench)\/[\w./-]+\.(?:ts|tsx|lua|md)$|^ARCHITECTURE\.md$/;

const root = fileURLToPath(new URL("../../../", import.meta.url));
const TUTORIAL = `${root}examples/tutorial/main.ts`;
let running: ChildProcess | undefined;

export function isExercise(body: unknown): body is Exercise {
  if (typeof body !== "object" || body === null || !("step" in body) || !("isStart" in body)) return false;
  const { step, isStart } = body;
  return Number.isInteger(step) && Number(step) >= 1 && Number(step) <= STEPS && typeof isStart === "boolean";
}

export async function runExercise({ step, isStart }: Exercise): Promise<ExerciseReport> {
  const file = `exercises/step-${step}.ts`;
  if (!existsSync(TUTORIAL) || !existsSync(`${root}node_modules/tsx`)) {
    const output = "Exercises need a clone of the repository: run `npm ci` and `npm run demo` in it.";
    return { file, output, isPassed: false };
  }
  if (running) return { file, output: "Another exercise is still running. Wait for its result.", isPassed: false };
  const { output, code } = await runTutorial([String(step), isStart ? "--start" : "--exercise", "--quick"]);
  return { file, output, isPassed: isStart ? undefined : code === 0 };
}

/** Ends the exercise that runs, if there is one, and what it started. */
export async function endExercise(): Promise<void> {
  const child = running;
  if (!child || !isAlive(child)) return;
  const ended = once(child, "exit");
  child.kill("SIGTERM");
  const late = setTimeout(() => killGroup(child), END_MS_MAX);
  await ended;
  clearTimeout(late);
}

/** For the end of this process, when nothing can be awaited. */
export function killExercise(): void {
  if (running) killGroup(running);
}

function killGroup({ pid }: ChildProcess): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, "SIGKILL");
  } catch {
    // All of it has ended.
  }
}

function runTutorial(args: readonly string[]): Promise<{ readonly output: string; readonly code: number | null }> {
  const child = spawn(process.execPath, ["--import", "tsx", TUTORIAL, ...args], {
    cwd: root,
    stdio: ["ignore", "pipe", "pipe"],
    detached: true,
  });
  running = child;
  const late = setTimeout(() => {
    output += `\nThe exercise was stopped because it ran for ${RUN_MS_MAX / 1_000} s. Is there an endless loop?\n`;
    void endExercise();
  }, RUN_MS_MAX);
  let output = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding("utf8").on("data", (text: string) => {
      output = (output + text).slice(-OUTPUT_CHARS_MAX);
    });
  }
  return new Promise((done) => {
    const end = (code: number | null) => {
      clearTimeout(late);
      if (running === child) running = undefined;
      done({ output, code });
    };
    child.on("error", (error) => {
      output += error.message;
      end(null);
    });
    child.on("exit", (code) => {
      killGroup(child);
      setTimeout(() => end(code), OUTPUT_MS_MAX).unref();
    });
    child.on("close", end);
  });
}

/** The text of a source that the tutorial may link to. Undefined if it is not there. */
export function readSource(path: string): string | undefined {
  const isSafe = SHOWN.test(path) && normalize(path) === path;
  return isSafe && existsSync(root + path) ? readFileSync(root + path, "utf8") : undefined;
}
