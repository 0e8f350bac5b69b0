/* One board on one user's screen: the real `LiveBoard`, what the user wished for there, and what became of it. */

import type { Bit } from "../../src/board/bitmap.js";
import { cellAt, pageCount, pageOf } from "../../src/board/geometry.js";
import type { Watch } from "../../src/client/api/board.js";
import type { LiveBoard } from "../../src/client/boards/live-board.js";
import { Refusal } from "../../src/protocol/refusal.js";
import { Joins } from "./joins.js";

export interface Wish {
  readonly value: Bit;
  fate: "open" | "kept" | "refused";
}

export class Screen {
  readonly board: LiveBoard;
  readonly session: string;
  readonly size: number;
  /** The owner that the user is, if the board has claims. */
  readonly owner: string | undefined;
  readonly joins = new Joins();
  /** cell -> the user's wishes, in the order they were made. */
  readonly wishes = new Map<number, Wish[]>();
  /** cell -> the value last reported to the user, on watched pages. */
  readonly #reported = new Map<number, boolean>();
  readonly #watches = new Map<number, Watch>();
  readonly #refused: (reason: string) => void;

  constructor(
    board: LiveBoard,
    session: string,
    size: number,
    owner: string | undefined,
    refused: (reason: string) => void,
  ) {
    this.board = board;
    this.session = session;
    this.size = size;
    this.owner = owner;
    this.#refused = refused;
    const set = board.set.bind(board);
    board.set = (cell, value, options) => {
      const fate = set(cell, value, options);
      this.#note(cell, value ? 1 : 0, fate);
      return fate;
    };
    board.on("change", (changes) => {
      for (const { cell, value } of changes) this.#reported.set(cell, value);
    });
  }

  /** What a user sees who looked at the board when the page came into view, and then only hears of changes. */
  reported(cell: number): boolean {
    return this.#reported.get(cell) ?? false;
  }

  get pages(): number {
    return pageCount(this.size);
  }

  /** Whether the fate of some wish is open. */
  get isWaiting(): boolean {
    for (const wishes of this.wishes.values()) if (wishes.some(({ fate }) => fate === "open")) return true;
    return false;
  }

  isWatching(page: number): boolean {
    return this.#watches.has(page);
  }

  /** Calls `then` when the wish has come true. */
  set(cell: number, value: Bit, then: () => void = () => undefined): void {
    this.board.set(cell, value === 1).then(then, () => undefined);
  }

  /** Also the wishes that the library has in the user's name, when it renews a lease. */
  #note(cell: number, value: Bit, fate: Promise<void>): void {
    const wish: Wish = { value, fate: "open" };
    const wishes = this.wishes.get(cell) ?? [];
    this.wishes.set(cell, wishes);
    wishes.push(wish);
    fate.then(
      () => {
        wish.fate = "kept";
      },
      (error: unknown) => {
        wish.fate = "refused";
        if (this.owner !== undefined && error instanceof Refusal && error.code === "TAKEN") return;
        this.#refused(`the wish for cell ${cell} is refused: ${error}`);
      },
    );
  }

  watch(page: number): void {
    if (this.#watches.has(page)) return;
    const start = cellAt(page, 0);
    for (const cell of [...this.#reported.keys()].filter((it) => pageOf(it) === page)) {
      const shown = this.board.get(cell);
      if (shown === undefined) this.#reported.delete(cell);
      else this.#reported.set(cell, shown);
    }
    this.#watches.set(page, this.board.watch({ start, end: Math.min(this.size, cellAt(page + 1, 0)) }));
  }

  stopWatching(page: number): void {
    this.#watches.get(page)?.stop();
    this.#watches.delete(page);
  }

  watchAll(): void {
    for (let page = 0; page < this.pages; page++) this.watch(page);
  }
}
