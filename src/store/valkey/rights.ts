/*
 * What the ACL user of an instance must be allowed to do, and which rules are missing if it is not.
 * Asked before a server counts as available, and again and again while it does: a script that is
 * stopped halfway for lack of a right leaves what it wrote before, of which nobody hears.
 *
 * Add each new command of a script or a link to this list; rights.test.ts compares.
 */

import { valuesOf } from "../by-board.js";
import type { Durabilities } from "../durability.js";
import type { Histories } from "../history.js";
import { StoreAway } from "../store.js";
import type { Names } from "./keys.js";
import { type PublishCommand, RIGHTS_SHA, rightsCall, type ScriptCall } from "./scripts.js";
import { Explained, errorCode } from "./trouble.js";

type Command = readonly [name: string, ...args: string[]];

export interface Needs {
  readonly commands: readonly Command[];
  /** One of ours, to try. */
  readonly channel: string;
  /** Every key and every channel of ours begins so. */
  readonly names: Names;
}

/** How the rights of a user are tried on one server. */
export interface Trial {
  run<Result>(call: ScriptCall<Result>): Promise<Result>;
  command(parts: readonly string[]): Promise<unknown>;
  subscribe(channel: string): Promise<void>;
}

export interface Uses {
  /** Boards whose keys and channels are used. */
  readonly boards: readonly string[];
  readonly publish: PublishCommand;
  readonly durabilities: Durabilities;
  readonly histories: Histories;
}

export function needsOf(names: Names, { boards, publish, durabilities, histories }: Uses): Needs {
  const levels = new Set(valuesOf(durabilities).map(({ level }) => level));
  const keepsHistory = valuesOf(histories).some((ms) => ms > 0);
  const isSharded = publish === "SPUBLISH";
  const subscribe = isSharded ? "SSUBSCRIBE" : "SUBSCRIBE";
  const { heard, records } = names.roll;
  const [first = "main"] = boards;
  const limit = `${names.limits}0`;
  const commands: Command[] = [
    ["EVALSHA", RIGHTS_SHA, "1", names.page({ board: first, page: 0 }).head],
    ["SCRIPT", "LOAD", "return 1"],
    ["TIME"],
    ...(isSharded ? [["CLUSTER", "INFO"] as const, ["CLUSTER", "SLOTS"] as const] : []),
    ...(levels.has("replicated") ? [["WAIT", "0", "1"] as const] : []),
    ...(levels.has("fsynced") ? [["WAITAOF", "0", "0", "1"] as const] : []),
    ["HSET", records, "i", "t"],
    ["HDEL", records, "i"],
    ["PEXPIRE", records, "1"],
    ["ZADD", heard, "1", "i"],
    ["ZREM", heard, "i"],
    ["ZRANGE", heard, "0", "-1"],
    ["ZRANGEBYSCORE", heard, "-inf", "0"],
    ["HGET", records, "i"],
    ["EVAL", "return 1", "1", limit],
    ["GET", limit],
    ["SET", limit, "1"],
    ["INCR", limit],
    ["DECR", limit],
    ["DEL", limit],
    ["PTTL", limit],
  ];
  for (const board of boards.length > 0 ? boards : [first]) {
    const { bits, head, log, seen, history, channel } = names.page({ board, page: 0 });
    const overview = names.overview(board);
    commands.push(
      ["GET", bits],
      ["SET", bits, "0"],
      ["DEL", bits],
      ["SETBIT", bits, "0", "1"],
      ["BITPOS", bits, "1"],
      ["BITCOUNT", bits],
      ["STRLEN", bits],
      ["HGET", head, "fz"],
      ["HMGET", head, "v"],
      ["HSET", head, "v", "1"],
      ["XADD", log, "*", "f", "t"],
      ["XRANGE", log, "-", "+"],
      ["XREVRANGE", log, "+", "-"],
      ["EXISTS", log],
      ["DEL", log],
      ["PEXPIRE", log, "1"],
      ["HLEN", seen[0]],
      ["HSET", seen[1], "s", "1"],
      ...(keepsHistory
        ? ([
            ["XTRIM", history, "MAXLEN", "1"],
            ["XLEN", history],
          ] as const)
        : []),
      ["HSCAN", overview.list, "0"],
      ["HDEL", overview.list, "0"],
      [publish, channel, ""],
      [subscribe, channel],
      [publish, overview.channel, ""],
      [subscribe, overview.channel],
    );
  }
  return { commands, channel: names.page({ board: first, page: 0 }).channel, names };
}

