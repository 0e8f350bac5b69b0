/*
 * The rights that an instance's ACL user needs, and the rules that would grant missing ones. They
 * are checked before a server counts as available, and repeatedly afterwards. A script that stops
 * halfway for lack of a right leaves its first writes in place, unpublished.
 *
 * Add each new command of a script or a link to this list; valkey-rights.test.ts compares.
 */

import { ofBoard, valuesOf } from "../../by-board.js";
import { type ClaimRules, NO_CLAIMS } from "../../claims.js";
import type { Durabilities } from "../../durability.js";
import type { Histories } from "../../history.js";
import { StoreAway } from "../../store.js";
import type { Names } from "../scripts/keys.js";
import { type PublishCommand, RIGHTS_SHA, rightsCall } from "../scripts/scripts.js";
import { errorCode } from "../trouble/replies.js";
import { Explained } from "../trouble/trouble.js";
import type { Command, ValkeyConnection } from "./connection.js";

export interface Needs {
  readonly commands: readonly Command[];
  /** One of our channels, to try. */
  readonly channel: string;
  readonly names: Names;
}

/** The server's connections on which the rights are tried. */
interface Connections {
  readonly commands: ValkeyConnection;
  readonly subscriber: ValkeyConnection;
}

interface Uses {
  readonly boards: readonly string[];
  readonly publish: PublishCommand;
  readonly durabilities: Durabilities;
  readonly histories: Histories;
  readonly claims?: ClaimRules;
}

export function needsOf(names: Names, { boards, publish, durabilities, histories, claims = NO_CLAIMS }: Uses): Needs {
  const levels = new Set(valuesOf(durabilities).map(({ level }) => level));
  const keepsHistory = valuesOf(histories).some((ms) => ms > 0);
  const isSharded = publish === "SPUBLISH";
  const subscribe = isSharded ? "SSUBSCRIBE" : "SUBSCRIBE";
  const [first = "main"] = boards;
  const { head, channel } = names.page({ board: first, page: 0 });
  const limit = `${names.limits}0`;
  const { records } = names.boards;
  const commands: Command[] = [
    ["EVALSHA", RIGHTS_SHA, "1", head],
    ["SCRIPT", "LOAD", "return 1"],
    ["TIME"],
    ...(isSharded ? [["CLUSTER", "INFO"] as const, ["CLUSTER", "SLOTS"] as const] : []),
    ...(levels.has("replicated") ? [["WAIT", "0", "1"] as const] : []),
    ...(levels.has("fsynced") ? [["WAITAOF", "0", "0", "1"] as const] : []),
    ...on(names.roll.records, "HGET i", "HSET i t", "HDEL i", "PEXPIRE 1"),
    ...on(names.roll.heard, "ZADD 1 i", "ZREM i", "ZRANGE 0 -1", "ZRANGEBYSCORE -inf 0"),
    ...on(limit, "SET 1", "INCR", "PTTL"),
    ...on(records, "HGETALL", "HGET i", "HSET i t", "HDEL i"),
    [publish, names.boards.channel, ""],
    [subscribe, names.boards.channel],
    ...(valuesOf(claims).some((rule) => rule !== undefined)
      ? on(names.holds, "ZADD 0 i", "ZREM i", "ZSCORE i", "ZRANGEBYSCORE -inf 0")
      : []),
  ];
  for (const board of boards.length > 0 ? boards : [first]) {
    const { bits, head, log, seen, history, claims: held, channel } = names.page({ board, page: 0 });
    const overview = names.overview(board);
    commands.push(
      ...on(bits, "GET", "SET 0", "DEL", "SETBIT 0 1", "BITPOS 1", "BITCOUNT", "STRLEN"),
      ...on(head, "HGET fz", "HMGET v", "HSET v 1"),
      ...on(log, "XADD * f t", "XRANGE - +", "XREVRANGE + -", "EXISTS", "DEL", "PEXPIRE 1"),
      ...on(seen[0], "HLEN"),
      ...on(seen[1], "HSET s 1"),
      ...(keepsHistory ? on(history, "XTRIM MAXLEN 1", "XLEN") : []),
      ...on(held, "HGETALL", "HDEL 0", "DEL"),
      ...(ofBoard(claims, board) ? [...on(bits, "GETBIT 0"), ...on(held, "HMGET 0", "HSET 0 o")] : []),
      ...on(overview.list, "HSCAN 0", "HDEL 0"),
      [publish, channel, ""],
      [subscribe, channel],
      [publish, overview.channel, ""],
      [subscribe, overview.channel],
    );
  }
  return { commands, channel, names };
}

