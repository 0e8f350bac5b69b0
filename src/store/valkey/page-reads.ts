/*
 * Reads the parts of pages that need no script: heads, logs, histories and published deltas. Anyone
 * with access to Valkey can write any of these, so all are checked.
 */

import type { Delta, Snapshot } from "../../board/delta.js";
import { PAGE_CELLS, type PageRef } from "../../board/geometry.js";
import { GENESIS, type Position, parsePosition } from "../../board/position.js";
import { realClock, within } from "../../protocol/clock.js";
import { ofBoard } from "../by-board.js";
import type { Claim } from "../claims.js";
import { DamagedPage, type Damages } from "../damage.js";
import { type OffsetRange, parseRanges } from "../frozen.js";
import { type Histories, INVALID_RECORD, type Recorded, type RecordReader } from "../history.js";
import { deltaTo, isDelta, PAGE_BYTES } from "../logged.js";
import { type HeadHeard, type PageHead, StoreAway } from "../store.js";
import type { ValkeyLink } from "./routing/link.js";
import type { Names } from "./scripts/keys.js";
import { list, readNumbers } from "./scripts/scripts.js";

/** Bounds how long one slow server can delay the answers of the others. */
const HEADS_MS_MAX = 500;
const COUNT = /^\d{1,5}$/;
const PUBLISHED = /^([1-9]\d{0,15}):([\w-]{8}):([\w-]{8}):((?:[0-O][0-o]{2})*)(?:\|([\w.,-]+))?$/;
const CLAIM = /^(\d{1,5})(?:\.([\w-]{16})\.(\d{0,15}))?$/;

interface StreamRecord extends Recorded {
  readonly id: string;
}

export class PageReads {
  readonly #link: ValkeyLink;
  readonly #names: Names;
  readonly #damages: Damages;

  constructor(link: ValkeyLink, names: Names, damages: Damages) {
    this.#link = link;
    this.#names = names;
    this.#damages = damages;
  }

  heads(pages: readonly PageRef[], heard?: HeadHeard): Promise<(PageHead | undefined)[]> {
    return Promise.all(
      pages.map(async (page, index) => {
        const head = await this.#head(page);
        heard?.(index, head);
        return head;
      }),
    );
  }

  /** Undefined if the server does not answer soon or the head is invalid. */
  async #head(page: PageRef): Promise<PageHead | undefined> {
    const key = this.#names.page(page).head;
    const found = (isValid: boolean, cause?: unknown) => this.#damages.found(page, "head (v, t, n)", isValid, cause);
    try {
      const answer = this.#link.command(key, "HMGET", key, "v", "t", "n", "fz");
      const late = () => new StoreAway("no answer in time", { sent: true });
      const head = parseHead(await within(realClock, HEADS_MS_MAX, answer, late));
      found(head !== undefined);
      if (head) this.#damages.found(page, "head (fz)", head.frozen !== undefined);
      return head;
    } catch (error) {
      if (error instanceof DamagedPage) found(false, error);
      else if (!(error instanceof StoreAway)) throw error;
      return undefined;
    }
  }

  /** Undefined if they are not valid. */
  async frozen(page: PageRef): Promise<OffsetRange[] | undefined> {
    const key = this.#names.page(page).head;
    try {
      const reply = await this.#link.command(key, "HGET", key, "fz");
      const ranges = parseRanges(reply === null ? "" : String(reply));
      this.#damages.found(page, "head (fz)", ranges !== undefined);
      return ranges;
    } catch (error) {
      if (!(error instanceof DamagedPage)) throw error;
      this.#damages.found(page, "head (v, t, n)", false, error);
      return undefined;
    }
  }

  /** The log's deltas between two positions; up to the first entry that is none. */
  async log(ref: PageRef, from: Position, to: Position): Promise<Iterable<Delta>> {
    const count = to.version - from.version;
    if (count === 0) return [];
    const { log } = this.#names.page(ref);
    const range = [`${from.version + 1}-0`, `${to.version}-0`, "COUNT", String(count)];
    return deltasOf(ref.page, await this.#link.command(log, "XRANGE", log, ...range));
  }

  /** Reads the page's history from its stream. Undefined if the board keeps none. */
  history(
    page: PageRef,
    histories: Histories,
    present: () => Promise<Snapshot>,
  ): RecordReader<StreamRecord> | undefined {
    if (ofBoard(histories, page.board) === 0) return undefined;
    const key = this.#names.page(page).history;
    const found = (isValid: boolean, cause?: unknown) => this.#damages.found(page, "history", isValid, cause);
    const records = async (...command: [name: string, ...args: string[]]) => {
      const reply = await this.#link.bytes(key, ...command).catch((error: unknown) => {
        if (error instanceof DamagedPage) found(false, error);
        throw error;
      });
      const read = list(reply).map(readRecorded);
      found(!read.some(({ version }) => version === 0));
      return read;
    };
    return {
      after: (ms, last, count) =>
        records("XRANGE", key, last ? `(${last.id}` : String(ms + 1), "+", "COUNT", String(count)),
      before: (newest, count) => records("XREVRANGE", key, newest?.id ?? "+", "-", "COUNT", String(count)),
      present,
      nowMs: async () => {
        const [seconds = 0, micros = 0] = readNumbers(await this.#link.command(key, "TIME"));
        return seconds * 1_000 + Math.floor(micros / 1_000);
      },
      isTrimmed: async () => Number(await this.#link.command(key, "XLEN", key)) >= histories.deltasMax,
    };
  }
}

