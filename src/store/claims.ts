/*
 * Claims: on a board with claims, a checked cell belongs to the user who checked it first. The
 * commit judges them by the store's clock, in the same step as the bits:
 *
 *     free ──check──► held ──uncheck by its owner, release, or its end──► free
 *                      │
 *                      ├ check or uncheck by anyone else: TAKEN, nothing is done
 *                      └ check by its owner: nothing to do; a lease starts again
 *
 * A claim counts while its cell is checked and its end is ahead. An expired hold is free for the
 * next commit, even before `releaseExpired` unchecks it. scripts/commit.lua follows the same rules;
 * the contract tests compare the two.
 */

import { createHash } from "node:crypto";
import { type Changes, changedOffset, changedValue } from "../board/delta.js";
import type { ByBoard } from "./by-board.js";
import { parseTime } from "./time-text.js";

/** How long a claim lasts: `ms`, or until its owner gives it back if `ms` is 0. */
export interface ClaimRule {
  readonly ms: number;
  /** Whether checking one's own cell again starts the time again. */
  readonly isLease: boolean;
}

/** Undefined for boards without claims. */
export type ClaimRules = ByBoard<ClaimRule | undefined>;

export const NO_CLAIMS: ClaimRules = { boards: new Map(), others: undefined };

/** The rules of all boards. Boards that are added at run time bring their own. */
export class RuleBook {
  readonly #rules: Map<string, ClaimRule | undefined>;

  constructor({ boards }: ClaimRules = NO_CLAIMS) {
    this.#rules = new Map(boards);
  }

  of(board: string): ClaimRule | undefined {
    return this.#rules.get(board);
  }

  set(board: string, rule: ClaimRule | undefined): void {
    this.#rules.set(board, rule);
  }
}

/** A claim as it is stored. */
export interface Held {
  readonly owner: string;
  /** By the store's clock, in ms; 0 if the claim has no end. */
  readonly endMs: number;
}

/** A cell and who has it. */
export interface Claim {
  readonly offset: number;
  /** As in `ownerName`; undefined if the cell is free. */
  readonly owner: string | undefined;
  /** Time until the end in ms; undefined if there is no end. */
  readonly leftMs: number | undefined;
}

/**
 * A write of the app or of the store itself, which acts on claims instead of checking cells:
 *
 *     extend   the claim lasts at least `ms` from now
 *     confirm  the claim has no end from now on
 *     expire   the cell is unchecked. Refused if its hold has not ended
 *     grant    the cell is checked, and belongs to the write's owner for `ms`, 0 for no end, even
 *              if somebody else had it. Without an owner it is nobody's. For restores
 *
 * With an owner, `extend` and `confirm` are refused if the cell is not theirs.
 */
export type ClaimAct =
  | { readonly kind: "extend"; readonly ms: number }
  | { readonly kind: "confirm" }
  | { readonly kind: "expire" }
  | { readonly kind: "grant"; readonly ms: number };

const OWNER_CHARACTERS = 16;
export const OWNER = /^[\w-]{16}$/;
const LEASE = "lease:";
const MS_MAX = 365 * 86_400_000;
const LEASE_MS_MIN = 2_000;

/** Parses `seats,lockers=5m,room=lease:10s`. Undefined for other texts. */
export function parseClaims(text: string): ClaimRules | undefined {
  if (text === "") return NO_CLAIMS;
  const boards = new Map<string, ClaimRule>();
  for (const item of text.split(",")) {
    const [, board, , spelled] = /^([\w-]+)(=(.+))?$/.exec(item.trim()) ?? [];
    const rule = parseRule(spelled ?? "");
    if (board === undefined || !rule || boards.has(board)) return undefined;
    boards.set(board, rule);
  }
  return { boards, others: undefined };
}

/** Parses `5m`, `lease:10s`, or an empty text for claims without an end. Undefined for others. */
export function parseRule(text: string): ClaimRule | undefined {
  if (text === "") return { ms: 0, isLease: false };
  const isLease = text.startsWith(LEASE);
  const ms = parseTime(isLease ? text.slice(LEASE.length) : text, MS_MAX);
  return ms === undefined || (isLease && ms < LEASE_MS_MIN) ? undefined : { ms, isLease };
}

/** The text of a rule in a board's record, the same for equal rules. Undefined without claims. */
export function formatRule(rule: ClaimRule | undefined): string | undefined {
  return rule && `${rule.isLease ? "lease" : "hold"}:${rule.ms}`;
}

/** A rule in a board's record, in words. */
export function describeRule(text: string | undefined): string {
  const rule = ruleIn(text);
  if (!rule) return "no claims";
  return rule.ms === 0 ? "claims without an end" : `${rule.isLease ? "leases" : "holds"} of ${rule.ms / 1_000} s`;
}

/** The rule in a board's record. A text that is none is taken for claims without an end. */
export function ruleIn(text: string | undefined): ClaimRule | undefined {
  if (text === undefined) return undefined;
  const [, kind, ms] = /^(lease|hold):(\d{1,11})$/.exec(text) ?? [];
  return { ms: Number(ms ?? 0), isLease: kind === "lease" };
}

