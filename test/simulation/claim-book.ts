/*
 * Who has which cells of one page, as the list of commits tells it. The rules of claims are followed here once more, in the
 * plainest way, and share nothing with claims.ts: what the store answers has to be what the book expects.
 *
 *     first     who checks a free cell has it; nobody else can check or uncheck it before its end
 *     number    a write is judged once: sent again it does nothing, and succeeds only if its cells are as it wants them
 *     refusal   uses the number up: no copy of a refused write has an effect later
 */

import { changedOffset, changedValue } from "../../src/board/delta.js";
import type { ClaimRule, Held } from "../../src/store/claims.js";
import type { Write, WriteOutcome } from "../../src/store/store.js";
import type { Entry } from "./store-server.js";

interface Owned {
  readonly owner: string;
  /** Infinity if it has no end. */
  readonly endMs: number;
}

export class ClaimBook {
  readonly owned = new Map<number, Owned>();
  readonly #checked = new Set<number>();
  readonly rule: ClaimRule;
  /** `session:seq` of all writes that were judged. */
  readonly #judged = new Set<string>();

  constructor(rule: ClaimRule) {
    this.rule = rule;
  }

  /** What must not be in this commit; undefined if all is right. */
  take({ batch, outcomes, claimed, nowMs }: Entry): string | undefined {
    const refusals: number[][] = [];
    for (const [index, write] of batch.writes.entries()) {
      const outcome = outcomes[index];
      if (outcome === "frozen" || outcome === "stale") continue;
      const key = `${write.session}:${write.seq}`;
      const isCopy = write.session !== "" && this.#judged.has(key);
      this.#judged.add(key);
      const refused = this.#refused(write, isCopy, nowMs);
      if (refused.length > 0) refusals.push(refused);
      const expected: WriteOutcome = refused.length > 0 ? "claimed" : isCopy ? "duplicate" : "accepted";
      if (outcome !== expected) return `${describe(write)} is ${outcome}, not ${expected}`;
      if (outcome === "accepted") this.#carryOut(write, nowMs);
    }
    const [told, expected] = [JSON.stringify(claimed), JSON.stringify(refusals)];
    return told === expected ? undefined : `refused for ${told}, not for ${expected}`;
  }

  /** How the store's claims differ from the book; undefined if they do not. */
  differs(held: ReadonlyMap<number, Held>): string | undefined {
    for (const offset of new Set([...held.keys(), ...this.owned.keys()])) {
      const [stored, known] = [held.get(offset), this.owned.get(offset)];
      const endMs = stored && (stored.endMs || Number.POSITIVE_INFINITY);
      if (stored?.owner === known?.owner && endMs === known?.endMs) continue;
      return `cell ${offset} is ${stored?.owner}'s until ${endMs}, not ${known?.owner}'s until ${known?.endMs}`;
    }
    return undefined;
  }

  endsBy(ms: number): boolean {
    return Array.from(this.owned.values()).some(({ endMs }) => endMs <= ms);
  }

  #refused({ changes, owner, act }: Write, isCopy: boolean, nowMs: number): number[] {
    if (!act && owner === undefined) return [];
    return Array.from(changes).flatMap((change) => {
      const offset = changedOffset(change);
      const holder = this.#holder(offset, nowMs);
      const isTheirs = holder !== undefined && (owner === undefined || holder.owner === owner);
      if (act?.kind === "expire") return this.owned.has(offset) && !holder ? [] : offset;
      if (act || (isCopy && changedValue(change) === 1)) return isTheirs ? [] : offset;
      if (isCopy) return this.#checked.has(offset) ? offset : [];
      return holder === undefined || isTheirs ? [] : offset;
    });
  }

  #carryOut({ changes, owner, act }: Write, nowMs: number): void {
    const endMs = this.rule.ms === 0 ? Number.POSITIVE_INFINITY : nowMs + this.rule.ms;
    for (const change of changes) {
      const offset = changedOffset(change);
      const holder = this.#holder(offset, nowMs);
      if (act?.kind === "expire") {
        this.owned.delete(offset);
        this.#checked.delete(offset);
      } else if (act?.kind === "grant") throw new Error("nobody restores claims in a simulation");
      else if (act && holder) {
        const later = act.kind === "confirm" ? Number.POSITIVE_INFINITY : nowMs + act.ms;
        this.#prolong(offset, holder, later);
      } else if (changedValue(change) === 0) {
        this.owned.delete(offset);
        this.#checked.delete(offset);
      } else this.#check(offset, holder, owner, endMs);
    }
  }

  #check(offset: number, holder: Owned | undefined, owner: string | undefined, endMs: number): void {
    this.#checked.add(offset);
    if (!holder && owner !== undefined) this.owned.set(offset, { owner, endMs });
    else if (!holder) this.owned.delete(offset);
    else if (holder.owner === owner && this.rule.isLease) this.#prolong(offset, holder, endMs);
  }

  #prolong(offset: number, { owner, endMs }: Owned, laterMs: number): void {
    this.owned.set(offset, { owner, endMs: Math.max(endMs, laterMs) });
  }

  #holder(offset: number, nowMs: number): Owned | undefined {
    const owned = this.owned.get(offset);
    return owned && owned.endMs > nowMs ? owned : undefined;
  }
}

function describe({ session, seq, changes, owner, act }: Write): string {
  const cells = Array.from(changes, (change) => `${changedOffset(change)}=${changedValue(change)}`);
  return `${act?.kind ?? "write"} ${session}${seq} of ${owner} to ${cells.join(" ")}`;
}