/** A published delta, and the claims that its commit changed, as they are now. */
interface Published {
  readonly delta: Delta;
  readonly claims: readonly Claim[] | undefined;
}

/**
 * Parses a message as commit.lua publishes it: `version:from-tag:tag:ops`, and `|claims` if any
 * have changed. A claim is `offset.owner.ms`, without `ms` if it has no end, or `offset` if the
 * cell is free. Undefined if malformed.
 */
export function readPublished(page: number, message: string): Published | undefined {
  const parts = PUBLISHED.exec(message);
  if (!parts) return undefined;
  const claims = parts[5]?.split(",").map(readClaim);
  if (claims?.includes(undefined)) return undefined;
  const delta = deltaTo(page, Number(parts[1]), parts[2] ?? "", parts[3] ?? "", parts[4] ?? "");
  return { delta, claims: claims as Claim[] | undefined };
}

function readClaim(text: string): Claim | undefined {
  const [, offset, owner, left] = CLAIM.exec(text) ?? [];
  if (offset === undefined) return undefined;
  return { offset: Number(offset), owner, leftMs: left ? Number(left) : undefined };
}

function parseHead(reply: unknown): PageHead | undefined {
  const [version, tag, count, frozen] = list(reply).map((field) => (field === null ? undefined : String(field)));
  const position = version === undefined && tag === undefined ? GENESIS : parsePosition(`${version}.${tag}`);
  const checked = COUNT.test(count ?? "0") ? Number(count ?? 0) : PAGE_CELLS + 1;
  if (!position || checked > PAGE_CELLS) return undefined;
  return { position, checked, frozen: parseRanges(frozen ?? "") };
}

function* deltasOf(page: number, reply: unknown): Iterable<Delta> {
  for (const entry of list(reply)) {
    const [id, fields] = list(entry);
    const [, from, , to, , ops] = list(fields);
    const read = readPublished(page, `${Number.parseInt(String(id), 10)}:${from}:${to}:${ops}`);
    if (!read) return;
    yield read.delta;
  }
}

/** Parses a record as XRANGE and XREVRANGE return it, in Buffers. */
function readRecorded(entry: unknown): StreamRecord {
  const [name, fields] = list(entry);
  const [, number, , from, , to, , done, , bits] = list(fields);
  const id = String(name);
  const ms = Number.parseInt(id, 10);
  const [version, fromTag, toTag, ops] = [Number(String(number)), String(from), String(to), String(done)];
  if (!isDelta(version, fromTag, toTag, ops)) return { id, ms, ...INVALID_RECORD };
  const keyframe = Buffer.isBuffer(bits) && bits.length <= PAGE_BYTES ? { bits } : {};
  return { id, ms, version, fromTag, toTag, ops, ...keyframe };
}
