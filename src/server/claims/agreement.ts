/*
 * The agreement on claims: every instance of a store must judge a board's claims by the same rule.
 * The rule stands in the board's record. An instance whose CLAIMS differ changes the records if no
 * other instance runs, and does not start otherwise.
 */

import { ofBoard } from "../../store/by-board.js";
import { type ClaimRules, describeRule, formatRule } from "../../store/claims.js";
import { NOBODY } from "../../store/roll.js";
import { type Store, StoreUnusable } from "../../store/store.js";

const ATTEMPTS_MAX = 10;

/**
 * `boards` are those of BOARDS. Rejects with StoreAway, or with StoreUnusable if running instances
 * have other rules.
 */
export async function agreeOnClaims(
  store: Pick<Store, "boards" | "enroll">,
  boards: readonly string[],
  rules: ClaimRules,
): Promise<void> {
  // Other boards were added at run time, and have the rules that they were added with.
  const isNamed = (name: string) => boards.includes(name) || rules.boards.has(name);
  for (let attempt = 0; attempt < ATTEMPTS_MAX; attempt++) {
    const records = (await store.boards.list()) ?? new Map();
    const other = Array.from(records).filter(
      ([name, { claims }]) => isNamed(name) && claims !== formatRule(ofBoard(rules, name)),
    );
    if (other.length === 0) return;
    const running = await store.enroll(NOBODY, "");
    const [[name, { claims }] = ["", { claims: undefined }]] = other;
    if (running.length > 0) {
      throw new StoreUnusable(
        `in the store, board ${name} has ${describeRule(claims)}, ` +
          `but CLAIMS gives it ${describeRule(formatRule(ofBoard(rules, name)))}. ` +
          "Instances are running, or ran a moment ago: use the same CLAIMS as they do, or stop all of them first",
      );
    }
    for (const [name, record] of other) {
      const { claims: _, ...rest } = record;
      const rule = formatRule(ofBoard(rules, name));
      await store.boards.change(name, record, rule === undefined ? rest : { ...rest, claims: rule });
    }
  }
  throw new StoreUnusable(
    "the claim rules cannot be written: another program keeps changing the boards. Stop it, then start this instance again",
  );
}
