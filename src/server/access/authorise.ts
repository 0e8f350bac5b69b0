/*
 * The host app's decision on rights: a hook that is called once for each socket and HTTP request.
 * Its permit becomes a grant, as a token does. Browsers send cookies with requests from any site,
 * so another site could act in its visitor's name. The hook is therefore called only for programs
 * and for the app's own origin or a listed one.
 */

import type { Refusal } from "../../protocol/errors.js";
import type { Caller } from "./caller.js";
import { type CellWrites, type Grant, isRight, type Right, UNNAMED } from "./grant.js";
import type { Guard } from "./guard.js";
import { isFromOrigin } from "./origin.js";

/** The rights that the hook grants. */
export interface Permit {
  /** The visitor's name, for the log of admin actions and for `socket.data.subject`. */
  readonly subject?: string;
  /** Board -> right; `*` stands for every board that is not named. */
  readonly boards: Readonly<Record<string, Right>>;
  /**
   * When the permit expires, in milliseconds since 1970. Without this, the permit lasts as
   * long as the socket.
   */
  readonly expiresMs?: number;
  /**
   * Called for each write before it goes to the store, but not for an admin's `clear`. Return
   * `false` to refuse the whole write with FORBIDDEN, or name the cells to refuse.
   */
  readonly mayWrite?: (write: ProposedWrite) => WriteConsent | Promise<WriteConsent>;
}

/** A write of one client, before it goes to the store. */
export interface ProposedWrite {
  /** Name of the board. */
  readonly board: string;
  /** The cells and their new values, in the order of the write. */
  readonly changes: readonly { readonly cell: number; readonly value: boolean }[];
}

/** If cells are named, the client library resends the other cells of the write. */
export type WriteConsent = boolean | { readonly refused: readonly number[] };

/** Returns undefined for a visitor who has only the rights that everyone has. */
export type AuthoriseHook = (caller: Caller) => Permit | undefined | Promise<Permit | undefined>;

/** Asks the hook. Rejects with a Refusal. */
export type Authorise = (caller: Caller) => Promise<Grant | undefined>;

/**
 * `origins` are the other sites that may act for their visitors. `refusal` says why another may
 * not.
 */
export function authoriser(
  hook: AuthoriseHook,
  guard: Guard,
  origins: readonly string[],
  refusal: (request: Caller["request"]) => Refusal,
): Authorise {
  return async (caller) => {
    if (!isFromOrigin(caller.request, origins)) throw refusal(caller.request);
    return guard.decide("authorise", async () => {
      const permit = await hook(caller);
      return permit ? grantOf(permit, guard) : undefined;
    });
  };
}

/** Refuses a malformed permit completely: ignoring its expiry or `mayWrite` would permit more. */
function grantOf(permit: Permit, guard: Guard): Grant {
  const { subject = UNNAMED, boards, expiresMs, mayWrite } = permit;
  if (typeof subject !== "string")
    throw new TypeError("authorise returned a subject that is not a string: return a string");
  if (expiresMs !== undefined && !Number.isFinite(expiresMs)) {
    throw new TypeError(
      `authorise returned expiresMs ${expiresMs}, which is not a finite number: return milliseconds since 1970`,
    );
  }
  if (mayWrite !== undefined && typeof mayWrite !== "function") {
    throw new TypeError("authorise returned a mayWrite that is not a function: return a function");
  }
  const entries: [string, unknown][] = Object.entries(boards);
  const rights = new Map<string, Right>();
  for (const [board, right] of entries) {
    if (!isRight(right))
      throw new TypeError(`authorise returned an unknown right for the board "${board}": return view, write or admin`);
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

/**
 * Accepts the whole write only for `true` or an empty list. Unknown cells in a list refuse it all.
 */
function consentOf(answer: unknown, changes: CellWrites): boolean | readonly number[] {
  if (typeof answer !== "object" || answer === null || !("refused" in answer)) return answer === true;
  const { refused } = answer;
  if (!Array.isArray(refused)) return false;
  const named = new Set<unknown>(refused);
  const cells = new Set(changes.flatMap(([cell]) => (named.has(cell) ? cell : [])));
  return named.size > 0 && cells.size === 0 ? false : [...cells];
}