/** Commands on one key. Each text has the command's name and the arguments after the key. */
function on(key: string, ...texts: readonly string[]): Command[] {
  return texts.map((text) => {
    const [name = "", ...args] = text.split(" ");
    return [name, key, ...args];
  });
}

/** Throws Explained if a right is missing, or the server's error if it cannot be asked. */
export async function requireRights(needs: Needs, server: Connections, user: string): Promise<void> {
  const rules = new Set<string>();
  const unknown = new Set<string>();
  const take = (command: Command, answer: string) => {
    // durability-check.ts refuses a server without WAITAOF.
    if (answer !== "unknown") rules.add(ruleFor(command, answer, needs.names));
    else if (command[0] !== "WAITAOF") unknown.add(command[0]);
  };
  const denied = await server.commands.run(rightsCall(needs.commands)).catch((error: unknown) => {
    if (!(error instanceof StoreAway) || errorCode(error.cause) !== "NOPERM") throw error;
    // If the user may not run scripts, each harmless command is tried by itself.
    return needs.commands.map((_, index) => ({ index, answer: NOT_INSIDE }));
  });
  for (const { index, answer } of denied) {
    const command = needs.commands[index];
    if (!command) continue;
    if (!answer.includes(NOT_INSIDE)) take(command, answer);
    else if (HARMLESS.has(command[0])) {
      const refusal = await refusalOf(command, server);
      if (refusal !== undefined) take(command, refusal);
    }
  }
  if (unknown.size > 0) {
    const what = `it does not support ${[...unknown].join(", ")}`;
    throw new Explained("unknown", `${what}. Use Valkey 8, or Redis 7.0 or later, with these commands enabled`, true);
  }
  if (rules.size === 0) return;
  const all = [...rules].join(" ");
  const [rights, them] = rules.size === 1 ? ["a right", "it"] : ["rights", "them"];
  const what = `its ACL user ${user} lacks ${rights} that boards need (${all})`;
  throw new Explained(`rights ${all}`, `${what}. Grant ${them}: ACL SETUSER ${user} ${all}`, true);
}

const NOT_INSIDE = "not allowed from script";
/** Commands without an effect here, so that running them safely shows whether the user may. */
const HARMLESS = new Set([
  ...["EVALSHA", "SCRIPT", "CLUSTER", "WAIT", "WAITAOF", "PING", "TIME"],
  ...["SUBSCRIBE", "SSUBSCRIBE"],
]);

/** The server's error message if it denies the command, otherwise undefined. */
async function refusalOf(command: Command, { commands, subscriber }: Connections): Promise<string | undefined> {
  const [name, channel = ""] = command;
  try {
    await (/SUBSCRIBE$/.test(name) ? subscriber.subscribe([channel]) : commands.command(command));
    return undefined;
  } catch (error) {
    const cause = error instanceof StoreAway ? error.cause : error;
    return errorCode(cause) === "NOPERM" && cause instanceof Error ? cause.message : undefined;
  }
}

function ruleFor([name, second = ""]: Command, answer: string, names: Names): string {
  if (/\bchannels?\b/.test(answer)) return `&${names.channels}*`;
  if (/\bkeys?\b/.test(answer)) return `~${names.keys}*`;
  const isContainer = name === "SCRIPT" || name === "CLUSTER";
  return `+${(isContainer ? `${name}|${second}` : name).toLowerCase()}`;
}
