/*
 * The pages of the embedded store, in LMDB tables. They follow the rules of commit.lua and
 * since.lua. Methods that write must be called inside a transaction, which makes their reads and
 * writes one step.
 */

import type { Database, RootDatabase } from "lmdb";
import { type Bit, countBits, eachDifference, getBit, setBit } from "../../board/bitmap.js";
import { changedOffset, changedValue, type Delta, packChanges, type Snapshot } from "../../board/delta.js";
import type { PageRef } from "../../board/geometry.js";
import type { Position } from "../../board/position.js";
import { type Claim, ClaimJudge, type RuleBook } from "../claims.js";
import { DamagedPage, type Damages } from "../damage.js";
import { FROZEN_RANGES_MAX, isIn, type OffsetRange, withRange } from "../frozen.js";
import { deltaTo, isDelta, loggedSince, PAGE_BYTES } from "../logged.js";
import { encodeOps } from "../ops.js";
import type { Batch, Committed, PageClaims, PageHead, Replaced, Since } from "../store.js";
import { newTag } from "../tag.js";
import { EmbeddedClaims } from "./claims.js";
import type { EmbeddedHistory } from "./history.js";
import { decodeHead, decodePage, encodePage, type StoredPage, UNTOUCHED } from "./page-record.js";
import type { Sessions } from "./sessions.js";

type PageKey = [board: string, page: number];
type LogKey = [board: string, page: number, version: number];

interface LogEntry {
  readonly fromTag: string;
  readonly toTag: string;
  readonly ops: string;
}

/** The answer, with the delta to publish if the page moved. */
interface Done<Answer> {
  readonly answer: Answer;
  readonly delta?: Delta | undefined;
  /** The claims that changed, as they are now. */
  readonly claims?: readonly Claim[] | undefined;
}

export interface EmbeddedPagesParts {
  readonly sessions: Sessions;
  readonly history: EmbeddedHistory;
  readonly damages: Damages;
  readonly logDeltasMax: number;
  readonly rules: RuleBook;
  /** Milliseconds since 1970. */
  readonly now: () => number;
}

export class EmbeddedPages {
  readonly #parts: EmbeddedPagesParts;
  readonly #pages: Database<Buffer, PageKey>;
  readonly #log: Database<LogEntry, LogKey>;
  readonly #frozen: Database<OffsetRange[], PageKey>;
  readonly #claims: EmbeddedClaims;

  constructor(root: RootDatabase, parts: EmbeddedPagesParts) {
    this.#parts = parts;
    this.#pages = root.openDB({ name: "pages", encoding: "binary" });
    this.#log = root.openDB({ name: "log" });
    this.#frozen = root.openDB({ name: "frozen" });
    this.#claims = new EmbeddedClaims(root);
  }

  /** Undefined if the record is invalid, which is reported. */
  head(ref: PageRef): PageHead | undefined {
    const record = this.#pages.getBinaryFast([ref.board, ref.page]);
    try {
      return { ...(record ? decodeHead(record) : UNTOUCHED_HEAD), frozen: this.frozen(ref) };
    } catch (error) {
      if (!(error instanceof DamagedPage)) throw error;
      this.#parts.damages.found(ref, "record", false, error);
      return undefined;
    }
  }

  read(ref: PageRef): Snapshot {
    const { position, bits } = this.#load(ref);
    return { kind: "snapshot", page: ref.page, position, bits };
  }

