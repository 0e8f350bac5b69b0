/* The scripts as typed calls: what each takes and gives. Only here and in the Lua files is their layout known. */

import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import type { Delta, Snapshot } from "../../board/delta.js";
import { BOARD_CELLS_MAX, PAGE_CELLS, type PageRef, pageCount, pageName } from "../../board/geometry.js";
import { type Position, parsePosition } from "../../board/position.js";
import { DamagedPage } from "../damage.js";
import { FROZEN_RANGES_MAX, type OffsetRange, parseRanges } from "../frozen.js";
import { INVALID_RECORD, type Recorded } from "../history.js";
import { deltaTo, isDelta, PAGE_BYTES, SINCE_BYTES_MAX } from "../logged.js";
import { encodeOps } from "../ops.js";
import type { Report, Tally } from "../overview.js";
import { type Announced, GONE_MS, INSTANCES_MAX } from "../roll.js";
import type { Batch, Committed, Replaced, StoreLimits, WriteOutcome } from "../store.js";
import type { Names } from "./keys.js";

export interface Script {
  readonly name: string;
  readonly lua: string;
  readonly sha: string;
}

/** One script run: its keys, its arguments, and how its reply is read. */
export interface ScriptCall<Result> {
  readonly script: Script;
  readonly keys: readonly string[];
  readonly args: readonly (string | Buffer)[];
  /** `reply` is as RESP2 gives it, with every bulk string a Buffer. */
  readonly read: (reply: unknown) => Result;
}

/** How long and how much of a page's history is kept. */
export interface HistoryBounds {
  /** 0 is not at all. */
  readonly ms: number;
  readonly deltasMax: number;
}

export type PublishCommand = "PUBLISH" | "SPUBLISH";

const COMMIT = load("commit");
const SINCE = load("since");
const REPLACE = load("replace");
const OVERVIEW = load("overview");
const ANNOUNCE = load("announce");
const ROLL_CALL = load("roll-call");
const FREEZE = load("freeze");
const REPAIR = load("repair");
const PAGES_MAX = pageCount(BOARD_CELLS_MAX);
const RIGHTS = load("rights");
const COUNT = load("count");
export const RIGHTS_SHA = RIGHTS.sha;
const OUTCOMES: Readonly<Record<string, WriteOutcome>> = { t: "taken", d: "duplicate", f: "frozen", s: "stale" };

export function commitCall(
  names: Names,
  ref: PageRef,
  batch: Batch,
  limits: StoreLimits,
  publish: PublishCommand,
  /** Writes something whatever the batch does, so that there is something to wait for (durable-rounds.ts). */
  isMarked: boolean,
  history: HistoryBounds,
): ScriptCall<Committed> {
  const keys = names.page(ref);
  const args: string[] = [
    keys.channel,
    publish,
    batch.tag,
    String(limits.logDeltasMax),
    String(limits.logMs),
    String(limits.seenMs),
    String(limits.seenSessionsMax),
    isMarked ? "1" : "0",
    String(history.ms),
    String(history.deltasMax),
    batch.overridesFreeze ? "1" : "0",
  ];
  for (const write of batch.writes) args.push(write.session, String(write.seq), encodeOps(write.changes));
  return {
    script: COMMIT,
    keys: [keys.bits, keys.head, keys.log, ...keys.seen, keys.history],
    args,
    read: (reply) => {
      const [version, tag, letters, checked, frozen] = strings(reply);
      const outcomes = Array.from(letters ?? "", (letter) => {
        const outcome = OUTCOMES[letter];
        if (!outcome) throw new Error(`commit.lua answered outcome ${letter}`);
        return outcome;
      });
      return {
        position: { version: Number(version), tag: tag ?? "" },
        outcomes,
        checked: Number(checked),
        ...(outcomes.includes("frozen") && { frozen: parseRanges(frozen ?? "") ?? [] }),
      };
    },
  };
}