type OwnerKind = "subject" | "visitor" | "session" | "address" | "app";

/** The name under which the store knows an owner: a hash, so that it holds nobody's name. */
export function ownerName(kind: OwnerKind, id: string): string {
  return createHash("sha256").update(`${kind}\0${id}`).digest("base64url").slice(0, OWNER_CHARACTERS);
}

interface ClaimingWrite {
  readonly changes: Changes;
  readonly owner?: string | undefined;
  readonly act?: ClaimAct | undefined;
}

/** How a change is carried out: the bit is set, or the cell is only mentioned, or neither. */
type Effect = "set" | "mention" | "none";

/** The claims of one page while a batch is committed. */
export class ClaimJudge {
  /** The claims that the batch has changed so far; undefined for one that has ended. */
  readonly changed = new Map<number, Held | undefined>();
  /** The changed claims that people should hear of. */
  readonly #news = new Set<number>();
  readonly #rule: ClaimRule;
  readonly #nowMs: number;
  readonly #stored: (offset: number) => Held | undefined;
  readonly #isChecked: (offset: number) => boolean;

  constructor(
    rule: ClaimRule,
    nowMs: number,
    stored: (offset: number) => Held | undefined,
    isChecked: (offset: number) => boolean,
  ) {
    this.#rule = rule;
    this.#nowMs = nowMs;
    this.#stored = stored;
    this.#isChecked = isChecked;
  }

  /**
   * The cells for which the write is refused, because they belong to others. A duplicate may have
   * been refused before, so it succeeds only if its cells are as it wants them now.
   */
  refusedBy(write: ClaimingWrite, isDuplicate: boolean): number[] {
    return Array.from(write.changes).flatMap((change) => {
      const offset = changedOffset(change);
      return this.#refuses(write, offset, changedValue(change), isDuplicate) ? offset : [];
    });
  }

  #refuses({ owner, act }: ClaimingWrite, offset: number, value: number, isDuplicate: boolean): boolean {
    const holder = this.#holder(offset);
    if (act?.kind === "expire") return holder !== undefined || !this.#claim(offset);
    if (act?.kind === "grant") return false;
    if (act) return !holder || (owner !== undefined && owner !== holder.owner);
    if (owner === undefined) return false;
    if (isDuplicate) return value === 1 ? holder?.owner !== owner : this.#isChecked(offset);
    return holder !== undefined && holder.owner !== owner;
  }

  /** Carries out a change that is not refused. */
  apply({ owner, act }: ClaimingWrite, offset: number, value: number): Effect {
    const holder = this.#holder(offset);
    if (act?.kind === "expire") {
      this.#put(offset, undefined);
      return "set";
    }
    if (act?.kind === "grant") {
      this.#put(offset, owner === undefined ? undefined : { owner, endMs: act.ms && this.#nowMs + act.ms });
      return this.#isChecked(offset) ? "mention" : "set";
    }
    if (act) {
      if (!holder || holder.endMs === 0) return "none";
      const endMs = act.kind === "confirm" ? 0 : Math.max(holder.endMs, this.#nowMs + act.ms);
      this.#put(offset, { ...holder, endMs });
      return "mention";
    }
    if (value === 0) {
      if (this.#claim(offset)) this.#put(offset, undefined);
      return "set";
    }
    const endMs = this.#rule.ms === 0 ? 0 : this.#nowMs + this.#rule.ms;
    if (holder) {
      // Not reported, because only its end has moved, and its owner knows by how much.
      if (holder.owner === owner && this.#rule.isLease && holder.endMs > 0)
        // The app may have extended it.
        this.changed.set(offset, { ...holder, endMs: Math.max(holder.endMs, endMs) });
      return "none";
    }
    const isNew = owner !== undefined;
    if (isNew || this.#claim(offset)) this.#put(offset, isNew ? { owner, endMs } : undefined);
    return this.#isChecked(offset) ? "mention" : "set";
  }

  /** The changes that people should hear of. */
  get news(): Claim[] {
    return Array.from(this.#news, (offset) => claimOf(offset, this.#claim(offset), this.#nowMs));
  }

  #put(offset: number, claim: Held | undefined): void {
    this.changed.set(offset, claim);
    this.#news.add(offset);
  }

  #claim(offset: number): Held | undefined {
    return this.changed.has(offset) ? this.changed.get(offset) : this.#stored(offset);
  }

  #holder(offset: number): Held | undefined {
    const claim = this.#claim(offset);
    return claim && hasNotEnded(claim, this.#nowMs) && this.#isChecked(offset) ? claim : undefined;
  }
}

export function hasNotEnded({ endMs }: Held, nowMs: number): boolean {
  return endMs === 0 || endMs > nowMs;
}

export function claimOf(offset: number, held: Held | undefined, nowMs: number): Claim {
  const hasEnd = held !== undefined && held.endMs > 0;
  return { offset, owner: held?.owner, leftMs: hasEnd ? Math.max(0, held.endMs - nowMs) : undefined };
}
