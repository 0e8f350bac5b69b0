/*
 * Export and import of a whole board, as a stream of lines (board-file.ts) from or to any store.
 * Only a few pages are in memory at a time. Each page is exported as of one moment; the board as a
 * whole is not, because clients keep writing. An import replaces the pages that differ, one by one,
 * and clears those that the file omits. It can be repeated, because it leaves equal pages alone.
 */

import { bitmapBytes, countBits } from "../../board/bitmap.js";
import { cropUpdate } from "../../board/delta.js";
import { cellsInPage, pageCount } from "../../board/geometry.js";
import { countOf, formatCount } from "../../protocol/count.js";
import type { Report } from "../overview.js";
import type { Store } from "../store.js";
import { newTag } from "../tag.js";
import { fileClaims, restoreClaims } from "./board-claims.js";
import {
  BadFile,
  type FileClaim,
  type FileEnd,
  type FileHeader,
  readHeader,
  readRecord,
  writeEnd,
  writeHeader,
  writePage,
} from "./board-file.js";

export interface BoardOfSize {
  readonly name: string;
  /** Number of cells. */
  readonly size: number;
  /** Whether its checked cells belong to somebody. */
  readonly hasClaims?: boolean;
}

export function lastPageOf({ size }: BoardOfSize): number {
  return pageCount(size) - 1;
}

/** Called with the number of pages done so far, and of all pages. */
export type Progress = (pages: number, of: number) => void;

/** Pages whose counts are read in one request, and pages read or replaced at the same time. */
const COUNTS_AT_ONCE = 1_000;
const PAGES_AT_ONCE = 32;

/** Yields the lines of the board's file. Rejects with StoreAway. */
export async function* exportBoard(
  store: Store,
  board: BoardOfSize,
  fromPage = 0,
  progress: Progress = () => undefined,
): AsyncGenerator<string> {
  const end = { pages: 0, checked: 0 };
  const pages = pageCount(board.size);
  const { hasClaims = false } = board;
  yield writeHeader({ board: board.name, size: board.size, fromPage });
  for (let start = fromPage; start < pages; start += COUNTS_AT_ONCE) {
    const last = Math.min(pages, start + COUNTS_AT_ONCE);
    const filled = await filledPages(store, board, start, last);
    for (let at = 0; at < filled.length; at += PAGES_AT_ONCE) {
      const some = filled.slice(at, at + PAGES_AT_ONCE);
      const reads = some.map(async (page) => {
        const ref = { board: board.name, page };
        // The claims are read first. A cell that is given back in between has a claim and no bit.
        const claims = hasClaims ? await fileClaims(store, ref) : [];
        return { claims, snapshot: await store.read(ref) };
      });
      for (const { claims, snapshot } of await Promise.all(reads)) {
        const { line, checked } = writePage(cropUpdate(snapshot, cellsInPage(board.size, snapshot.page)), claims);
        end.pages++;
        end.checked += checked;
        yield line;
      }
    }
    progress(last, pages);
  }
  yield writeEnd(end);
}

interface Imported extends FileEnd {
  /** Number of pages that were different before. */
  readonly replaced: number;
}

/**
 * Imports the lines of a file. Rejects with StoreAway, or with BadFile once all pages before the
 * bad line are done. After any failure, even of `lines` itself, no work is in progress. `replaced`
 * is called for each page that was different.
 */
export async function importBoard(
  store: Store,
  board: BoardOfSize,
  lines: AsyncIterable<string>,
  progress: Progress = () => undefined,
  replaced: (page: number) => void = () => undefined,
): Promise<Imported> {
  const restore = new Restore(store, board, replaced);
  let end: FileEnd;
  try {
    end = await restoreLines(restore, board, lines, progress);
  } finally {
    await restore.finish();
  }
  return { ...end, replaced: restore.replaced };
}