/** `bits` without zero bytes at the end. `noTag` is a tag that no position has. */
export function replaceCall(
  names: Names,
  ref: PageRef,
  tags: { readonly tag: string; readonly noTag: string },
  bits: Uint8Array,
  publish: PublishCommand,
  isMarked: boolean,
  history: HistoryBounds,
): ScriptCall<Replaced> {
  const keys = names.page(ref);
  return {
    script: REPLACE,
    keys: [keys.bits, keys.head, keys.log, keys.history],
    args: [
      ...[keys.channel, publish, tags.tag, tags.noTag, Buffer.from(bits), isMarked ? "1" : "0"],
      ...[String(history.ms), String(history.deltasMax)],
    ],
    read: (reply) => {
      const [version, tag, checked, isReplaced] = strings(reply);
      return {
        position: { version: Number(version), tag: tag ?? "" },
        checked: Number(checked),
        isReplaced: isReplaced === "1",
      };
    },
  };
}

/** Undefined if the page was whole already. */
export function repairCall(
  names: Names,
  ref: PageRef,
  tags: { readonly tag: string; readonly noTag: string },
  publish: PublishCommand,
): ScriptCall<{ readonly checkedBefore: number; readonly checked: number } | undefined> {
  const keys = names.page(ref);
  return {
    script: REPAIR,
    keys: [keys.bits, keys.head, keys.log],
    args: [keys.channel, publish, tags.tag, tags.noTag],
    read: (reply) => {
      if (reply === null) return undefined;
      const [, checkedBefore, checked] = readNumbers(reply);
      return { checkedBefore: checkedBefore ?? 0, checked: checked ?? 0 };
    },
  };
}

/** Whether it could be done: a page keeps only so many ranges. */
export function freezeCall(
  names: Names,
  ref: PageRef,
  { start, end }: OffsetRange,
  isFrozen: boolean,
): ScriptCall<boolean> {
  return {
    script: FREEZE,
    keys: [names.page(ref).head],
    args: [String(start), String(end), isFrozen ? "1" : "0", String(FROZEN_RANGES_MAX)],
    read: (reply) => Number(reply) === 1,
  };
}

export function rollCall(names: Names, id: string, record: string): ScriptCall<Announced[]> {
  return {
    script: ROLL_CALL,
    keys: [names.roll.heard, names.roll.records],
    args: [id, record, String(GONE_MS), String(INSTANCES_MAX)],
    read: (reply) => {
      const parts = strings(reply);
      const all: Announced[] = [];
      for (let at = 0; at + 2 < parts.length; at += 3) {
        all.push({ id: parts[at] ?? "", record: parts[at + 1] ?? "", ageMs: Number(parts[at + 2]) });
      }
      return all;
    },
  };
}

/** The log leads from the position asked for to `head`. */
export interface LogLeads {
  readonly kind: "log";
  readonly head: Position;
}

/** Whether the log leads from `position` to the present; if not, or without a position, a snapshot. */
export function sinceCall(names: Names, ref: PageRef, position?: Position): ScriptCall<LogLeads | Snapshot> {
  const keys = names.page(ref);
  return {
    script: SINCE,
    keys: [keys.bits, keys.head, keys.log],
    args: [String(position?.version ?? -1), position?.tag ?? "", String(SINCE_BYTES_MAX)],
    read: (reply) => {
      const [kind, version, tag, bits] = list(reply);
      const head = parsePosition(`${version}.${tag}`);
      if (!head) throw new DamagedPage(`the head of page ${pageName(ref)} has no valid position`);
      if (String(kind) === "log") return { kind: "log", head };
      const bitmap = bytes(bits);
      if (bitmap.length > PAGE_BYTES) throw new DamagedPage(`page ${pageName(ref)} has too many bits`);
      return { kind: "snapshot", page: ref.page, position: head, bits: bitmap };
    },
  };
}

/** Entries of the log as XRANGE gives them; up to the first that is none. */
export function* readLogged(page: number, reply: unknown): Iterable<Delta> {
  for (const entry of list(reply)) {
    const [id, fields] = list(entry);
    const [, from, , to, , ops] = list(fields);
    const delta = readPublished(page, `${Number.parseInt(String(id), 10)}:${from}:${to}:${ops}`);
    if (!delta) return;
    yield delta;
  }
}

export function reportCall(
  names: Names,
  board: string,
  reports: readonly Report[],
  publish: PublishCommand,
): ScriptCall<void> {
  const { list, channel } = names.overview(board);
  const args: string[] = [channel, publish];
  for (const { page, version, checked, instead } of reports) {
    args.push(String(page), String(version), String(checked), instead ? `${instead.version}:${instead.checked}` : "");
  }
  return { script: OVERVIEW, keys: [list], args, read: () => undefined };
}

