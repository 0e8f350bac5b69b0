/*
 * Coarse pictures of pages that are not loaded, from the server. Pages are asked for when their
 * count has changed, some at a time, and each again only after a while.
 */

import { COARSE_BYTES } from "../../../board/coarse.js";
import type { Clock } from "../../../protocol/clock.js";

interface CoarseSource {
  /** Reads the pictures of these pages, one after another; undefined if unavailable. */
  readonly read: (pages: readonly number[]) => Promise<Uint8Array | undefined>;
  readonly clock: Pick<Clock, "after" | "now">;
  readonly changed: (page: number) => void;
}

/** As many as one request may name. */
const PAGES_AT_ONCE = 64;
const EVERY_MS = 500;
const AGAIN_MS = 15_000;

export class Coarse {
  readonly #source: CoarseSource;
  readonly #pictures = new Map<number, Uint8Array>();
  /** Page -> when it may be asked for. */
  readonly #due = new Map<number, number>();
  readonly #askedMs = new Map<number, number>();
  #cancel: (() => void) | undefined;
  #isClosed = false;

  constructor(source: CoarseSource) {
    this.#source = source;
  }

  of(page: number): Uint8Array | undefined {
    return this.#pictures.get(page);
  }

  /** The page has changed. */
  want(page: number): void {
    if (this.#due.has(page)) return;
    this.#due.set(page, (this.#askedMs.get(page) ?? Number.NEGATIVE_INFINITY) + AGAIN_MS);
    this.#schedule();
  }

  /** The page is empty, or loaded: its picture is not needed. */
  forget(page: number): void {
    this.#pictures.delete(page);
    this.#due.delete(page);
  }

  close(): void {
    this.#isClosed = true;
    this.#cancel?.();
  }

  #schedule(): void {
    if (this.#isClosed || this.#cancel || this.#due.size === 0) return;
    this.#cancel = this.#source.clock.after(EVERY_MS, () => void this.#ask());
  }

  async #ask(): Promise<void> {
    const { read, clock, changed } = this.#source;
    const nowMs = clock.now();
    const due = Array.from(this.#due).flatMap(([page, ms]) => (ms <= nowMs ? page : []));
    const pages = due.slice(0, PAGES_AT_ONCE);
    for (const page of pages) {
      this.#due.delete(page);
      this.#askedMs.set(page, nowMs);
    }
    const bytes = pages.length > 0 ? await read(pages).catch(() => undefined) : new Uint8Array(0);
    this.#cancel = undefined;
    if (this.#isClosed) return;
    for (const [index, page] of pages.entries()) {
      const picture = bytes?.slice(index * COARSE_BYTES, (index + 1) * COARSE_BYTES);
      if (picture?.length === COARSE_BYTES) this.#pictures.set(page, picture);
      else this.want(page);
      changed(page);
    }
    this.#schedule();
  }
}