async function restoreLines(
  restore: Restore,
  board: BoardOfSize,
  lines: AsyncIterable<string>,
  progress: Progress,
): Promise<FileEnd> {
  const pages = pageCount(board.size);
  let header: FileHeader | undefined;
  let end: FileEnd | undefined;
  let next = 0;
  let pagesRead = 0;
  for await (const line of lines) {
    if (line === "") continue;
    if (end) throw new BadFile("the file continues after the end of the board: import one export at a time");
    if (!header) {
      header = readHeader(line);
      if (header.size > board.size) {
        throw new BadFile(
          `the file's board has ${countOf(header.size, "cell")}, but "${board.name}" has only ` +
            `${formatCount(board.size)}: resize it, or enlarge it in BOARDS`,
        );
      }
      next = header.fromPage;
      continue;
    }
    const record = readOr(line, next);
    if (!("bits" in record)) {
      end = record;
      continue;
    }
    if (record.page < next) throw new BadFile(`page ${record.page} is out of order. ${restFrom(next)}`);
    if (record.bits.length > bitmapBytes(cellsInPage(header.size, record.page))) {
      throw new BadFile(`page ${record.page} has cells that the board does not have. ${restFrom(next)}`);
    }
    await restore.clear(next, record.page);
    await restore.set(record.page, record.bits, record.claims);
    pagesRead++;
    next = record.page + 1;
    progress(next, pages);
  }
  if (!header) throw new BadFile("the file is empty: export the board again");
  if (!end || end.pages !== pagesRead) throw new BadFile(`the file ends early. ${restFrom(next)}`);
  await restore.clear(next, pages);
  progress(pages, pages);
  return end;
}

/** If a line cannot be read, the error says how to continue. */
function readOr(line: string, next: number): ReturnType<typeof readRecord> {
  try {
    return readRecord(line);
  } catch (error) {
    if (error instanceof BadFile) throw new BadFile(`${error.message}. ${restFrom(next)}`, { cause: error });
    throw error;
  }
}

function restFrom(page: number): string {
  return `Export the rest with --from-page ${page}, then import that file too`;
}

/** Replaces pages, a few at a time, and reports their counts. */
class Restore {
  replaced = 0;
  readonly #store: Store;
  readonly #board: BoardOfSize;
  readonly #replacing: (page: number) => void;
  #underWay: Promise<void>[] = [];
  #reports: Report[] = [];

  constructor(store: Store, board: BoardOfSize, replacing: (page: number) => void) {
    this.#store = store;
    this.#board = board;
    this.#replacing = replacing;
  }

  async set(page: number, bits: Uint8Array, claims: readonly FileClaim[] = []): Promise<void> {
    const replacing = this.#replace(page, bits, claims);
    // `finish` reports the failure, however late it is called.
    replacing.catch(() => undefined);
    this.#underWay.push(replacing);
    if (this.#underWay.length >= PAGES_AT_ONCE) await this.finish();
  }

  /** Clears the pages `start` … `end - 1`. */
  async clear(start: number, end: number): Promise<void> {
    for (let at = start; at < end; at += COUNTS_AT_ONCE) {
      const filled = await filledPages(this.#store, this.#board, at, Math.min(end, at + COUNTS_AT_ONCE));
      for (const page of filled) await this.set(page, new Uint8Array(0));
    }
  }

  /** Resolves when all counts are reported. Rejects if a page was not replaced. */
  async finish(): Promise<void> {
    const underWay = this.#underWay.splice(0);
    await Promise.allSettled(underWay);
    if (this.#reports.length > 0) await this.#store.overview.report(this.#board.name, this.#reports.splice(0));
    await Promise.all(underWay);
  }

  async #replace(page: number, bits: Uint8Array, claims: readonly FileClaim[]): Promise<void> {
    const ref = { board: this.#board.name, page };
    const { hasClaims = false } = this.#board;
    const { position, checked, isReplaced } = await this.#store.replace(ref, newTag(), bits);
    if (hasClaims) await restoreClaims(this.#store, ref, claims, bits);
    if (!isReplaced) return;
    this.replaced++;
    this.#replacing(page);
    this.#reports.push({ page, version: position.version, checked });
  }
}

async function filledPages(store: Store, board: BoardOfSize, start: number, end: number): Promise<number[]> {
  const pages = Array.from({ length: end - start }, (_, index) => ({ board: board.name, page: start + index }));
  const heads = await store.heads(pages);
  const filled = await Promise.all(
    pages.map(async (page, index) => {
      // A busy server may not report a head in time. Reading the page waits longer for it.
      const checked = heads[index]?.checked ?? countBits((await store.read(page)).bits);
      return checked > 0 ? [page.page] : [];
    }),
  );
  return filled.flat();
}
