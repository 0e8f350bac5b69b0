/*
 * What happened in a chaos run, in the order in which it happened, as plain data: what the users did and saw, and what
 * the harness did to them. The judge reads nothing else.
 */

import type { Claimed, ClaimedCell } from "./claimed.js";

/** What one party holds: each register's word and ledger, and each contended cell, by number. */
export interface State {
  readonly words: readonly number[];
  /** The cells of each ledger as a text of 0 and 1. */
  readonly ledgers: readonly string[];
  readonly cells: readonly boolean[];
  /** Checked cells of the whole board. */
  readonly checked: number;
}

export type Target =
  | { readonly kind: "claim"; readonly cell: ClaimedCell; readonly value: boolean }
  | { readonly kind: "register"; readonly register: number; readonly counter: number }
  | { readonly kind: "cell"; readonly cell: number; readonly value: boolean };

/** refused: it had no effect and will have none. unknown: it may have one, now or later. */
export type WriteOutcome = "acknowledged" | "refused" | "unknown";

export type Happening =
  | {
      readonly kind: "invoked";
      readonly ms: number;
      readonly write: number;
      readonly user: number;
      readonly target: Target;
    }
  | { readonly kind: "settled"; readonly ms: number; readonly write: number; readonly outcome: WriteOutcome }
  | { readonly kind: "seen"; readonly user: number; readonly register: number; readonly word: number }
  /** A fault begins; ends. */
  | { readonly kind: "struck"; readonly fault: string }
  | { readonly kind: "healed"; readonly fault: string }
  /**
   * The store lost its tail: from here on its history goes on from `survivor`, read while nobody could write; where that
   * could not be had, from some earlier state. `pages` are those concerned. Where acknowledging waits for replicas, only
   * what was not acknowledged may be lost.
   */
  | {
      readonly kind: "forked";
      readonly survivor: State | undefined;
      readonly pages: readonly number[];
      readonly keepsAcknowledged: boolean;
    }
  /** Nobody writes. `users` are what they show when they equal the store, or when the time for that is over. */
  | { readonly kind: "quiet"; readonly store: State; readonly counted: number; readonly users: readonly State[] }
  /** The same of the boards with claims. `ms` is when all was read. */
  | { readonly kind: "owned"; readonly ms: number; readonly claimed: Claimed }
  /** Something that must happen did not. */
  | { readonly kind: "stuck"; readonly what: string };

export class History {
  readonly #listener: (happening: Happening) => void;
  #writes = 0;
  #forks = 0;

  constructor(listener: (happening: Happening) => void) {
    this.#listener = listener;
  }

  /** How often the store lost its tail. */
  get forks(): number {
    return this.#forks;
  }

  add(happening: Happening): void {
    if (happening.kind === "forked") this.#forks++;
    this.#listener(happening);
  }

  /** Records a write's beginning; returns how to record its end. */
  invoke(user: number, target: Target): (outcome: WriteOutcome) => void {
    const write = this.#writes++;
    this.add({ kind: "invoked", ms: performance.now(), write, user, target });
    return (outcome) => this.add({ kind: "settled", ms: performance.now(), write, outcome });
  }
}
