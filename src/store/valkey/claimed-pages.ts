/*
 * The claims of pages, and the release of holds that have ended. An index names the pages that may
 * have holds: maybe too many, never too few. Marks in the heads of pages see to that:
 *
 *     commit ──page not indexed──► its mark is answered ─► add to the index ─► commit with the mark
 *     look   ──no claim ends──► the mark changes ─► remove from the index, unless added meanwhile
 *
 * A commit whose mark has changed meanwhile is answered with the new mark, and starts again.
 */

import { type PageRef, pageName } from "../../board/geometry.js";
import { parsePosition } from "../../board/position.js";
import type { Claim, RuleBook } from "../claims.js";
import { DamagedPage, ofNoPage } from "../damage.js";
import { releaseEnded } from "../expiry.js";
import { type Batch, type Committed, type PageClaims, type Released, StoreAway } from "../store.js";
import type { ValkeyLink } from "./routing/link.js";
import type { Names } from "./scripts/keys.js";
import { NotIndexed } from "./scripts/page-calls.js";
import { list, loadScript, type ScriptCall, strings } from "./scripts/scripts.js";

const CLAIMS = loadScript("claims");
const HOLDS = loadScript("holds");
const PAGES_AT_ONCE = 32;
/** How often a page may leave the index while a commit is on its way. */
const MARKS_MAX = 5;
/** If an instance dies while it looks at a page, the page is due again after this long. */
const AGAIN_MS = 3_000;
/** A page is looked at this often, as the rule may have been another when its holds began. */
const PAUSE_MS_MAX = 60_000;
const PAUSE_MS_UNKNOWN = 1_000;

/** A page that was handed out, and when. */
interface Due {
  readonly name: string;
  readonly handedOut: string;
}

interface Looked extends Due {
  /** ms until the next look; undefined if the page leaves the index. */
  readonly pauseMs: number | undefined;
}

interface Read extends PageClaims {
  readonly hasLeft: boolean;
}

interface Options {
  readonly rules: RuleBook;
  run<Result>(page: PageRef, call: ScriptCall<Result>): Promise<Result>;
  /** `mark` is that of the last NotIndexed, with which this may reject again. */
  commit(page: PageRef, batch: Batch, mark: string): Promise<Committed>;
}

export class ClaimedPages {
  readonly #link: ValkeyLink;
  readonly #names: Names;
  readonly #options: Options;

  constructor(link: ValkeyLink, names: Names, options: Options) {
    this.#link = link;
    this.#names = names;
    this.#options = options;
  }

  /** Commits a batch, and first adds its page to the index of holds if necessary. */
  async commit(page: PageRef, batch: Batch): Promise<Committed> {
    for (let mark = "", attempt = 0; ; attempt++) {
      try {
        return await this.#options.commit(page, batch, mark);
      } catch (error) {
        if (!(error instanceof NotIndexed)) throw error;
        if (attempt >= MARKS_MAX) throw new StoreAway("the index of holds changes too often", { sent: false });
        mark = error.mark;
        await this.#index(page);
      }
    }
  }

  /** It is due immediately. */
  async #index(page: PageRef): Promise<void> {
    const { holds } = this.#names;
    await this.#link.command(holds, "ZADD", holds, "0", pageName(page)).catch(ofNoPage(holds));
  }

  async read(page: PageRef): Promise<PageClaims> {
    const { position, claims } = await this.#options.run(page, claimsCall(this.#names, page, false));
    // A failover may have lost the page's entry, because the index is on another server.
    if (claims.some(({ leftMs }) => leftMs !== undefined)) await this.#index(page);
    return { position, claims: claims.filter(({ leftMs = 1 }) => leftMs > 0) };
  }

  async releaseExpired(released: Released): Promise<boolean> {
    const due = await this.#exchange([], PAGES_AT_ONCE);
    const looked = await Promise.all(due.map((page) => this.#look(page, released)));
    if (looked.length > 0) await this.#exchange(looked, 0);
    return due.length >= PAGES_AT_ONCE;
  }

  #exchange(looked: readonly Looked[], pagesMax: number): Promise<Due[]> {
    return this.#link.run(holdsCall(this.#names, looked, pagesMax)).catch(ofNoPage(this.#names.holds));
  }

  async #look(due: Due, released: Released): Promise<Looked> {
    const page = pageOfName(due.name);
    // Anyone with access to Valkey can write the index.
    if (!page) return { ...due, pauseMs: undefined };
    const rule = this.#options.rules.of(page.board);
    // The board may get claims again, or this instance does not know yet that it was added.
    if (!rule) return { ...due, pauseMs: PAUSE_MS_UNKNOWN };
    const usualMs = Math.min(rule.ms || PAUSE_MS_MAX, PAUSE_MS_MAX);
    try {
      const { claims, hasLeft } = await this.#options.run(page, claimsCall(this.#names, page, true));
      if (hasLeft) return { ...due, pauseMs: undefined };
      const ended = claims.filter(({ leftMs = 1 }) => leftMs <= 0).map(({ offset }) => offset);
      const done = await releaseEnded(ended, (batch) => this.commit(page, batch));
      if (done) released(page, done.offsets, done.committed);
      // A hold that is new since then ends later than `usualMs` from then.
      const ahead = claims.flatMap(({ leftMs }) => (leftMs !== undefined && leftMs > 0 ? leftMs : []));
      return { ...due, pauseMs: Math.min(usualMs, ...ahead) };
    } catch (error) {
      // A damaged page is looked at again, as it may be restored.
      if (error instanceof DamagedPage) return { ...due, pauseMs: usualMs };
      throw error;
    }
  }
}

function pageOfName(name: string): PageRef | undefined {
  const [, board, page] = /^([\w-]+):(\d+)$/.exec(name) ?? [];
  return board === undefined ? undefined : { board, page: Number(page) };
}

function claimsCall(names: Names, ref: PageRef, mayLeave: boolean): ScriptCall<Read> {
  const { bits, head, claims } = names.page(ref);
  return {
    script: CLAIMS,
    keys: [bits, head, claims],
    args: [mayLeave ? "1" : "0"],
    read: (reply) => {
      const [version, tag, hasLeft, ...parts] = strings(reply);
      const position = parsePosition(`${version}.${tag}`);
      if (!position) throw new DamagedPage(`the head of page ${pageName(ref)} has no valid position`);
      return { position, hasLeft: hasLeft === "1", claims: readClaims(parts) };
    },
  };
}

function readClaims(parts: readonly string[]): Claim[] {
  return Array.from({ length: parts.length / 3 }, (_, index) => {
    const [offset, owner = "", left = ""] = parts.slice(3 * index);
    return { offset: Number(offset), owner, leftMs: left === "" ? undefined : Number(left) };
  });
}

function holdsCall(names: Names, looked: readonly Looked[], pagesMax: number): ScriptCall<Due[]> {
  const args = [String(pagesMax), String(AGAIN_MS), String(PAUSE_MS_MAX)];
  for (const { name, handedOut, pauseMs } of looked) {
    args.push(name, handedOut, pauseMs === undefined ? "" : String(Math.ceil(pauseMs)));
  }
  return {
    script: HOLDS,
    keys: [names.holds],
    args,
    read: (reply) => {
      const parts = list(reply).map(String);
      return Array.from({ length: parts.length / 2 }, (_, index) => {
        const [name = "", handedOut = ""] = parts.slice(2 * index);
        return { name, handedOut };
      });
    },
  };
}
