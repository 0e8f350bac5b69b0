/*
 * Pictures of boards. `GET /boards/:board/preview.png` is for the previews of links. The programs
 * that make previews have no rights of their own, and everyone sees what they show. So only a board
 * that everyone may view has one.
 *
 * A board of up to 64 pages is drawn from snapshots, a larger one from the counts of its pages.
 * Pictures are drawn one after another and kept for a time, however many programs ask.
 */

import { createHash } from "node:crypto";
import type { RequestHandler } from "express";
import type { Snapshot } from "../../../board/delta.js";
import { pageCount } from "../../../board/geometry.js";
import { keepNewest } from "../../../board/keep-newest.js";
import { planeOf } from "../../../board/plane.js";
import { formatPosition } from "../../../board/position.js";
import { Refusal } from "../../../protocol/errors.js";
import { ANYBODY } from "../../access/access.js";
import type { Instance } from "../../instance/instance.js";
import type { HostedBoard } from "../../pages/pages.js";
import { refuseAway } from "../../pages/store-refusal.js";
import { addressOf, boardFor } from "../requests/request-context.js";
import { BoardPicture, layoutOfPages, SIZE } from "./board-picture.js";

export const PREVIEW = SIZE;
/** A picture is this old at most. */
const FRESH_MS = 15_000;
/** Most pictures kept, of at most about 200 KB each. */
const KEPT_MAX = 32;
/** Most boards that wait for their picture. */
const WAITING_MAX = 16;
/** Most pages read for one picture, and how many at the same time. */
const PAGES_MAX = 64;
const PAGES_AT_ONCE = 8;
/** In Admission's work units: drawing and compressing, and reading a page. */
const DRAW_WORK = 1_000;
const PAGE_WORK = 10;
/** Counts that are read for one unit. */
const COUNTS_PER_WORK = 100;

export function previewSender(instance: Instance): RequestHandler {
  const previews = new Previews(instance);
  return async (request, response) => {
    const board = boardFor(instance, response, String(request.params.board), "view");
    instance.access.require(ANYBODY, board.name, "view");
    const { png, tag } = await previews.of(board, addressOf(request));
    response.set({
      ETag: `"${tag}"`,
      "Cache-Control": `public, max-age=${FRESH_MS / 1_000}`,
      // Pages that show previews load the picture themselves.
      "Cross-Origin-Resource-Policy": "cross-origin",
    });
    response.type("png").send(png);
  };
}

interface Preview {
  readonly board: HostedBoard;
  readonly size: number;
  readonly madeMs: number;
  /** Made from the state that the picture shows. */
  readonly tag: string;
  readonly png: Buffer;
}

class Previews {
  readonly #instance: Instance;
  /** By board, least recently drawn first. */
  readonly #kept = new Map<string, Preview>();
  readonly #coming = new Map<string, Promise<Preview>>();
  #last: Promise<unknown> = Promise.resolve();

  constructor(instance: Instance) {
    this.#instance = instance;
  }

  /** Throws BUSY, or RATE_LIMITED if the address has used up its share of work. */
  async of(board: HostedBoard, address: string): Promise<Preview> {
    const kept = this.#keptOf(board);
    if (kept && this.#instance.clock.now() - kept.madeMs < FRESH_MS) return kept;
    const coming = this.#coming.get(board.name);
    if (coming) return coming;
    if (this.#coming.size >= WAITING_MAX) throw new Refusal("BUSY", { retryAfterMs: 1_000 });
    const pages = pageCount(board.size);
    const reading = pages > PAGES_MAX ? pages / COUNTS_PER_WORK : pages * PAGE_WORK;
    this.#instance.admission.admitWork(address, DRAW_WORK + reading);
    const drawn = this.#last.then(() => this.#draw(board)).finally(() => this.#coming.delete(board.name));
    this.#coming.set(board.name, drawn);
    this.#last = drawn.catch(() => undefined);
    return drawn;
  }

  #keptOf(board: HostedBoard): Preview | undefined {
    const kept = this.#kept.get(board.name);
    // The board may have been resized, or removed and added again.
    return kept?.board === board && kept.size === board.size ? kept : undefined;
  }

  async #draw(board: HostedBoard): Promise<Preview> {
    const kept = this.#keptOf(board);
    const { size } = board;
    const state = await (pageCount(size) > PAGES_MAX ? this.#countsOf(board) : this.#snapshotsOf(board));
    const madeMs = this.#instance.clock.now();
    const png = kept?.tag === state.tag ? kept.png : await state.draw(size);
    const preview = { board, size, madeMs, tag: state.tag, png };
    this.#kept.delete(board.name);
    this.#kept.set(board.name, preview);
    keepNewest(this.#kept, KEPT_MAX);
    return preview;
  }

  async #snapshotsOf(board: HostedBoard): Promise<State> {
    const pages = Array.from({ length: pageCount(board.size) }, (_, page) => page);
    const snapshots: Snapshot[] = [];
    for (let at = 0; at < pages.length; at += PAGES_AT_ONCE) {
      const some = pages.slice(at, at + PAGES_AT_ONCE).map((page) => this.#instance.readPage(board, page));
      snapshots.push(...(await Promise.all(some)));
    }
    const positions = snapshots.map(({ position }) => formatPosition(position));
    return {
      tag: tagOf(`${board.size} ${positions.join(" ")}`),
      draw: async (size) => {
        const picture = new BoardPicture(size, planeOf(size));
        for (const { page, bits } of snapshots) {
          // A page takes about a millisecond.
          await new Promise(setImmediate);
          picture.drawCells(page, bits);
        }
        return picture.encode();
      },
    };
  }

  async #countsOf(board: HostedBoard): Promise<State> {
    const tallies = await this.#instance.store.overview.read(board.name).catch(refuseAway);
    const pages = pageCount(board.size);
    const counts = new Uint32Array(pages);
    // The list may know pages that the board no longer has.
    for (const { page, checked } of tallies) if (page < pages) counts[page] = checked;
    return {
      tag: tagOf(`${board.size} ${createHash("sha256").update(counts).digest("base64")}`),
      draw: (size) => {
        const picture = new BoardPicture(size, layoutOfPages(size));
        for (const [page, checked] of counts.entries()) picture.drawCount(page, checked);
        return picture.encode();
      },
    };
  }
}

/** The state of a board for one picture, read from the store. */
interface State {
  readonly tag: string;
  draw(size: number): Promise<Buffer>;
}

function tagOf(state: string): string {
  return createHash("sha256").update(state).digest("base64url").slice(0, 22);
}
