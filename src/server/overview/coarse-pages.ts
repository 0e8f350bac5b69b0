/*
 * Coarse pictures of pages (board/coarse.ts), made from their bits when someone asks for them. They
 * are kept by the page's position, so a page is read again only after it has changed. Nothing is
 * stored: the bits remain the only truth.
 */

import { COARSE_BYTES, coarseOf } from "../../board/coarse.js";
import type { Snapshot } from "../../board/delta.js";
import { keepNewest } from "../../board/keep-newest.js";
import { formatPosition, type Position } from "../../board/position.js";
import type { HostedBoard } from "../pages/pages.js";

interface PageSource {
  /** Where the pages are now, without reading them; undefined for one that is damaged. */
  positions(board: HostedBoard, pages: readonly number[]): Promise<readonly (Position | undefined)[]>;
  read(board: HostedBoard, page: number): Promise<Snapshot>;
}

interface Picture {
  readonly at: string;
  readonly blocks: Uint8Array;
}

/** Most pictures kept, of 256 bytes each. */
const KEPT_MAX = 8_192;
const EMPTY = new Uint8Array(COARSE_BYTES);

export class CoarsePages {
  readonly #source: PageSource;
  /** Board and page -> its picture, the one used last at the end. */
  readonly #kept = new Map<string, Picture>();

  constructor(source: PageSource) {
    this.#source = source;
  }

  /** The pictures in the order of `pages`, what they show, and how many pages were read for it. */
  async read(board: HostedBoard, pages: readonly number[]) {
    const positions = await this.#source.positions(board, pages);
    const pictures: Picture[] = [];
    let read = 0;
    // One after another, because several at the same time would delay clicks.
    for (const [index, page] of pages.entries()) {
      const position = positions[index];
      const key = `${board.name}:${page}`;
      const known = this.#kept.get(key);
      const isCurrent = known && position && known.at === formatPosition(position);
      const picture = isCurrent ? known : position ? await this.#make(board, page) : { at: "", blocks: EMPTY };
      if (!isCurrent && position) read++;
      pictures.push(picture);
      this.#kept.delete(key);
      if (position) this.#kept.set(key, picture);
      keepNewest(this.#kept, KEPT_MAX);
    }
    const bytes = Buffer.concat(pictures.map(({ blocks }) => blocks));
    return { bytes, at: pictures.map(({ at }) => at), read };
  }

  async #make(board: HostedBoard, page: number): Promise<Picture> {
    const { position, bits } = await this.#source.read(board, page);
    return { at: formatPosition(position), blocks: coarseOf(bits) };
  }
}