  since(ref: PageRef, position: Position): Since {
    const page = this.#load(ref);
    const deltas = loggedSince(this.#logged(ref, position.version, page.position.version), position, page.position);
    return deltas ? { kind: "deltas", deltas } : this.read(ref);
  }

  commit(ref: PageRef, batch: Batch): Done<Committed> {
    const before = this.#load(ref);
    const page = { ...before, bits: new Uint8Array(PAGE_BYTES) };
    page.bits.set(before.bits);
    const isRotated = this.#parts.sessions.rotate(ref, page);
    const effects: [number, Bit][] = [];
    // Also the cells of which only the claim has changed.
    const mentions: [number, Bit][] = [];
    const frozen = batch.overridesFreeze ? [] : this.frozen(ref);
    const judge = this.#judge(ref, page.bits);
    const claimed: number[][] = [];
    const outcomes = batch.writes.map((write) => {
      const isFrozen = frozen.length > 0 && write.changes.some((change) => isIn(frozen, changedOffset(change)));
      const outcome = this.#parts.sessions.take(ref, page.generation, write, isFrozen);
      if (outcome !== "accepted" && outcome !== "duplicate") return outcome;
      const refused = judge?.refusedBy(write, outcome === "duplicate") ?? [];
      if (refused.length > 0) {
        claimed.push(refused);
        return "claimed";
      }
      if (outcome === "duplicate") return outcome;
      for (const change of write.changes) {
        const [offset, value] = [changedOffset(change), changedValue(change)];
        const effect = judge?.apply(write, offset, value) ?? "set";
        if (effect === "none") continue;
        if (effect === "set") {
          if (!setBit(page.bits, offset, value)) continue;
          page.checked += value ? 1 : -1;
          effects.push([offset, value]);
        }
        mentions.push([offset, value]);
      }
      return outcome;
    });
    if (judge) this.#claims.put(ref, judge.changed);
    const delta = mentions.length > 0 ? this.#advance(ref, page, batch.tag, mentions, effects) : undefined;
    if (delta || isRotated) this.#pages.put([ref.board, ref.page], encodePage(page));
    const answer = {
      ...{ position: page.position, outcomes, checked: page.checked },
      ...(outcomes.includes("frozen") && { frozen }),
      ...(claimed.length > 0 && { claimed }),
    };
    return { answer, delta, claims: judge?.news };
  }

  replace(ref: PageRef, tag: string, bits: Uint8Array): Done<Replaced> {
    const stored = this.#loadIfValid(ref);
    // A damaged page is replaced as well, so a restore repairs it.
    const page = stored ?? this.#forRepair(ref);
    const whole = new Uint8Array(PAGE_BYTES);
    whole.set(bits);
    const { position, checked } = page;
    const effects: [number, Bit][] = [];
    eachDifference(page.bits, whole, (offset, value) => effects.push([offset, value]));
    if (stored && effects.length === 0) return { answer: { position, checked, isReplaced: false } };
    const to = { version: position.version + 1, tag };
    const after = { ...page, position: to, checked: countBits(whole), bits: whole };
    this.#pages.put([ref.board, ref.page], encodePage(after));
    this.#parts.history.add(ref, position, to, effects, whole);
    const start: LogKey = [ref.board, ref.page, 0];
    const end: LogKey = [ref.board, ref.page, Number.MAX_SAFE_INTEGER];
    for (const key of this.#log.getKeys({ start, end })) this.#log.remove(key);
    this.#claims.forget(ref, (offset) => getBit(whole, offset) === 1);
    // A damaged record does not show which generation was current.
    if (!stored) this.#parts.sessions.forgetCounts(ref);
    // This delta builds on a position that no follower has, so they ask the store and get a
    // snapshot.
    const from = { version: position.version, tag: newTag() };
    const delta: Delta = { kind: "delta", page: ref.page, from, to, changes: new Uint32Array(0) };
    return { answer: { position: to, checked: after.checked, isReplaced: true }, delta };
  }

  claims(ref: PageRef): PageClaims {
    const { position, bits } = this.#load(ref);
    return { position, claims: this.#claims.read(ref, this.#parts.now(), (offset) => getBit(bits, offset) === 1) };
  }

  /** The cells whose holds have ended, by page. */
  ended(): ReturnType<EmbeddedClaims["ended"]> {
    return this.#claims.ended(this.#parts.now(), (board) => this.#parts.rules.of(board) !== undefined);
  }

  /** Undefined if the board has no claims. */
  #judge(ref: PageRef, bits: Uint8Array): ClaimJudge | undefined {
    const rule = this.#parts.rules.of(ref.board);
    if (!rule) return undefined;
    const stored = (offset: number) => this.#claims.get(ref, offset);
    return new ClaimJudge(rule, this.#parts.now(), stored, (offset) => getBit(bits, offset) === 1);
  }

  /** False if the page would have too many ranges. */
  freeze(ref: PageRef, range: OffsetRange, isFrozen: boolean): boolean {
    const ranges = withRange(this.frozen(ref), range, isFrozen);
    if (ranges.length > FROZEN_RANGES_MAX) return false;
    this.#frozen.put([ref.board, ref.page], ranges);
    return true;
  }

  frozen(ref: PageRef): readonly OffsetRange[] {
    return this.#frozen.get([ref.board, ref.page]) ?? [];
  }

  #load(ref: PageRef): StoredPage {
    try {
      return this.#decode(ref);
    } catch (error) {
      this.#parts.damages.found(ref, "record", false, error);
      throw error;
    }
  }

  #loadIfValid(ref: PageRef): StoredPage | undefined {
    try {
      return this.#decode(ref);
    } catch (error) {
      if (!(error instanceof DamagedPage)) throw error;
      return undefined;
    }
  }

  #decode(ref: PageRef): StoredPage {
    const record = this.#pages.get([ref.board, ref.page]);
    return record ? decodePage(record) : UNTOUCHED;
  }

  /**
   * An empty page to start a repair from. Its tag is new, and its version is the newest delta's.
   */
  #forRepair(ref: PageRef): StoredPage {
    const start: LogKey = [ref.board, ref.page, Number.MAX_SAFE_INTEGER];
    const end: LogKey = [ref.board, ref.page, 0];
    const [newest] = this.#log.getKeys({ start, end, reverse: true, limit: 1 });
    return { ...UNTOUCHED, position: { version: newest?.[2] ?? 0, tag: newTag() } };
  }

  #advance(
    ref: PageRef,
    page: { position: Position; bits: Uint8Array },
    tag: string,
    mentions: [number, Bit][],
    effects: [number, Bit][],
  ): Delta {
    const from = page.position;
    const to = { version: from.version + 1, tag };
    const changes = packChanges(mentions);
    page.position = to;
    this.#parts.history.add(ref, from, to, effects, page.bits);
    this.#log.put([ref.board, ref.page, to.version], { fromTag: from.tag, toTag: tag, ops: encodeOps(changes) });
    this.#log.remove([ref.board, ref.page, to.version - this.#parts.logDeltasMax]);
    return { kind: "delta", page: ref.page, from, to, changes };
  }

  /** Reads the log lazily. */
  *#logged(ref: PageRef, fromVersion: number, toVersion: number): Iterable<Delta> {
    const start: LogKey = [ref.board, ref.page, fromVersion + 1];
    const end: LogKey = [ref.board, ref.page, toVersion + 1];
    for (const { key, value } of this.#log.getRange({ start, end })) {
      if (!isDelta(key[2], value.fromTag, value.toTag, value.ops)) return;
      yield deltaTo(ref.page, key[2], value.fromTag, value.toTag, value.ops);
    }
  }
}

const UNTOUCHED_HEAD = { position: UNTOUCHED.position, checked: 0 };
