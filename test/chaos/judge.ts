/*
 * The judge: reads a history and says what in it must not be. It shares no code with the server and the library.
 *
 *     torn       a register is seen in a state that was never written whole
 *     invented   a register is seen at a counter that nobody has written yet, or whose write was refused
 *     back       someone sees a register go back. A store that lost its tail allows it once to each who looks, and only to
 *                the survivor's value or later. A write that took effect twice shows here: it sets the register back
 *     lost       nobody writes, and the store holds less than what was acknowledged: of the last write by the register, of
 *                those before by their marks in the ledger
 *     unfounded  nobody writes, and a contended cell holds a value for which no write accounts, see contended.ts
 *     stolen     a claimed cell has two owners, see claimed.ts; one that was refused, or is over, is kept; one that was
 *                acknowledged is missing
 *     apart      nobody writes, and someone shows something other than the store
 *     miscount   the store's count of checked cells differs from its bits
 *     stuck      the harness waited in vain
 */

import { ClaimedCells, type ClaimWrite, differences } from "./claimed.js";
import { type CellWrite, ContendedCells } from "./contended.js";
import type { Happening, State, Target } from "./history.js";
import { decodeWord, markOf, pageOfRegister } from "./register.js";

export interface Violation {
  readonly rule: "torn" | "invented" | "back" | "lost" | "unfounded" | "stolen" | "apart" | "miscount" | "stuck";
  readonly text: string;
  /** The faults that were on, or the last that was. */
  readonly during: string;
}

interface WriteRecord {
  readonly target: Target;
  readonly invokedAt: number;
  /** Where it is one to a contended cell. */
  readonly cellWrite: CellWrite | undefined;
  /** Where it is one to a claimed cell. */
  readonly claim: (ClaimWrite & { readonly isNew: boolean }) | undefined;
}

type Fork = Extract<Happening, { kind: "forked" }>;

interface Forked extends Fork {
  readonly at: number;
  /** The counter of each register that a viewer may be set back to, by number; 0 where there is none. */
  readonly least: readonly number[];
}

interface Look {
  counter: number;
  /** Forks up to here have been used to excuse a step back. */
  forksUsed: number;
}

/** Enough to understand a failure; after a real one there may be thousands. */
const VIOLATIONS_MAX = 20;

export class Judge {
  readonly violations: Violation[] = [];
  readonly #writes = new Map<number, WriteRecord>();
  readonly #contended = new ContendedCells();
  readonly #claimed = new ClaimedCells();
  readonly #invoked: number[] = [];
  readonly #acknowledged: number[] = [];
  /** Of each register, the acknowledged writes that its ledger must show, by the index of the mark. */
  readonly #marks = new Map<number, Map<number, number>>();
  readonly #refused = new Set<string>();
  readonly #looks = new Map<string, Look>();
  readonly #forks: Forked[] = [];
  readonly #faults = new Set<string>();
  #lastFault = "no fault";
  #at = 0;

