/*
 * Typed calls of the scripts. Only the Lua files and these calls know the layout of keys, arguments
 * and replies. Calls that work on a page are in page-calls.ts.
 */

import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { type Announced, GONE_MS, INSTANCES_MAX } from "../../roll.js";
import type { Form } from "../resp/command-queue.js";
import type { Names } from "./keys.js";

interface Script {
  readonly lua: string;
  readonly sha: string;
}

/** One script run: its keys, its arguments, and how to read its reply. */
export interface ScriptCall<Result> {
  readonly script: Script;
  readonly keys: readonly string[];
  readonly args: readonly (string | Buffer)[];
  /** Strings of the reply; bytes if not stated. */
  readonly form?: Form;
  readonly read: (reply: unknown) => Result;
}

export type PublishCommand = "PUBLISH" | "SPUBLISH";

/** A line `-- include name` stands for the text of another file. */
export function loadScript(name: string): Script {
  const lua = textOf(name).replace(/^-- include ([\w-]+)$/gm, (_, included: string) => textOf(included));
  return { lua, sha: createHash("sha1").update(lua).digest("hex") };
}

function textOf(name: string): string {
  return readFileSync(new URL(`./${name}.lua`, import.meta.url), "utf8");
}

const ROLL_CALL = loadScript("roll-call");
const COUNT = loadScript("count");
const RIGHTS = loadScript("rights");
export const RIGHTS_SHA = RIGHTS.sha;

export function rollCall(names: Names, id: string, record: string): ScriptCall<Announced[]> {
  return {
    script: ROLL_CALL,
    keys: [names.roll.heard, names.roll.records],
    args: [id, record, String(GONE_MS), String(INSTANCES_MAX)],
    read: (reply) => {
      const parts = strings(reply);
      return Array.from({ length: parts.length / 3 }, (_, index) => {
        const [id = "", record = "", ageMs] = parts.slice(3 * index);
        return { id, record, ageMs: Number(ageMs) };
      });
    },
  };
}

/** Counts one HTTP request from an address. */
export function countCall(
  names: Names,
  address: string,
  windowMs: number,
): ScriptCall<{ readonly hits: number; readonly leftMs: number }> {
  return {
    script: COUNT,
    keys: [`${names.limits}${address}`],
    args: [String(windowMs)],
    read: (reply) => {
      const [hits = 0, leftMs = 0] = readNumbers(reply);
      return { hits, leftMs };
    },
  };
}

/** Returns the commands that the user may not run, by index, each with the server's answer. */
export function rightsCall(
  commands: readonly (readonly string[])[],
): ScriptCall<{ readonly index: number; readonly answer: string }[]> {
  return {
    script: RIGHTS,
    keys: [],
    args: [JSON.stringify(commands)],
    read: (reply) => {
      const parts = strings(reply);
      return Array.from({ length: parts.length / 2 }, (_, index) => {
        const [command, answer = ""] = parts.slice(2 * index);
        return { index: Number(command), answer };
      });
    },
  };
}

export function list(reply: unknown): readonly unknown[] {
  if (!Array.isArray(reply)) throw new Error("a script answered something other than a list");
  return reply;
}

export function strings(reply: unknown): string[] {
  return list(reply).map(String);
}

export function readNumbers(reply: unknown): number[] {
  return list(reply).map(Number);
}