/** The texts of all instances that are there; with an empty `text` the instance takes itself out. */
export function announceCall(names: Names, instance: string, text: string, ms: number): ScriptCall<readonly string[]> {
  return { script: ANNOUNCE, keys: [names.instances], args: [instance, text, String(ms)], read: strings };
}

/** Counts one HTTP request of an address. */
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

/** Which of the commands the user may not run, by their index, and what the server says of it. */
export function rightsCall(
  commands: readonly (readonly string[])[],
): ScriptCall<{ readonly index: number; readonly answer: string }[]> {
  return {
    script: RIGHTS,
    keys: [],
    args: [JSON.stringify(commands)],
    read: (reply) => {
      const parts = strings(reply);
      const denied: { index: number; answer: string }[] = [];
      for (let at = 0; at + 1 < parts.length; at += 2)
        denied.push({ index: Number(parts[at]), answer: parts[at + 1] ?? "" });
      return denied;
    },
  };
}

const WHOLE_NUMBER = /^(0|[1-9]\d{0,15})$/;

/** A page's count, as texts; undefined if it is none. */
export function parseTally(page: number, version: string, checked: string): Tally | undefined {
  if (!WHOLE_NUMBER.test(version) || !WHOLE_NUMBER.test(checked)) return undefined;
  const tally = { page, version: Number(version), checked: Number(checked) };
  return Number.isSafeInteger(tally.version) && tally.checked <= PAGE_CELLS && page < PAGES_MAX ? tally : undefined;
}

/** Tallies as overview.lua publishes them, `page:version:checked,…`; undefined if they are none. */
export function readTallies(message: string): readonly Tally[] | undefined {
  const tallies: Tally[] = [];
  for (const text of message.split(",")) {
    const [page = "", version = "", checked = ""] = text.split(":");
    const tally = WHOLE_NUMBER.test(page) ? parseTally(Number(page), version, checked) : undefined;
    if (!tally || text !== `${page}:${version}:${checked}`) return undefined;
    tallies.push(tally);
  }
  return tallies;
}

export interface StreamRecord extends Recorded {
  readonly id: string;
}

/** Records as XRANGE and XREVRANGE give them, in Buffers. */
export function readRecorded(reply: unknown): StreamRecord[] {
  return list(reply).map((entry) => {
    const [name, fields] = list(entry);
    const [, number, , from, , to, , done, , bits] = list(fields);
    const id = String(name);
    const ms = Number.parseInt(id, 10);
    const [version, fromTag, toTag, ops] = [Number(String(number)), String(from), String(to), String(done)];
    if (!isDelta(version, fromTag, toTag, ops)) return { id, ms, ...INVALID_RECORD };
    const keyframe = Buffer.isBuffer(bits) && bits.length <= PAGE_BYTES ? { bits } : {};
    return { id, ms, version, fromTag, toTag, ops, ...keyframe };
  });
}

const PUBLISHED = /^([1-9]\d{0,15}):([\w-]{8}):([\w-]{8}):((?:[0-O][0-o]{2})*)$/;

/** A delta as commit.lua publishes it, `version:from-tag:tag:ops`; undefined if it is none. */
export function readPublished(page: number, message: string): Delta | undefined {
  const [, version, fromTag, toTag, ops] = PUBLISHED.exec(message) ?? [];
  if (fromTag === undefined || toTag === undefined || ops === undefined) return undefined;
  return deltaTo(page, Number(version), fromTag, toTag, ops);
}

function load(name: string): Script {
  const lua = readFileSync(new URL(`./scripts/${name}.lua`, import.meta.url), "utf8");
  return { name, lua, sha: createHash("sha1").update(lua).digest("hex") };
}

function list(reply: unknown): readonly unknown[] {
  if (!Array.isArray(reply)) throw new Error("a script answered something other than a list");
  return reply;
}

function strings(reply: unknown): string[] {
  return list(reply).map(String);
}

export function readNumbers(reply: unknown): number[] {
  return list(reply).map(Number);
}

function bytes(reply: unknown): Buffer {
  if (!Buffer.isBuffer(reply)) throw new Error("a script answered something other than bytes");
  return reply;
}
