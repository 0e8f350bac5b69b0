/*
 * Rights on each board. A board's rule gives everyone a right: `open` gives write, `read-only`
 * gives view, and `token` gives nothing. A token or the host app's hook (authorise.ts) can raise
 * the right but never lower it. The right to write includes viewing, and admin includes both.
 * Rights are checked at every request, so they end when their token expires, but pages that are
 * already watched stay watched.
 */

import { Refusal } from "../../protocol/errors.js";
import { type ByBoard, ofBoard, parseByBoard } from "../../store/by-board.js";
import type { Authorise } from "./authorise.js";
import type { Caller } from "./caller.js";
import type { CellWrites, Grant, Right, Verify } from "./grant.js";

const RULES = ["open", "read-only", "token"] as const;
export type AccessRule = (typeof RULES)[number];

const RANK = { nothing: 0, view: 1, write: 2, admin: 3 } as const;
const EVERYONE = { open: "write", "read-only": "view", token: "nothing" } as const satisfies Record<
  AccessRule,
  keyof typeof RANK
>;

export type AccessRules = ByBoard<AccessRule>;

export interface Visitor {
  readonly grant: Grant | undefined;
  /** Why the visitor's token was not accepted. The visitor keeps the rights that everyone has. */
  readonly problem?: Refusal | undefined;
  /** The secret id that an anonymous visitor's client keeps. It owns claims. */
  readonly id?: string | undefined;
}

export const ANYBODY: Visitor = { grant: undefined };

export class Access {
  readonly #rules: AccessRules;
  readonly #verify: Verify | undefined;
  readonly #now: () => number;
  readonly #authorise: Authorise | undefined;

  /** `now` returns milliseconds since 1970. `authorise` is asked after `verify`. */
  constructor(rules: AccessRules, verify: Verify | undefined, now: () => number = Date.now, authorise?: Authorise) {
    this.#rules = rules;
    this.#verify = verify;
    this.#now = now;
    this.#authorise = authorise;
  }

  /** Whether rights may depend on something besides a token, such as cookies. */
  get hasHook(): boolean {
    return this.#authorise !== undefined;
  }

  /** Rejects with the hook's Refusal. The hook does not get a token that was not accepted. */
  async visitor(caller: Caller): Promise<Visitor> {
    const verified = await this.#verified(caller.token);
    if (!this.#authorise) return verified;
    const shown = verified.problem ? { ...caller, token: undefined } : caller;
    return { ...verified, grant: await this.#authorise(shown) };
  }

  async #verified(token: string | undefined): Promise<Visitor> {
    try {
      return { grant: token === undefined ? undefined : await this.#verify?.(token) };
    } catch (error) {
      if (error instanceof Refusal) return { grant: undefined, problem: error };
      throw error;
    }
  }

  /** Throws the token's problem if the visitor may view none of these boards. */
  requireUse(visitor: Visitor, boards: Iterable<string>): void {
    if (visitor.problem && !Array.from(boards).some((board) => this.may(visitor, board, "view"))) throw visitor.problem;
  }

  ruleOf(board: string): AccessRule {
    return ofBoard(this.#rules, board);
  }

  rightOf(visitor: Visitor, board: string): Right | "nothing" {
    const all = EVERYONE[this.ruleOf(board)];
    const given = visitor.grant && !this.#hasExpired(visitor.grant) ? givenBy(visitor.grant, board) : "nothing";
    return RANK[given] > RANK[all] ? given : all;
  }

  may(visitor: Visitor, board: string, right: Right): boolean {
    return RANK[this.rightOf(visitor, board)] >= RANK[right];
  }

  /** Throws UNAUTHORIZED, TOKEN_EXPIRED, FORBIDDEN or the token's problem. */
  require(visitor: Visitor, board: string, right: Right): void {
    if (this.may(visitor, board, right)) return;
    const { grant, problem } = visitor;
    if (!grant) throw problem ?? new Refusal(this.#verify ? "UNAUTHORIZED" : "FORBIDDEN");
    throw new Refusal(
      this.#hasExpired(grant) && RANK[givenBy(grant, board)] >= RANK[right] ? "TOKEN_EXPIRED" : "FORBIDDEN",
    );
  }

  /**
   * Rejects with a Refusal if the host app refuses this write of a visitor who may write. Undefined
   * if the app is not asked, which takes no time.
   */
  requireConsent(visitor: Visitor, board: string, changes: CellWrites): Promise<void> | undefined {
    return visitor.grant?.mayWrite?.(board, changes).then(refuseUnlessGiven);
  }

  #hasExpired(grant: Grant): boolean {
    return grant.expiresMs <= this.#now();
  }
}

function refuseUnlessGiven(consent: boolean | readonly number[]): void {
  if (consent === false) throw new Refusal("FORBIDDEN");
  if (consent !== true && consent.length > 0) throw new Refusal("FORBIDDEN", { cells: consent });
}

export const OPEN_ACCESS = new Access({ boards: new Map(), others: "open" }, undefined);

function givenBy(grant: Grant, board: string): Right | "nothing" {
  return grant.boards.get(board) ?? grant.boards.get("*") ?? "nothing";
}

/**
 * Parses `token`, `main=open,seats=token`, or both: `read-only,seats=token`. Undefined for others.
 */
export function parseAccess(text: string): AccessRules | undefined {
  return parseByBoard(text, (name) => RULES.find((rule) => rule === name), "open");
}
