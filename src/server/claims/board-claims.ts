/* The claims of one board, for the app and for admins: list, extend, confirm and release. */

import { cellAt, pagesBetween } from "../../board/geometry.js";
import { Refusal } from "../../protocol/errors.js";
import { type ClaimAct, ownerName } from "../../store/claims.js";
import { BATCH_CHANGES_MAX, type Store } from "../../store/store.js";
import type { HostedBoard } from "../pages/pages.js";
import { refuseAway } from "../pages/store-refusal.js";
import { committed } from "../writes/commit-changes.js";
import type { OwnSessions } from "../writes/own-sessions.js";
import type { Writer } from "../writes/writer.js";

/** A cell that belongs to somebody. */
export interface BoardClaim {
  /** The cell, from 0 to `size - 1`. */
  readonly cell: number;
  /** The owner's name in the store: compare it with `ownerOf({ subject })`. */
  readonly owner: string;
  /** When the hold ends, in ms since 1970; undefined if it has no end. */
  readonly endMs: number | undefined;
}

/** Cells `start` … `end - 1`. */
interface Range {
  readonly start: number;
  readonly end: number;
}

export type ClaimAction = { readonly kind: "release" } | Exclude<ClaimAct, { readonly kind: "expire" | "grant" }>;

interface Parts {
  readonly store: Pick<Store, "heads" | "claims">;
  readonly writer: Writer;
  readonly sessions: OwnSessions;
}

const PAGES_AT_ONCE = 500;
const NO_CLAIMS = "This board has no claims. To give it claims, name it in CLAIMS (in attachBoards: `claims`).";
const NOT_THEIRS =
  "Some of these cells are free, or belong to somebody else. Nothing was changed; leave out the cells in `cells`.";

/** A user of a board with claims. */
export interface ForUser {
  /** The subject of the user's token or permit. */
  readonly subject?: string;
  /** The id of an anonymous visitor who is remembered: `client.visitor` in the browser. */
  readonly visitor?: string;
}

/**
 * The name under which the store knows a user. Undefined if none is named. Throws TypeError if
 * `subject` or `visitor` is present without a value, as for a request without a user.
 */
export function ownerOf(user: ForUser): string | undefined {
  for (const kind of ["subject", "visitor"] as const) {
    if (!(kind in user)) continue;
    const id: unknown = user[kind];
    if (typeof id !== "string" || id === "") throw new TypeError(`${kind} is ${id}: pass a string, or leave it out`);
    return ownerName(kind, id);
  }
  return undefined;
}

/** The claims in a range of the board, ascending. Rejects with a Refusal. */
export async function listClaims({ store }: Parts, board: HostedBoard, { start, end }: Range): Promise<BoardClaim[]> {
  const found: BoardClaim[] = [];
  const pages = pagesBetween(start, Math.min(end, board.size)).map((page) => ({ board: board.name, page }));
  for (let at = 0; at < pages.length; at += PAGES_AT_ONCE) {
    const some = pages.slice(at, at + PAGES_AT_ONCE);
    const heads = await store.heads(some).catch(refuseAway);
    // A page whose head did not come in time may have claims.
    for (const page of some.filter((_, index) => heads[index]?.checked !== 0)) {
      const { claims } = await store.claims(page).catch(refuseAway);
      const nowMs = Date.now();
      for (const { offset, owner, leftMs } of claims) {
        const cell = cellAt(page.page, offset);
        if (owner === undefined || cell < start || cell >= end) continue;
        found.push({ cell, owner, endMs: leftMs === undefined ? undefined : nowMs + leftMs });
      }
    }
  }
  return found.sort((one, other) => one.cell - other.cell);
}

/**
 * Acts on the claims of some cells, all or nothing on each page. Refused with TAKEN if one of them
 * belongs to nobody, or not to `owner` if one is named. Rejects with a Refusal.
 */
export async function actOnClaims(
  { writer, sessions }: Parts,
  board: HostedBoard,
  cells: readonly number[],
  action: ClaimAction,
  owner?: string,
): Promise<void> {
  if (!board.claims) throw new Refusal("BAD_REQUEST", { message: NO_CLAIMS });
  const outside = cells.filter((cell) => !Number.isSafeInteger(cell) || cell < 0 || cell >= board.size);
  if (outside.length > 0) throw new Refusal("CELL_OUT_OF_RANGE", { cells: outside.slice(0, BATCH_CHANGES_MAX) });
  if (cells.length === 0) throw new Refusal("BAD_REQUEST", { message: "No cells were named. Name at least one." });
  if (cells.length > BATCH_CHANGES_MAX) throw new Refusal("TOO_MANY_CELLS");
  const isReleased = action.kind === "release";
  const changes = Array.from(new Set(cells), (cell) => [cell, isReleased ? 0 : 1] as const);
  const write = { board: board.name, changes, owner, ...(!isReleased && { act: action }) };
  await sessions
    .run((session, seq) => committed(writer, { ...write, session, seq }))
    .catch((error: unknown) => {
      if (!(error instanceof Refusal) || error.code !== "TAKEN") throw error;
      throw new Refusal("TAKEN", { message: NOT_THEIRS, cells: error.cells });
    });
}
