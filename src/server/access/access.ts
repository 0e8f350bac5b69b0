/*
 * Who may do what on which board. A board's rule says what everybody may; a token may give its bearer more, never less,
 * also one that is not accepted:
 *
 *     rule        everybody     a token is needed to
 *     open        write         admin
 *     read-only   view          write, admin
 *     token       nothing       view, write, admin
 *
 * The app around may have a hook that gives rights in a token's stead (authorise.ts).
 *
 * Rights grow: whoever may write may view, whoever is admin may both. They are asked at every request, so that the end of
 * a token ends what it gave; only what is being watched goes on.
 */

import { Refusal } from "../../protocol/errors.js";
import { type ByBoard, ofBoard, parseByBoard } from "../../store/by-board.js";
import type { Authorise } from "./authorise.js";
import type { Caller } from "./caller.js";
import type { CellWrites, Grant, Right, Verify } from "./grant.js";

export type AccessRule = "open" | "read-only" | "token";

const RANK = { nothing: 0, view: 1, write: 2, admin: 3 } as const;
const EVERYBODY = { open: "write", "read-only": "view", token: "nothing" } as const satisfies Record<
  AccessRule,
  keyof typeof RANK
>;

export type AccessRules = ByBoard<AccessRule>;

export const ALL_OPEN: AccessRules = { boards: new Map(), others: "open" };

/** Someone with rights of his own, or without. */
export interface Visitor {
  readonly grant: Grant | undefined;
  /** Why the token gives nothing, if one was sent. It takes nothing away: what everybody may do is left. */
  readonly problem?: Refusal;
}

export const ANYBODY: Visitor = { grant: undefined };

export class Access {
  readonly #rules: AccessRules;
  readonly #verify: Verify | undefined;
  readonly #now: () => number;
  readonly #authorise: Authorise | undefined;

  /** Without `verify` tokens give nothing. `now` is the time since 1970 in ms. `authorise` has the last word. */
  constructor(
    rules: AccessRules,
    verify: Verify | undefined,
    now: () => number = Date.now,
    authorise: Authorise | undefined = undefined,
  ) {
    this.#rules = rules;
    this.#verify = verify;
    this.#now = now;
    this.#authorise = authorise;
  }

  /** Whether more than the token may say who somebody is: cookies, for one. */
  get hasHook(): boolean {
    return this.#authorise !== undefined;
  }

  /** Who this is; rejects with a Refusal if the hook will not have them. The hook does not see a token that is not accepted. */
  async visitor(caller: Caller): Promise<Visitor> {
    const { grant, problem } = await this.#verified(caller.token);
    const given = problem ? { problem } : {};
    if (this.#authorise)
      return { grant: await this.#authorise(problem ? { ...caller, token: undefined } : caller), ...given };
    return { grant, ...given };
  }

  async #verified(token: string | undefined): Promise<Visitor> {
    try {
      return { grant: token === undefined ? undefined : await this.#verify?.(token) };
    } catch (error) {
      if (error instanceof Refusal) return { grant: undefined, problem: error };
      throw error;
    }
  }

  /** Throws what is wrong with the visitor's token if without it none of these boards may be viewed. */
  requireUse(visitor: Visitor, boards: Iterable<string>): void {
    if (visitor.problem && !Array.from(boards).some((board) => this.may(visitor, board, "view"))) throw visitor.problem;
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

  /** Throws UNAUTHORIZED, TOKEN_EXPIRED, FORBIDDEN, or what else is wrong with the token. */
  require(visitor: Visitor, board: string, right: Right): void {
    if (this.may(visitor, board, right)) return;
    const { grant, problem } = visitor;
    if (!grant) throw problem ?? new Refusal(this.#verify ? "UNAUTHORIZED" : "FORBIDDEN");
    throw new Refusal(
      this.#isOver(grant) && RANK[givenBy(grant, board)] >= RANK[right] ? "TOKEN_EXPIRED" : "FORBIDDEN",
    );
  }

  /** Rejects with a Refusal if the app has something against this write of someone who may write. */
  async requireConsent(visitor: Visitor, board: string, changes: CellWrites): Promise<void> {
    const { mayWrite } = visitor.grant ?? {};
    const answer = await (mayWrite?.(board, changes) ?? true);
    if (answer === false) throw new Refusal("FORBIDDEN");
    if (answer !== true && answer.length > 0) throw new Refusal("FORBIDDEN", { cells: answer });
  }

  #isOver(grant: Grant): boolean {
    return grant.expiresMs <= this.#now();
  }
}

export const OPEN_ACCESS = new Access(ALL_OPEN, undefined);

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
