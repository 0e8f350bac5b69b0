/* Typed calls of the scripts that work on one page. */

import type { Snapshot } from "../../../board/delta.js";
import { type PageRef, pageName } from "../../../board/geometry.js";
import { type Position, parsePosition } from "../../../board/position.js";
import type { ClaimRule } from "../../claims.js";
import { DamagedPage } from "../../damage.js";
import { FROZEN_RANGES_MAX, type OffsetRange, parseRanges } from "../../frozen.js";
import { PAGE_BYTES, SINCE_BYTES_MAX } from "../../logged.js";
import { encodeOps } from "../../ops.js";
import type { Batch, Committed, Replaced, StoreLimits, Write, WriteOutcome } from "../../store.js";
import { newTag } from "../../tag.js";
import type { Names } from "./keys.js";
import { list, loadScript, type PublishCommand, readNumbers, type ScriptCall, strings } from "./scripts.js";

const COMMIT = loadScript("commit");
const SINCE = loadScript("since");
const REPLACE = loadScript("replace");
const FREEZE = loadScript("freeze");
const REPAIR = loadScript("repair");
const OUTCOMES: Readonly<Record<string, WriteOutcome>> = {
  a: "accepted",
  d: "duplicate",
  f: "frozen",
  k: "claimed",
  s: "stale",
};

/** How a page's script writes, apart from the change itself. */
export interface WriteMode {
  readonly publish: PublishCommand;
  /**
   * Whether to write a mark if nothing else is written, so that WAIT has something to wait for
   * (durable-rounds.ts).
   */
  readonly isMarked: boolean;
  /** `ms` is how long history is kept; 0 turns it off. */
  readonly history: { readonly ms: number; readonly deltasMax: number };
  /** Undefined if the board has no claims. */
  readonly claims?: ClaimRule | undefined;
}

/** The page must be added to the index of holds, with this mark, before the batch is committed. */
export class NotIndexed extends Error {
  readonly mark: string;

  constructor(mark: string) {
    super("the page is not in the index of holds");
    this.name = "NotIndexed";
    this.mark = mark;
  }
}

/** `mark` is that of the last NotIndexed, with which the call may reject again. */
export function commitCall(
  names: Names,
  ref: PageRef,
  batch: Batch,
  limits: StoreLimits,
  { publish, isMarked, history, claims }: WriteMode,
  mark = "",
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
    claims ? String(claims.ms) : "",
    claims?.isLease ? "1" : "0",
    mark,
  ];
  for (const write of batch.writes) {
    args.push(write.session, String(write.seq), encodeOps(write.changes));
    if (claims) args.push(writerOf(write));
  }
  return {
    script: COMMIT,
    keys: [keys.bits, keys.head, keys.log, ...keys.seen, keys.history, keys.claims],
    args,
    form: "text",
    read: readCommitted,
  };
}

function readCommitted(reply: unknown): Committed {
  // By number, because taking a list apart in one statement runs its iterator.
  const parts = strings(reply);
  const version = parts[0] ?? "";
  const tag = parts[1];
  const letters = parts[2] ?? "";
  const frozen = parts[5] ?? "";
  const claimed = parts[6] ?? "";
  if (tag === undefined) throw new NotIndexed(version);
  const outcomes: WriteOutcome[] = [];
  for (const letter of letters) {
    const outcome = OUTCOMES[letter];
    if (!outcome) throw new Error(`commit.lua answered outcome ${letter}`);
    outcomes.push(outcome);
  }
  const position = { version: Number(version), tag };
  const committed = { position, outcomes, checked: Number(parts[3]), storeMs: Number(parts[4]) };
  const isFrozen = outcomes.includes("frozen");
  if (!isFrozen && claimed === "") return committed;
  return {
    ...committed,
    ...(isFrozen && { frozen: parseRanges(frozen) ?? [] }),
    ...(claimed !== "" && { claimed: claimed.split(";").map((cells) => cells.split(",").map(Number)) }),
  };
}

/** The author of a write, or its act on claims, as commit.lua reads it. */
function writerOf({ owner = "", act }: Write): string {
  if (!act) return owner;
  if (act.kind === "expire") return "!x";
  const letter = act.kind === "confirm" ? "c" : act.kind === "extend" ? `e${act.ms}` : `g${act.ms}`;
  return `!${letter}:${owner}`;
}

/** `bits` must not have trailing zero bytes. */
export function replaceCall(
  names: Names,
  ref: PageRef,
  tag: string,
  bits: Uint8Array,
  { publish, isMarked, history }: WriteMode,
): ScriptCall<Replaced> {
  const keys = names.page(ref);
  return {
    script: REPLACE,
    keys: [keys.bits, keys.head, keys.log, keys.history, keys.claims],
    args: [
      ...[keys.channel, publish, tag, newTag(), Buffer.from(bits), isMarked ? "1" : "0"],
      ...[String(history.ms), String(history.deltasMax)],
    ],
    read: (reply) => {
      const [version, at, checked, isReplaced] = strings(reply);
      return {
        position: { version: Number(version), tag: at ?? "" },
        checked: Number(checked),
        isReplaced: isReplaced === "1",
      };
    },
  };
}

/** The result is undefined if the page needed no repair. */
export function repairCall(
  names: Names,
  ref: PageRef,
  publish: PublishCommand,
): ScriptCall<{ readonly checkedBefore: number; readonly checked: number } | undefined> {
  const keys = names.page(ref);
  return {
    script: REPAIR,
    keys: [keys.bits, keys.head, keys.log],
    args: [keys.channel, publish, newTag(), newTag()],
    read: (reply) => {
      if (reply === null) return undefined;
      const [, checkedBefore, checked] = readNumbers(reply);
      return { checkedBefore: checkedBefore ?? 0, checked: checked ?? 0 };
    },
  };
}

/** The result is false if the page would have too many ranges. */
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

/** The log leads from the requested position to `head`. */
export interface LogLeads {
  readonly kind: "log";
  readonly head: Position;
}

/** Asks whether the log leads from `position` to the present. If not, the result is a snapshot. */
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
      if (!Buffer.isBuffer(bits)) throw new Error("since.lua answered something other than bytes");
      if (bits.length > PAGE_BYTES) throw new DamagedPage(`page ${pageName(ref)} has too many bits`);
      return { kind: "snapshot", page: ref.page, position: head, bits };
    },
  };
}
