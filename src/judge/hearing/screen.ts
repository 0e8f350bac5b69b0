/*
 * The screen of one client of the judge: what a page would show after everything that the server
 * sent. It checks all values, and what it keeps is bounded.
 */

import type { ScreenInput } from "../adapters/adapter.js";
import { boardIn, valueIn } from "../adapters/board-state.js";
import { BadAnswer } from "../adapters/errors.js";
import { plainText } from "../adapters/plain-text.js";

/** Past this, a server sends without end. A run causes a few thousand. */
export const CHANGES_MAX = 100_000;
const HELD_MAX = CHANGES_MAX;

/** The values of a box that a screen has received since it began to note them. */
interface Heard {
  checked: boolean;
  unchecked: boolean;
}

export class Screen implements ScreenInput {
  readonly isReturning: boolean;
  /** Why the connection has ended. */
  lostWhy: string | undefined;
  /** Changes of boxes that the judge never touched. */
  foreign = 0;
  /** Messages that were no change of a box of this board. */
  odd = 0;
  /** Called for each change past the bound, which is not shown. */
  onFlood: () => void = () => undefined;
  readonly #bits: Uint8Array;
  readonly #isOurs: (cell: number) => boolean;
  #heard = new Map<number, Heard>();
  /** Changes that arrived while a board is on its way. */
  #held: [unknown, unknown][] | undefined;
  #changes = 0;

  constructor(size: number, isOurs: (cell: number) => boolean, shown?: Uint8Array) {
    this.#bits = shown ? shown.slice() : new Uint8Array(size);
    this.isReturning = shown !== undefined;
    this.#isOurs = isOurs;
  }

  /** For a client that connects again. Messages of the old connection do not reach it. */
  again(): Screen {
    return new Screen(this.#bits.length, this.#isOurs, this.#bits);
  }

  at(cell: number): boolean {
    return this.#bits[cell] === 1;
  }

  /** True if both values of the box have arrived since `note`. */
  heardBoth(cell: number): boolean {
    const heard = this.#heard.get(cell);
    return heard?.checked === true && heard.unchecked;
  }

  /** Begins to note the changes of these boxes. */
  note(cells: readonly number[]): void {
    this.#heard = new Map(cells.map((cell) => [cell, { checked: false, unchecked: false }]));
  }

  change(index: unknown, value: unknown): void {
    if (++this.#changes > CHANGES_MAX) this.onFlood();
    else if (!this.#held) this.#apply(index, value);
    else if (this.#held.length < HELD_MAX) this.#held.push([index, value]);
  }

  board(cells: unknown): void {
    const board = boardIn(cells);
    if (!board) this.odd++;
    else for (let cell = 0; cell < this.#bits.length; cell++) this.#set(cell, board.cells[cell] ?? false);
  }

  async load(reading: Promise<unknown>): Promise<void> {
    const held: [unknown, unknown][] = [];
    this.#held = held;
    try {
      const sent = await reading;
      if (!boardIn(sent)) throw new BadAnswer("the server sent something other than a board");
      this.board(sent);
    } finally {
      this.#held = undefined;
      for (const [index, value] of held) this.#apply(index, value);
    }
  }

  lost(reason: string): void {
    this.lostWhy ??= plainText(reason);
  }

  #apply(index: unknown, sent: unknown): void {
    const value = valueIn(sent);
    const isCell = typeof index === "number" && Number.isInteger(index) && index >= 0 && index < this.#bits.length;
    if (!isCell || value === undefined) {
      this.odd++;
      return;
    }
    if (!this.#isOurs(index)) this.foreign++;
    const heard = this.#heard.get(index);
    if (heard) heard[value ? "checked" : "unchecked"] = true;
    this.#set(index, value);
  }

  #set(cell: number, value: boolean): void {
    this.#bits[cell] = value ? 1 : 0;
  }
}