/**
 * Rules that the user lacks, in the syntax of ACLs, or commands that the server lacks; empty if all
 * is well. Rejects as the server does if it cannot even be asked.
 */
export async function missingRights(needs: Needs, trial: Trial): Promise<{ rules: string[]; unknown: string[] }> {
  const rules = new Set<string>();
  const unknown = new Set<string>();
  const take = (command: Command, answer: string) => {
    // A server without WAITAOF is durability-check.ts's to refuse.
    if (answer !== "unknown") rules.add(ruleFor(command, answer, needs.names));
    else if (command[0] !== "WAITAOF") unknown.add(command[0]);
  };
  const denied = await trial.run(rightsCall(needs.commands)).catch((error: unknown) => {
    if (codeOf(error) !== "NOPERM") throw error;
    // Without scripts each command that does nothing is tried by itself.
    return needs.commands.map((_, index) => ({ index, answer: NOT_INSIDE }));
  });
  for (const { index, answer } of denied) {
    const command = needs.commands[index];
    if (!command) continue;
    if (!NOT_INSIDE_PATTERN.test(answer)) take(command, answer);
    else if (HARMLESS.has(command[0])) {
      const words = await refusalOf(command, trial);
      if (words !== undefined) take(command, words);
    }
  }
  return { rules: [...rules], unknown: [...unknown] };
}

/** Throws Explained if anything is missing. */
export async function requireRights(needs: Needs, trial: Trial, user: string): Promise<void> {
  const { rules, unknown } = await missingRights(needs, trial);
  if (unknown.length > 0) {
    const what = `it does not know ${unknown.join(", ")}, or has it disabled`;
    throw new Explained("unknown", `${what}. Use Valkey 8, or Redis 7.0 or later, with these commands enabled`, true);
  }
  if (rules.length === 0) return;
  const all = rules.join(" ");
  const what = `its ACL user ${user} lacks ${rules.length === 1 ? "a right" : "rights"} that boards need: ${all}`;
  throw new Explained(`rights ${all}`, `${what}. Add them: ACL SETUSER ${user} ${all}`, true);
}

const NOT_INSIDE = "not allowed from script";
const NOT_INSIDE_PATTERN = /not allowed from script/;
/** Commands that may be run to see whether they may be run. */
const HARMLESS = new Set([
  ...["EVALSHA", "EVAL", "SCRIPT", "CLUSTER", "WAIT", "WAITAOF", "PING", "TIME"],
  ...["SUBSCRIBE", "SSUBSCRIBE"],
]);

/** The server's words if it denies the command. */
async function refusalOf(command: Command, trial: Trial): Promise<string | undefined> {
  const [name, channel = ""] = command;
  try {
    await (/SUBSCRIBE$/.test(name) ? trial.subscribe(channel) : trial.command(command));
    return undefined;
  } catch (error) {
    const cause = causeOf(error);
    return codeOf(error) === "NOPERM" && cause instanceof Error ? cause.message : undefined;
  }
}

function ruleFor([name, second = ""]: Command, answer: string, names: Names): string {
  if (/\bchannels?\b/.test(answer)) return `&${names.channels}*`;
  if (/\bkeys?\b/.test(answer)) return `~${names.keys}*`;
  const isContainer = name === "SCRIPT" || name === "CLUSTER";
  return `+${(isContainer ? `${name}|${second}` : name).toLowerCase()}`;
}

function causeOf(error: unknown): unknown {
  return error instanceof StoreAway ? error.cause : error;
}

function codeOf(error: unknown): string | undefined {
  return errorCode(causeOf(error));
}
