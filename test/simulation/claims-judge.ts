/*
 * Judges the boards with claims:
 *
 *     owner     a cell has one owner at a time, and each commit is answered by it (claim-book.ts), failover included
 *     end       no claim is there 2 s after its end, as long as some instance reaches the store
 *     secret    nobody is told of a cell that was never theirs
 */

import { type PageRef, pageName } from "../../src/board/geometry.js";
import type { Clock } from "../../src/protocol/clock.js";
import { ofBoard } from "../../src/store/by-board.js";
import type { ClaimRules } from "../../src/store/claims.js";
import { ClaimBook } from "./claim-book.js";
import type { Host } from "./host.js";
import type { Judge } from "./judge.js";
import type { Entry, StoreServer } from "./store-server.js";

const LATE_MS_MAX = 2_000;

export class ClaimsJudge {
  readonly #rules: ClaimRules;
  readonly #clock: Clock;
  readonly #server: StoreServer;
  readonly #hosts: () => readonly Host[];
  readonly #judge: Judge;
  readonly #books = new Map<string, ClaimBook>();
  /** Cells with their owners, of all times and branches. */
  readonly #owners = new Set<string>();
  /** Ends that are being waited for. */
  readonly #awaited = new Set<string>();

  constructor(rules: ClaimRules, clock: Clock, server: StoreServer, hosts: () => readonly Host[], judge: Judge) {
    this.#rules = rules;
    this.#clock = clock;
    this.#server = server;
    this.#hosts = hosts;
    this.#judge = judge;
  }

  committed(entry: Entry): void {
    const { ref } = entry;
    const book = this.#bookOf(ref);
    if (!book) return;
    const wrong = book.take(entry) ?? book.differs(this.#server.held(ref));
    if (wrong) this.#judge.fail(`${pageName(ref)}: ${wrong}`);
    this.#note(ref, book);
  }

  /** The store has lost its last commits. */
  lostTail(): void {
    this.#books.clear();
    for (const entry of this.#server.entries) this.#bookOf(entry.ref)?.take(entry);
    for (const [name, book] of this.#books) {
      const [board = "", page] = name.split(":");
      this.#note({ board, page: Number(page) }, book);
    }
  }

  /** Whether the end of some claim is near, or has passed. Holds that were extended go on for long. */
  get isAnyEnding(): boolean {
    const now = this.#clock.now();
    return Array.from(this.#books.values()).some((book) => book.endsBy(now + book.rule.ms));
  }

  /** The cells that the owners have for long enough yet to renew their leases, each with its owner. */
  leasesOf(owners: ReadonlySet<string>): Set<string> {
    const now = this.#clock.now();
    const leases = Array.from(this.#books).flatMap(([name, { rule, owned }]) =>
      Array.from(owned).flatMap(([offset, { owner, endMs }]) =>
        owners.has(owner) && endMs > now + rule.ms / 2 ? `${owner}'s ${name} ${offset}` : [],
      ),
    );
    return new Set(leases);
  }

  hasOwned(owner: string, ref: PageRef, offset: number): boolean {
    return this.#owners.has(`${owner} ${pageName(ref)} ${offset}`);
  }

  #bookOf(ref: PageRef): ClaimBook | undefined {
    const rule = ofBoard(this.#rules, ref.board);
    if (!rule) return undefined;
    const book = this.#books.get(pageName(ref)) ?? new ClaimBook(rule);
    this.#books.set(pageName(ref), book);
    return book;
  }

  #note(ref: PageRef, book: ClaimBook): void {
    const now = this.#clock.now();
    for (const [offset, { owner, endMs }] of book.owned) {
      this.#owners.add(`${owner} ${pageName(ref)} ${offset}`);
      if (endMs < Number.POSITIVE_INFINITY) this.#awaitEnd(ref, offset, endMs, Math.max(now, endMs));
    }
  }

  #awaitEnd(ref: PageRef, offset: number, endMs: number, sinceMs: number): void {
    const key = `${pageName(ref)} ${offset} ${endMs}`;
    if (this.#awaited.has(key)) return;
    this.#awaited.add(key);
    this.#clock.after(sinceMs + LATE_MS_MAX - this.#clock.now(), () => {
      this.#awaited.delete(key);
      if (this.#bookOf(ref)?.owned.get(offset)?.endMs !== endMs) return;
      if (this.#isUpSince(sinceMs)) {
        this.#judge.fail(`${pageName(ref)}: the claim of cell ${offset} is there ${LATE_MS_MAX} ms after its end`);
      } else this.#awaitEnd(ref, offset, endMs, this.#clock.now());
    });
  }

  /** Whether some instance could reach the store all the time. */
  #isUpSince(ms: number): boolean {
    if (this.#server.isHung) return false;
    return this.#hosts().some(({ running, startedMs, troubledMs }) => running && startedMs <= ms && troubledMs < ms);
  }
}
