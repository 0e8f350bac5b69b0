/*
 * The app's own word on who somebody is: a hook that is asked once for each socket and each HTTP request. What it permits
 * is a grant like a token's, and is compared in the same places (access.ts).
 *
 * Browsers send cookies along wherever a page comes from. So a hook is asked about pages of the app's own origin, of the
 * listed ones, and about programs; never about another site's page, which would act in its visitor's name.
 */

import { Refusal } from "../../protocol/errors.js";
import type { Caller } from "./caller.js";
import { type CellWrites, type Grant, isRight, type Right } from "./grant.js";
import type { Guard } from "./guard.js";
import { isFromOrigin } from "./origin.js";

/** What somebody may do. */
export interface Permit {
  /** Who it is: for the log of admins' actions, and as `socket.data.subject`. */
  readonly subject?: string;
  /** Board -> right; `*` stands for every board that is not named. */
  readonly boards: Readonly<Record<string, Right>>;
  /** Milliseconds since 1970; without it, what is permitted lasts as long as the socket. */
  readonly expiresMs?: number;
  /**
   * Asked about each write before it goes to the store. Refuses with FORBIDDEN: the whole write by `false`, or single cells of
   * it by naming them. Not asked about an admin's `clear`.
   */
  readonly mayWrite?: (write: ProposedWrite) => WriteConsent | Promise<WriteConsent>;
}

export interface ProposedWrite {
  readonly board: string;
  readonly changes: readonly { readonly cell: number; readonly value: boolean }[];
}

/** Naming cells lets the library go on with the others that were set at the same time. */
export type WriteConsent = boolean | { readonly refused: readonly number[] };

/** Undefined for somebody who has no more rights than everybody. */
export type AuthoriseHook = (caller: Caller) => Permit | undefined | Promise<Permit | undefined>;

/** As Access asks it; rejects with a Refusal. */
export type Authorise = (caller: Caller) => Promise<Grant | undefined>;

/** `origins` are those of other sites whose pages may act for their visitors. */
export function authoriser(hook: AuthoriseHook, guard: Guard, origins: readonly string[]): Authorise {
  return async (caller) => {
    if (!isFromOrigin(caller.request, origins)) throw new Refusal("FORBIDDEN", { detail: "a page of another site" });
    return guard.decide("authorise", async () => {
      const permit = await hook(caller);
      return permit ? grantOf(permit, guard) : undefined;
    });
  };
}

/** What is malformed is refused, not left out: without an end, or without `mayWrite`, a permit permits more. */
function grantOf(permit: Permit, guard: Guard): Grant {
  const { subject = "unnamed", boards, expiresMs, mayWrite } = permit;
  if (typeof subject !== "string") throw new TypeError("authorise gives a subject that is no text");
  if (expiresMs !== undefined && !Number.isFinite(expiresMs)) {
    throw new TypeError(`authorise gives expiresMs ${expiresMs}, which is no number of milliseconds`);
  }
  if (mayWrite !== undefined && typeof mayWrite !== "function") {
    throw new TypeError("authorise gives a mayWrite that is no function");
  }
  const entries: [string, unknown][] = Object.entries(boards);
  const rights = new Map<string, Right>();
  for (const [board, right] of entries) {
    if (!isRight(right)) throw new TypeError(`authorise gives an unknown right to the board "${board}"`);
    rights.set(board, right);
  }
  return {
    subject,
    boards: rights,
    expiresMs: expiresMs ?? Number.POSITIVE_INFINITY,
    ...(mayWrite && {
      mayWrite: (board: string, changes: CellWrites) =>
        guard.decide("mayWrite", async () => {
          const proposed = { board, changes: changes.map(([cell, value]) => ({ cell, value: value === 1 })) };
          return consentOf(await mayWrite(proposed), changes);
        }),
    }),
  };
}

/** Anything but `true`, and a list that names no cell of the write, refuses all of it; an empty list refuses nothing. */
function consentOf(answer: unknown, changes: CellWrites): boolean | readonly number[] {
  if (typeof answer !== "object" || answer === null || !("refused" in answer)) return answer === true;
  const { refused } = answer;
  if (!Array.isArray(refused)) return false;
  const named = new Set<unknown>(refused);
  const cells = new Set(changes.flatMap(([cell]) => (named.has(cell) ? cell : [])));
  return named.size > 0 && cells.size === 0 ? false : [...cells];
}
