/* The scripts as typed calls: what each takes and gives. Only here and in the Lua files is their layout known. */

import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import type { Delta, Snapshot } from "../board/delta.js";
import type { PageRef } from "../board/geometry.js";
import { FROZEN_RANGES_MAX, type OffsetRange } from "./frozen.js";
import { pageKeys, ROLL_KEYS } from "./keys.js";
import { decodeOps, encodeOps } from "./ops.js";
import { type Announced, GONE_MS, INSTANCES_MAX } from "./roll.js";
import type { Batch, Committed, Since, StoreLimits, WriteOutcome } from "./store.js";

export interface Script {
  readonly name: string;
  readonly lua: string;
  readonly sha: string;
}

/** One script run: its keys, its arguments, and how its reply is read. */
export interface ScriptCall<Result> {
  readonly script: Script;
  readonly keys: readonly string[];
  readonly args: readonly string[];
  /** `reply` is as RESP2 gives it, with every bulk string a Buffer. */
  readonly read: (reply: unknown) => Result;
}

export type PublishCommand = "PUBLISH" | "SPUBLISH";

const COMMIT = load("commit");
const SINCE = load("since");
const ROLL_CALL = load("roll-call");
const FREEZE = load("freeze");
const OUTCOMES: Readonly<Record<string, WriteOutcome>> = { t: "taken", d: "duplicate", f: "frozen", s: "stale" };

export function commitCall(
  ref: PageRef,
  batch: Batch,
  limits: StoreLimits,
  publish: PublishCommand,
  /** Writes something whatever the batch does, so that there is something to wait for (durable-lane.ts). */
  isMarked: boolean,
): ScriptCall<Committed> {
  const keys = pageKeys(ref);
  const args: string[] = [
    keys.channel,
    publish,
    batch.tag,
    String(limits.logDeltasMax),
    String(limits.logMs),
    String(limits.seenMs),
    String(limits.seenSessionsMax),
    isMarked ? "1" : "0",
    batch.overridesFreeze ? "1" : "0",
  ];
  for (const write of batch.writes) args.push(write.session, String(write.seq), encodeOps(write.changes));
  return {
    script: COMMIT,
    keys: [keys.bits, keys.head, keys.log, ...keys.seen],
    args,
    read: (reply) => {
      const [version, tag, letters] = strings(reply);
      const outcomes = Array.from(letters ?? "", (letter) => {
        const outcome = OUTCOMES[letter];
        if (!outcome) throw new Error(`commit.lua answered outcome ${letter}`);
        return outcome;
      });
      return { position: { version: Number(version), tag: tag ?? "" }, outcomes };
    },
  };
}

/** Whether it could be done: a page keeps only so many ranges. */
export function freezeCall(ref: PageRef, { start, end }: OffsetRange, isFrozen: boolean): ScriptCall<boolean> {
  return {
    script: FREEZE,
    keys: [pageKeys(ref).head],
    args: [String(start), String(end), isFrozen ? "1" : "0", String(FROZEN_RANGES_MAX)],
    read: (reply) => Number(reply) === 1,
  };
}

export function rollCall(id: string, record: string): ScriptCall<Announced[]> {
  return {
    script: ROLL_CALL,
    keys: [ROLL_KEYS.heard, ROLL_KEYS.records],
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

/** Deltas since `position`, or, without one, a snapshot. */
export function sinceCall(
  ref: PageRef,
  position: { version: number; tag: string } | undefined,
  limits: StoreLimits,
): ScriptCall<Since> {
  const keys = pageKeys(ref);
  return {
    script: SINCE,
    keys: [keys.bits, keys.head, keys.log],
    args: [String(position?.version ?? -1), position?.tag ?? "", String(limits.logDeltasMax)],
    read: (reply) => {
      const [kind, ...rest] = list(reply);
      if (String(kind) === "deltas") return { kind: "deltas", deltas: rest.map((entry) => logged(ref.page, entry)) };
      const [version, tag, bits] = rest;
      const snapshot: Snapshot = {
        kind: "snapshot",
        page: ref.page,
        position: { version: Number(String(version)), tag: String(tag) },
        bits: bytes(bits),
      };
      return snapshot;
    },
  };
}

const PUBLISHED = /^([1-9]\d{0,15}):([\w-]{8}):([\w-]{8}):((?:[0-O][0-o]{2})*)$/;

/** A delta as commit.lua publishes it, `version:from-tag:tag:ops`; undefined if it is none. */
export function readPublished(page: number, message: string): Delta | undefined {
  const [, version, fromTag, toTag, ops] = PUBLISHED.exec(message) ?? [];
  if (fromTag === undefined || toTag === undefined || ops === undefined) return undefined;
  return deltaTo(page, Number(version), fromTag, toTag, ops);
}

function logged(page: number, entry: unknown): Delta {
  const [id, fields] = list(entry);
  const [, from, , to, , ops] = list(fields);
  return deltaTo(page, Number.parseInt(String(id), 10), String(from), String(to), String(ops));
}

function deltaTo(page: number, version: number, fromTag: string, toTag: string, ops: string): Delta {
  return {
    kind: "delta",
    page,
    from: { version: version - 1, tag: fromTag },
    to: { version, tag: toTag },
    changes: decodeOps(ops),
  };
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

function bytes(reply: unknown): Buffer {
  if (!Buffer.isBuffer(reply)) throw new Error("a script answered something other than bytes");
  return reply;
}
