/*
 * A model of the server that holds the pages: the plainest thing that keeps the contract. It can
 * lose acknowledged commits, as when a replica takes over or an older dump is restored.
 *
 * All state is the effect of a list of commits, as it would be on a replica that was sent them. A
 * failover cuts off the end of the list and applies the rest again: data and the memory of sequence
 * numbers go back together. Only frozen ranges stay, because nobody freezes in a simulation.
 */

import { countBits, getBit, setBit } from "../../src/board/bitmap.js";
import { changedOffset, changedValue, type Delta, packChanges, type Snapshot } from "../../src/board/delta.js";
import { type PageRef, pageName } from "../../src/board/geometry.js";
import { GENESIS, type Position, samePosition } from "../../src/board/position.js";
import {
  type Claim,
  ClaimJudge,
  type ClaimRules,
  claimOf,
  type Held,
  hasNotEnded,
  RuleBook,
} from "../../src/store/claims.js";
import { expiry } from "../../src/store/expiry.js";
import { FROZEN_RANGES_MAX, isIn, type OffsetRange, withRange } from "../../src/store/frozen.js";
import { loggedSince } from "../../src/store/logged.js";
import { LocalRoll } from "../../src/store/roll.js";
import { NOTHING_SEEN, type Seen, takeSeq } from "../../src/store/seen.js";
import type {
  Batch,
  Committed,
  PageClaims,
  PageHead,
  Released,
  Replaced,
  Since,
  WriteOutcome,
} from "../../src/store/store.js";
import { newTag } from "../../src/store/tag.js";
import { boardsInMemory, listInMemory } from "../support/list-in-memory.js";
import { History } from "./history.js";

const UNTOUCHED = { position: GENESIS, checked: 0 };

/** One commit, as it would be sent to a replica of the server. */
export interface Entry {
  readonly ref: PageRef;
  readonly batch: Batch;
  readonly outcomes: readonly WriteOutcome[];
  /** As in `Committed`. */
  readonly claimed: readonly (readonly number[])[];
  /** When it was committed. */
  readonly nowMs: number;
}

interface Page {
  position: Position;
  readonly bits: Uint8Array;
  log: Delta[];
  readonly seen: Map<string, Seen>;
  readonly claims: Map<number, Held>;
}

export interface StoreServerOptions {
  /**
   * Bytes of a page: no more than the board of a simulation needs, so that a thousand runs cost
   * little.
   */
  readonly pageBytes: number;
  /** Deltas a page's log keeps. */
  readonly logMax: number;
  /**
   * The name under which a batch's tag is kept: makes a run independent of the random bytes in real
   * tags.
   */
  readonly tagFor?: (tag: string) => string;
  readonly claims?: ClaimRules;
  /** The server's clock, in ms. */
  readonly now?: () => number;
}

export interface StoreServerListener {
  committed(entry: Entry, position: Position): void;
  published(name: string, delta: Delta, claims?: readonly Claim[]): void;
  /** The last commits are lost: those that are left are in `entries`. */
  lostTail?(): void;
  /** Two states of one page under one position. */
  confused(name: string, position: Position): void;
}

export class StoreServer {
  /** What every replica of the server would have been sent. */
  entries: Entry[] = [];
  /** Commits that were made, perhaps acknowledged, and then lost. */
  readonly lost: Entry[] = [];
  /** Lives on another server than the pages, as on a cluster: it does not go back with them. */
  readonly tallies = listInMemory();
  readonly boards = boardsInMemory();
  readonly roll = new LocalRoll(() => 0);
  readonly rules: RuleBook;
  readonly #options: StoreServerOptions;
  readonly #listener: StoreServerListener;
  readonly #histories = new Map<string, History>();
  readonly #frozen = new Map<string, readonly OffsetRange[]>();
  #pages = new Map<string, Page>();
  #waiting: (() => void)[] | undefined;

  constructor(options: StoreServerOptions, listener: StoreServerListener) {
    this.#options = options;
    this.rules = new RuleBook(options.claims);
    this.#listener = listener;
  }

  get isHung(): boolean {
    return this.#waiting !== undefined;
  }

  /**
   * Stops serving, as a process that is stopped: requests that arrive are kept and served in order
   * later.
   */
  hang(): void {
    this.#waiting ??= [];
  }