  take(happening: Happening): void {
    this.#at++;
    switch (happening.kind) {
      case "invoked":
        this.#invoke(happening);
        break;
      case "settled":
        this.#settle(happening);
        break;
      case "seen":
        this.#see(happening.user, happening.register, happening.word);
        break;
      case "struck":
        this.#faults.add(happening.fault);
        this.#lastFault = happening.fault;
        break;
      case "healed":
        this.#faults.delete(happening.fault);
        break;
      case "forked":
        this.#fork(happening);
        break;
      case "quiet":
        this.#compare(happening.store, happening.counted, happening.users);
        break;
      case "owned":
        for (const text of differences(happening.claimed)) this.#accuse("apart", text);
        for (const text of this.#claimed.judge(happening.claimed, happening.ms)) this.#accuse("stolen", text);
        break;
      case "stuck":
        this.#accuse("stuck", happening.what);
        break;
    }
  }

  #invoke({ write, user, target, ms }: Extract<Happening, { kind: "invoked" }>): void {
    const at = this.#at;
    const cellWrite = target.kind === "cell" ? this.#contended.begin(target.cell, target.value, at) : undefined;
    const claim = target.kind === "claim" ? { ...target, user, invokedAt: at, invokedMs: ms } : undefined;
    const begun = claim && { ...claim, isNew: this.#claimed.begin(claim) };
    this.#writes.set(write, { target, invokedAt: at, cellWrite, claim: begun });
    if (target.kind !== "register") return;
    this.#invoked[target.register] = target.counter;
    // From now on the mark of a lap ago may be written over.
    this.#marksOf(target.register).delete(markOf(target.counter).index);
  }

  #settle({ write: number, outcome, ms }: Extract<Happening, { kind: "settled" }>): void {
    const write = this.#writes.get(number);
    if (!write) throw new Error(`write ${number} was settled but never invoked`);
    this.#writes.delete(number);
    const { target, cellWrite, claim } = write;
    if (cellWrite) {
      cellWrite.outcome = outcome;
      if (outcome !== "unknown") cellWrite.settledAt = this.#at;
    }
    if (claim) {
      const isSure = !this.#forks.some((fork) => fork.at > write.invokedAt && !fork.keepsAcknowledged);
      const stolen = this.#claimed.settle(claim, outcome, claim.isNew, isSure, this.#at, ms);
      if (stolen) this.#accuse("stolen", stolen);
    }
    if (target.kind !== "register") return;
    if (outcome === "refused") this.#refused.add(`${target.register}:${target.counter}`);
    // One that was under way while the store forked may have been acknowledged by the side that was lost.
    const isFromBefore = this.#forks.some(
      (fork) => concerns(fork, target.register) && fork.at > write.invokedAt && !fork.keepsAcknowledged,
    );
    if (outcome !== "acknowledged" || isFromBefore) return;
    this.#acknowledged[target.register] = target.counter;
    this.#marksOf(target.register).set(markOf(target.counter).index, target.counter);
  }

  #see(user: number, register: number, word: number): void {
    const who = `user ${user} sees register ${register}`;
    const counter = decodeWord(register, word);
    if (counter === undefined) {
      this.#accuse("torn", `${who} as ${word.toString(16)}, which was never written`);
      return;
    }
    this.#checkWritten(who, register, counter);
    const name = `${user}:${register}`;
    const look = this.#looks.get(name) ?? { counter, forksUsed: 0 };
    this.#looks.set(name, look);
    if (counter < look.counter && !this.#excuse(look, register, counter)) {
      this.#accuse("back", `${who} go back from ${look.counter} to ${counter}`);
    }
    look.counter = counter;
  }

  /** A fork that allows this step back, and has not yet allowed one to the same viewer. */
  #excuse(look: Look, register: number, counter: number): boolean {
    for (let index = look.forksUsed; index < this.#forks.length; index++) {
      const fork = this.#forks[index];
      if (!fork || !concerns(fork, register) || counter < (fork.least[register] ?? 0)) continue;
      look.forksUsed = index + 1;
      return true;
    }
    return false;
  }

  #fork(fork: Fork): void {
    const { survivor, keepsAcknowledged } = fork;
    const least = this.#invoked.map((_, register) => {
      if (survivor) return decodeWord(register, survivor.words[register] ?? 0) ?? 0;
      return keepsAcknowledged ? (this.#acknowledged[register] ?? 0) : 0;
    });
    this.#forks.push({ ...fork, at: this.#at, least });
    if (!keepsAcknowledged) this.#forgive(fork, least);
  }

  /** What was acknowledged before a fork, and is not in the survivor, need not be there any more. */
  #forgive(fork: Fork, least: readonly number[]): void {
    for (const [register, kept] of least.entries()) {
      if (!concerns(fork, register)) continue;
      this.#acknowledged[register] = kept;
      const marks = this.#marksOf(register);
      for (const [index, counter] of marks) if (counter > kept) marks.delete(index);
    }
    this.#claimed.fork();
    this.#contended.fork(fork.pages, fork.survivor?.cells, this.#at);
  }

  #compare(store: State, counted: number, users: readonly State[]): void {
    if (counted !== store.checked)
      this.#accuse("miscount", `${store.checked} cells are checked, the heads say ${counted}`);
    for (const [register, word] of store.words.entries()) {
      const counter = decodeWord(register, word);
      if (counter === undefined) {
        this.#accuse("torn", `the store holds register ${register} as ${word.toString(16)}`);
        continue;
      }
      this.#checkWritten(`the store holds register ${register}`, register, counter);
      const least = this.#acknowledged[register] ?? 0;
      if (counter < least) this.#accuse("lost", `register ${register} is at ${counter}, acknowledged was ${least}`);
      this.#compareLedger(register, store.ledgers[register] ?? "");
    }
    for (const [cell, value] of store.cells.entries()) {
      const isFounded = this.#contended.isFounded(cell, value, this.#at);
      if (!isFounded) this.#accuse("unfounded", `contended cell ${cell} is ${value}`);
    }
    for (const [user, shown] of users.entries()) this.#compareUser(user, shown, store);
  }

  #compareLedger(register: number, ledger: string): void {
    for (const [index, counter] of this.#marksOf(register)) {
      const isThere = (ledger[index] === "1") === markOf(counter).value;
      if (!isThere) this.#accuse("lost", `write ${counter} of register ${register} was acknowledged and left no mark`);
    }
  }

  #marksOf(register: number): Map<number, number> {
    const marks = this.#marks.get(register) ?? new Map<number, number>();
    this.#marks.set(register, marks);
    return marks;
  }

  #compareUser(user: number, shown: State, store: State): void {
    const parts: string[] = [];
    for (const [register, word] of store.words.entries()) {
      if (shown.words[register] !== word) parts.push(`register ${register}`);
      if (shown.ledgers[register] !== store.ledgers[register]) parts.push(`ledger ${register}`);
    }
    for (const [cell, value] of store.cells.entries()) if (shown.cells[cell] !== value) parts.push(`cell ${cell}`);
    if (shown.checked !== store.checked) parts.push(`${shown.checked} instead of ${store.checked} checked cells`);
    if (parts.length > 0) this.#accuse("apart", `user ${user} differs from the store: ${parts.join(", ")}`);
  }

  #checkWritten(who: string, register: number, counter: number): void {
    if (counter > (this.#invoked[register] ?? 0)) {
      this.#accuse("invented", `${who} at ${counter}, which nobody has written yet`);
    } else if (this.#refused.has(`${register}:${counter}`)) {
      this.#accuse("invented", `${who} at ${counter}, whose write was refused`);
    }
  }

  #accuse(rule: Violation["rule"], text: string): void {
    if (this.violations.length >= VIOLATIONS_MAX) return;
    const during = this.#faults.size > 0 ? [...this.#faults].join(" and ") : `after ${this.#lastFault}`;
    this.violations.push({ rule, text, during });
  }
}

function concerns(fork: Fork, register: number): boolean {
  return fork.pages.includes(pageOfRegister(register));
}
