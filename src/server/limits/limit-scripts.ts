/*
 * Runs the scripts of rate-limit-redis by their text. The library loads a script once and keeps the promise of its hash:
 * where that one command fails, because the store was away at the start, no request would ever be counted again.
 * Here loading is no command at all, so it cannot fail, and the text goes along with each run.
 */

import { createHash } from "node:crypto";

/** Runs a command where `key` lives. */
export type SharedCommand = (key: string, name: string, ...args: string[]) => Promise<unknown>;

export function withScripts(command: SharedCommand): SharedCommand {
  const texts = new Map<string, string>();
  return async (key, name, ...args) => {
    const [first = "", second = "", ...rest] = args;
    if (name === "SCRIPT" && first === "LOAD") {
      const sha = createHash("sha1").update(second).digest("hex");
      texts.set(sha, second);
      return sha;
    }
    const text = name === "EVALSHA" ? texts.get(first) : undefined;
    return text === undefined ? command(key, name, ...args) : command(key, "EVAL", text, second, ...rest);
  };
}
