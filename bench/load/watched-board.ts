/* The pages of a board as a client of the harness holds them, whatever door they come through. */

import { randomBytes } from "node:crypto";
import { cellAt, cellsInPage, offsetOf, pageOf } from "../../src/board/geometry.js";
import { Replica } from "../../src/board/replica.js";
import type { Changed, Refused } from "./system.js";
import type { Wire } from "./wire.js";

/** Cells are numbered from the first of the pages. */
export class WatchedBoard {
  readonly pages: readonly number[];
  readonly firstCell: number;
  readonly #changed: Changed | undefined;
  readonly #replicas = new Map<number, Replica>();
  /** Frames that did not fit the position of their page. */
  gaps = 0;

  /** Without `changed`, the cells of a snapshot are not visited one by one. */
  constructor(pages: readonly number[], changed: Changed | undefined) {
    this.pages = pages;
    this.firstCell = cellAt(pages[0] ?? 0, 0);
    this.#changed = changed;
  }

  /** The board's size is known, so pages can be received. */
  opened(size: number): void {
    for (const page of this.pages) this.#replicas.set(page, new Replica(page, cellsInPage(size, page)));
  }

  /** Cells of a page; undefined if it is not watched. */
  cellsOf(page: number): number | undefined {
    return this.#replicas.get(page)?.cells;
  }

  get(cell: number): boolean {
    const at = this.firstCell + cell;
    return this.#replicas.get(pageOf(at))?.get(offsetOf(at)) === 1;
  }

  receive(update: Parameters<Replica["receive"]>[0] | undefined): void {
    const replica = update && this.#replicas.get(update.page);
    if (!replica) return;
    const first = cellAt(replica.page, 0) - this.firstCell;
    const changed = this.#changed;
    const outcome = replica.receive(update, changed && ((offset, value) => changed(first + offset, value === 1)));
    if (outcome === "gap") this.gaps++;
  }
}

/** The part of a client that does not depend on its door. */
export abstract class WatchingClient<Carrier extends Pick<Wire, "received" | "isOpen" | "close">> {
  protected readonly board: WatchedBoard;
  protected wire: Carrier | undefined;
  protected handle = 0;
  protected seq = 0;
  readonly refused: Refused[] = [];

  protected constructor(board: WatchedBoard) {
    this.board = board;
  }

  get received(): Wire["received"] {
    return this.wire?.received ?? { frames: 0, bytes: 0 };
  }

  get isOpen(): boolean {
    return this.wire?.isOpen ?? false;
  }

  get gaps(): number {
    return this.board.gaps;
  }

  get(cell: number): boolean {
    return this.board.get(cell);
  }

  close(): void {
    this.wire?.close();
  }
}

/** What both doors answer `open` with. */
export function readOpened(answer: unknown): { readonly handle: number; readonly size: number } {
  if (typeof answer === "object" && answer !== null && "handle" in answer && "size" in answer) {
    return { handle: Number(answer.handle), size: Number(answer.size) };
  }
  throw new Error(`open was answered with ${JSON.stringify(answer)}`);
}

export function expectWatched(answer: unknown): void {
  if (typeof answer !== "object" || answer === null || "error" in answer) throw new Error(JSON.stringify(answer));
}

/** The code of a refusal's body. */
export function codeOf(error: unknown): string {
  return typeof error === "object" && error !== null && "code" in error ? String(error.code) : JSON.stringify(error);
}

export function newSession(): string {
  return randomBytes(16).toString("base64url").slice(0, 22);
}
