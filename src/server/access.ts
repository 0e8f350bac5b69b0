/*
 * Who may do what on which board. A board's rule says what everybody may; a token may give its bearer more, never less:
 *
 *     rule        everybody     a token is needed to
 *     open        write         admin
 *     read-only   view          write, admin
 *     token       nothing       view, write, admin
 *
 * Rights grow: whoever may write may view, whoever is admin may both. They are asked at every request, so that the end of
 * a token ends what it gave; only what is being watched goes on.
 */

import { Refusal } from "../protocol/errors.js";
import { type ByBoard, ofBoard, parseByBoard } from "../store/by-board.js";

export type Right = "view" | "write" | "admin";
export type AccessRule = "open" | "read-only" | "token";

const RANK = { nothing: 0, view: 1, write: 2, admin: 3 } as const;
const EVERYBODY = { open: "write", "read-only": "view", token: "nothing" } as const satisfies Record<
  AccessRule,
  keyof typeof RANK
>;

export type AccessRules = ByBoard<AccessRule>;

export const ALL_OPEN: AccessRules = { boards: new Map(), others: "open" };

/** What a token gives, once it has been verified. */
export interface Grant {
  /** Whom it was given to, for the log. */
  readonly subject: string;
  /** Board -> right; `*` stands for every board that is not named. */
  readonly boards: ReadonlyMap<string, Right>;
  /** Milliseconds since 1970. */
  readonly expiresMs: number;
}

/** Verifies a token; rejects with a Refusal. */
export type Verify = (token: string) => Promise<Grant>;

/** Someone with a token, or without. */
export interface Visitor {
  readonly grant: Grant | undefined;
}

export const ANYBODY: Visitor = { grant: undefined };

export class Access {
  readonly #rules: AccessRules;
  readonly #verify: Verify | undefined;
  readonly #now: () => number;

  /** Without `verify` tokens give nothing. `now` is the time since 1970 in ms. */
  constructor(rules: AccessRules, verify: Verify | undefined, now: () => number = Date.now) {
    this.#rules = rules;
    this.#verify = verify;
    this.#now = now;
  }

  /** Who bears this token; rejects with a Refusal if it is not to be trusted. */
  async visitor(token: string | undefined): Promise<Visitor> {
    if (token === undefined || !this.#verify) return ANYBODY;
    return { grant: await this.#verify(token) };
  }

  ruleOf(board: string): AccessRule {
    return ofBoard(this.#rules, board);
  }

  /** What the visitor may do on the board now. */
  rightOf(visitor: Visitor, board: string): Right | "nothing" {
    const all = EVERYBODY[this.ruleOf(board)];
    const given = visitor.grant && !this.#isOver(visitor.grant) ? givenBy(visitor.grant, board) : "nothing";
    return RANK[given] > RANK[all] ? given : all;
  }

  may(visitor: Visitor, board: string, right: Right): boolean {
    return RANK[this.rightOf(visitor, board)] >= RANK[right];
  }

  /** Throws UNAUTHORIZED, TOKEN_EXPIRED or FORBIDDEN. */
  require(visitor: Visitor, board: string, right: Right): void {
    if (this.may(visitor, board, right)) return;
    const { grant } = visitor;
    if (!grant) throw new Refusal(this.#verify ? "UNAUTHORIZED" : "FORBIDDEN");
    throw new Refusal(
      this.#isOver(grant) && RANK[givenBy(grant, board)] >= RANK[right] ? "TOKEN_EXPIRED" : "FORBIDDEN",
    );
  }

  #isOver(grant: Grant): boolean {
    return grant.expiresMs <= this.#now();
  }
}

export const OPEN_ACCESS = new Access(ALL_OPEN, undefined);

export function isRight(value: unknown): value is Right {
  return value === "view" || value === "write" || value === "admin";
}

function givenBy(grant: Grant, board: string): Right | "nothing" {
  return grant.boards.get(board) ?? grant.boards.get("*") ?? "nothing";
}

/** `token`, or `main=open,seats=token`, or both: `read-only,seats=token`; undefined if it is neither. */
export function parseAccess(text: string): AccessRules | undefined {
  return parseByBoard(text, (name) => (isRule(name) ? name : undefined), "open");
}

function isRule(name: string): name is AccessRule {
  return Object.hasOwn(EVERYBODY, name);
}