  resume(): void {
    const waiting = this.#waiting ?? [];
    this.#waiting = undefined;
    for (const serve of waiting) serve();
  }

  /** What had arrived is lost with the server. */
  die(): void {
    this.#waiting = undefined;
  }

  /** A request arrived. */
  serve(request: () => void): void {
    if (this.#waiting) this.#waiting.push(request);
    else request();
  }

  commit(ref: PageRef, batch: Batch): Committed {
    const { tagFor } = this.#options;
    const named = tagFor ? { ...batch, tag: tagFor(batch.tag) } : batch;
    const nowMs = this.#now;
    const { outcomes, delta, page, claimed, claims } = this.#apply(ref, named, nowMs);
    const name = pageName(ref);
    const entry = { ref, batch: named, outcomes, claimed, nowMs };
    this.entries.push(entry);
    if (delta && !this.history(name).add(delta.from, delta.to, page.bits)) this.#listener.confused(name, delta.to);
    this.#listener.committed(entry, page.position);
    if (delta) this.#listener.published(name, delta, claims);
    return {
      ...{ position: page.position, outcomes, checked: countBits(page.bits) },
      ...(outcomes.includes("frozen") && { frozen: this.#frozenOf(ref) }),
      ...(claimed.length > 0 && { claimed }),
    };
  }

  freeze(ref: PageRef, range: OffsetRange, isFrozen: boolean): boolean {
    const ranges = withRange(this.#frozenOf(ref), range, isFrozen);
    if (ranges.length > FROZEN_RANGES_MAX) return false;
    this.#frozen.set(pageName(ref), ranges);
    return true;
  }

  /**
   * Nobody does so in a simulation: it is not among the entries, and would not come back with them.
   */
  replace(ref: PageRef, tag: string, bits: Uint8Array): Replaced {
    const page = this.#page(ref);
    const after = new Uint8Array(page.bits.length);
    after.set(bits);
    const isReplaced = Buffer.compare(after, page.bits) !== 0;
    if (isReplaced) {
      const from = { version: page.position.version, tag: newTag() };
      const to = { version: page.position.version + 1, tag };
      this.history(pageName(ref)).add(page.position, to, after);
      page.position = to;
      page.bits.set(after);
      page.log = [];
      for (const offset of page.claims.keys()) if (getBit(after, offset) === 0) page.claims.delete(offset);
      const delta: Delta = { kind: "delta", page: ref.page, from, to: page.position, changes: new Uint32Array(0) };
      this.#listener.published(pageName(ref), delta);
    }
    return { position: page.position, checked: countBits(page.bits), isReplaced };
  }

  /** The claims of checked cells, also those that have ended and were not released yet. */
  held(ref: PageRef): ReadonlyMap<number, Held> {
    const { claims, bits } = this.#page(ref);
    return new Map(Array.from(claims).filter(([offset]) => getBit(bits, offset) === 1));
  }

  claims(ref: PageRef): PageClaims {
    const { position, claims, bits } = this.#page(ref);
    const nowMs = this.#now;
    const counting = Array.from(claims).filter(
      ([offset, held]) => hasNotEnded(held, nowMs) && getBit(bits, offset) === 1,
    );
    return { position, claims: counting.map(([offset, held]) => claimOf(offset, held, nowMs)) };
  }

  releaseExpired(released: Released): boolean {
    for (const [name, { claims }] of this.#pages) {
      const [board = "", page] = name.split(":");
      const ref = { board, page: Number(page) };
      const ended = Array.from(claims).flatMap(([offset, held]) => (hasNotEnded(held, this.#now) ? [] : offset));
      if (ended.length === 0) continue;
      released(ref, ended, this.commit(ref, expiry(ended)));
    }
    return false;
  }

  snapshot(ref: PageRef): Snapshot {
    const { position, bits } = this.#page(ref);
    return { kind: "snapshot", page: ref.page, position, bits: bits.slice() };
  }

  since(ref: PageRef, position: Position): Since {
    const page = this.#page(ref);
    if (samePosition(page.position, position)) return { kind: "deltas", deltas: [] };
    const rest = page.log.slice(page.log.findIndex((delta) => samePosition(delta.from, position)));
    const deltas = loggedSince(rest, position, page.position);
    return deltas ? { kind: "deltas", deltas } : this.snapshot(ref);
  }

  position(ref: PageRef): Position {
    return this.#page(ref).position;
  }

  /** Makes no page that was never touched: a board may have thousands. */
  head(ref: PageRef): PageHead {
    const page = this.#pages.get(pageName(ref));
    const frozen = this.#frozenOf(ref);
    return page ? { position: page.position, checked: countBits(page.bits), frozen } : { ...UNTOUCHED, frozen };
  }

  /**
   * A replica takes over that lacks the last `count` commits; or, with many, an older dump was
   * restored.
   */
  loseTail(count: number, isOf: (ref: PageRef) => boolean = () => true): void {
    const lost = new Set(this.entries.filter(({ ref }) => isOf(ref)).slice(-count));
    this.lost.push(...lost);
    this.entries = this.entries.filter((entry) => !lost.has(entry));
    this.#pages = new Map();
    for (const { ref, batch, nowMs } of this.entries) this.#apply(ref, batch, nowMs);
    this.#listener.lostTail?.();
  }

  trimLogs(): void {
    for (const page of this.#pages.values()) page.log = [];
  }

  history(name: string): History {
    const known = this.#histories.get(name);
    if (known) return known;
    const history = new History(this.#options.pageBytes);
    this.#histories.set(name, history);
    return history;
  }

  /** Whether a position of a page is on the surviving branch. */
  survives(ref: PageRef, position: Position): boolean {
    return this.history(pageName(ref)).leads(position, this.position(ref));
  }

  get #now(): number {
    return Math.floor(this.#options.now?.() ?? Date.now());
  }

  #frozenOf(ref: PageRef): readonly OffsetRange[] {
    return this.#frozen.get(pageName(ref)) ?? [];
  }

  #page(ref: PageRef): Page {
    const name = pageName(ref);
    const known = this.#pages.get(name);
    if (known) return known;
    const bits = new Uint8Array(this.#options.pageBytes);
    const page: Page = { position: GENESIS, bits, log: [], seen: new Map(), claims: new Map() };
    this.#pages.set(name, page);
    return page;
  }

  #apply(ref: PageRef, batch: Batch, nowMs: number) {
    const page = this.#page(ref);
    const rule = this.rules.of(ref.board);
    const isChecked = (offset: number) => getBit(page.bits, offset) === 1;
    const judge = rule && new ClaimJudge(rule, nowMs, (offset) => page.claims.get(offset), isChecked);
    const claimed: number[][] = [];
    const touched = new Set<number>();
    const frozen = batch.overridesFreeze ? [] : this.#frozenOf(ref);
    const outcomes = batch.writes.map((write): WriteOutcome => {
      const isFrozen = frozen.length > 0 && write.changes.some((change) => isIn(frozen, changedOffset(change)));
      const { outcome, seen } = takeSeq(page.seen.get(write.session) ?? NOTHING_SEEN, write.seq);
      const isSeen = write.session !== "" && outcome !== "accepted";
      if (isSeen && outcome === "stale") return outcome;
      if (!isSeen && isFrozen) return "frozen";
      const refused = judge?.refusedBy(write, isSeen) ?? [];
      if (write.session !== "" && !isSeen) page.seen.set(write.session, seen);
      if (refused.length > 0) {
        claimed.push(refused);
        return "claimed";
      }
      if (isSeen) return outcome;
      for (const change of write.changes) {
        const [offset, value] = [changedOffset(change), changedValue(change)];
        const effect = judge?.apply(write, offset, value) ?? "set";
        if (effect === "mention" || (effect === "set" && setBit(page.bits, offset, value))) touched.add(offset);
      }
      return "accepted";
    });
    for (const [offset, held] of judge?.changed ?? []) {
      if (held) page.claims.set(offset, held);
      else page.claims.delete(offset);
    }
    const claims = judge && judge.news.length > 0 ? judge.news : undefined;
    if (touched.size === 0) return { outcomes, delta: undefined, page, claimed, claims };
    const delta: Delta = {
      kind: "delta",
      page: ref.page,
      from: page.position,
      to: { version: page.position.version + 1, tag: batch.tag },
      changes: packChanges(Array.from(touched, (offset) => [offset, getBit(page.bits, offset)] as const)),
    };
    page.position = delta.to;
    page.log = this.#options.logMax > 0 ? [...page.log, delta].slice(-this.#options.logMax) : [];
    return { outcomes, delta, page, claimed, claims };
  }
}
