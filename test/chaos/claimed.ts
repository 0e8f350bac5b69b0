/*
 * Claimed cells: on three boards with claims, users take and give back a few cells that all of them want. What may be is
 * judged from what each user was told:
 *
 *     take      ├────────┤                    surely theirs from the answer on, until they begin to give it back, a fork that
 *     give back                 ├─────┤       may have lost it, or the earliest end: the time of a claim after its beginning
 *                        └──────┘
 *
 * A cell that is surely one user's cannot be given to another, nor be missing when nobody writes. And nobody has a cell
 * that they have not asked for, or were refused, or gave back, or that has ended. Pure.
 */

import type { WriteOutcome } from "./history.js";

/** Board -> how long a claim lasts in ms; Infinity if it has no end. */
const CLAIM_BOARDS = { seats: Number.POSITIVE_INFINITY, lockers: 2_000, room: 3_000 } as const;
/** Also while their users live: renewed by the library. */
const LEASES: ReadonlySet<string> = new Set(["room"]);
export const CLAIMS = "seats,lockers=2s,room=lease:3s";
export const CLAIMED_CELLS = 4;
/** More than this after its end, no claim is there as long as the store is up. */
const LATE_MS_MAX = 2_000;

export type ClaimBoard = keyof typeof CLAIM_BOARDS;
export const CLAIM_BOARD_NAMES = Object.keys(CLAIM_BOARDS) as ClaimBoard[];

/** A cell of a board with claims, such as `seats:2`. */
export type ClaimedCell = `${ClaimBoard}:${number}`;

/** A claim as it is stored. */
export interface StoredClaim {
  readonly cell: ClaimedCell;
  readonly owner: string;
  /** Until its end by the store's clock, negative after it; Infinity if it has none. */
  readonly leftMs: number;
}

/** What is stored of the boards with claims, and what each user shows of it. */
export interface Claimed {
  readonly stored: { readonly checked: readonly ClaimedCell[]; readonly claims: readonly StoredClaim[] };
  readonly users: readonly { readonly checked: readonly ClaimedCell[]; readonly mine: readonly ClaimedCell[] }[];
}

export interface ClaimWrite {
  readonly user: number;
  readonly cell: ClaimedCell;
  readonly value: boolean;
  readonly invokedAt: number;
  readonly invokedMs: number;
}

/** What is known of one user and one cell. */
interface Known {
  /** Surely theirs since then, by order, and until then, by time. */
  sure: { readonly at: number; readonly untilMs: number } | undefined;
  /** Perhaps theirs until then: -Infinity if they cannot have it. */
  perhapsUntilMs: number;
  hasAsked: boolean;
}

export class ClaimedCells {
  readonly #known = new Map<ClaimedCell, Map<number, Known>>();
  /** Owner as it is stored -> the user who turned out to be it. */
  readonly #users = new Map<string, number>();

  begin({ user, cell, value, invokedMs }: ClaimWrite): boolean {
    const known = this.#of(cell, user);
    // One's own cell again is no new claim, and does not move its end.
    const isNew = known.perhapsUntilMs < invokedMs;
    if (value) {
      known.hasAsked = true;
      known.perhapsUntilMs = Number.POSITIVE_INFINITY;
    } else known.sure = undefined;
    return isNew;
  }

  /** What is wrong with this end of a write; undefined if nothing is. `isSure` is false if a fork may have lost it. */
  settle(
    { user, cell, value, invokedAt, invokedMs }: ClaimWrite,
    outcome: WriteOutcome,
    isNew: boolean,
    isSure: boolean,
    at: number,
    nowMs: number,
  ): string | undefined {
    const known = this.#of(cell, user);
    if (!value) {
      if (outcome === "acknowledged" && isSure) known.perhapsUntilMs = Number.NEGATIVE_INFINITY;
      return undefined;
    }
    const ms = msOf(cell);
    if (outcome === "refused" && isNew) known.perhapsUntilMs = Number.NEGATIVE_INFINITY;
    if (outcome !== "acknowledged" || !isSure) return undefined;
    if (isNew && !LEASES.has(boardOf(cell))) known.perhapsUntilMs = nowMs + ms;
    if (isNew || ms === Number.POSITIVE_INFINITY) known.sure = { at, untilMs: invokedMs + ms };
    for (const [other, { sure }] of this.#known.get(cell) ?? []) {
      if (other === user || !sure || sure.at > invokedAt || sure.untilMs < nowMs) continue;
      return `${cell} was given to user ${user} while it was user ${other}'s`;
    }
    return undefined;
  }

  /** The store may have lost what was acknowledged, and found again what was given back. */
  fork(): void {
    for (const users of this.#known.values()) {
      for (const known of users.values()) {
        known.sure = undefined;
        if (known.hasAsked) known.perhapsUntilMs = Number.POSITIVE_INFINITY;
      }
    }
  }

  /** What is wrong with what is stored, while nobody writes. */
  *judge({ stored, users }: Claimed, nowMs: number): Iterable<string> {
    const claims = new Map(stored.claims.map((claim) => [claim.cell, claim]));
    for (const [user, { mine }] of users.entries()) {
      for (const cell of mine) {
        const claim = claims.get(cell);
        if (!claim) continue;
        const { owner, leftMs } = claim;
        const known = this.#users.get(owner) ?? user;
        this.#users.set(owner, known);
        if (known !== user) yield `${cell} is stored as user ${known}'s, and user ${user}'s own`;
        // Looking takes time, in which a claim may end.
        if (leftMs > 0 && this.#of(cell, user).perhapsUntilMs < nowMs - LATE_MS_MAX) {
          yield `${cell} is user ${user}'s, who has it no more`;
        }
      }
    }
    for (const [cell, known] of this.#known) {
      for (const [user, { sure }] of known) {
        if (!sure || sure.untilMs < nowMs || users[user]?.mine.includes(cell)) continue;
        yield `${cell} was acknowledged to user ${user}, who does not have it`;
      }
    }
  }

  #of(cell: ClaimedCell, user: number): Known {
    const users = this.#known.get(cell) ?? new Map<number, Known>();
    this.#known.set(cell, users);
    const known = users.get(user) ?? { sure: undefined, perhapsUntilMs: Number.NEGATIVE_INFINITY, hasAsked: false };
    users.set(user, known);
    return known;
  }
}

/** How users and store differ, and claims that should have ended. */
export function* differences({ stored, users }: Claimed): Iterable<string> {
  for (const { cell, leftMs } of stored.claims) {
    if (leftMs < -LATE_MS_MAX) yield `the claim of ${cell} is there ${-leftMs} ms after its end`;
    const owners = users.flatMap(({ mine }, user) => (mine.includes(cell) ? [user] : []));
    if (owners.length !== 1) yield `${cell} is the own of ${owners.length} users (${owners})`;
  }
  const owned = new Set(stored.claims.map(({ cell }) => cell));
  for (const [user, { checked, mine }] of users.entries()) {
    if (checked.join() !== stored.checked.join()) yield `user ${user} shows ${checked}, not ${stored.checked}`;
    for (const cell of mine) if (!owned.has(cell)) yield `user ${user} has ${cell}, which is nobody's`;
  }
}

export function cellOf(board: ClaimBoard, index: number): ClaimedCell {
  return `${board}:${index}`;
}

function boardOf(cell: ClaimedCell): ClaimBoard {
  const [board] = cell.split(":");
  return board as ClaimBoard;
}

function msOf(cell: ClaimedCell): number {
  return CLAIM_BOARDS[boardOf(cell)];
}
