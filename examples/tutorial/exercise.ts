/*
 * The exercise of a step: the learner's own copy of the naive server, which should pass the step.
 * The copies are in exercises/, which Git ignores. A copy that exists is never overwritten.
 */

import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import type { NaiveInstance } from "./naive/web-server.js";
import type { Lesson } from "./step.js";

export type StartNaive<Instance extends NaiveInstance = NaiveInstance> = (
  valkeyUrl: string,
  cells: number,
  port?: number,
) => Promise<Instance>;

/** A learner's server: its file, and what it exports. */
export interface Exercise {
  readonly file: string;
  readonly start: StartNaive;
}

const root = fileURLToPath(new URL("../../", import.meta.url));

export function exerciseFile(number: number, folder = join(root, "exercises")): string {
  return join(folder, `step-${number}.ts`);
}

/** Copies the naive server, with the task on top, unless the file is there. True if it was made. */
export function startExercise({ exercise }: Lesson, file: string): boolean {
  if (existsSync(file)) return false;
  const naive = readFileSync(join(root, "examples/tutorial/naive", `${exercise.naive}.ts`), "utf8");
  const code = naive
    .replace(/^\/\*.*?\*\/\n/s, "")
    .replaceAll('"./web-server.js"', JSON.stringify(join(root, "examples/tutorial/naive/web-server.js")));
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, `/*\n * Exercise: ${exercise.task.replaceAll("\n", "\n * ")}\n */\n${code}`);
  return true;
}

/** Loads the learner's server. Rejects if its code cannot be loaded. */
export async function loadExercise(file: string): Promise<Exercise> {
  const { start }: { readonly start?: StartNaive } = await import(pathToFileURL(file).href);
  if (typeof start !== "function") throw new Error(`${file} must export the function "start", as its original does`);
  return { file, start };
}
