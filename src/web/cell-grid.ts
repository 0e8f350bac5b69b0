/*
 * A window of a board's cells on the screen. Shows what the board says, cell by cell and only where it changed, and
 * passes on what the user checks; it never decides what a cell shows.
 *
 * One tab stop: the current cell. Arrows and the like move it, as layout.ts says.
 */

import type { Board, CellChange, CellRange, RefusedChange, Watch } from "../client/index.js";
import { buildCells } from "./cell-elements.js";
import { moveByKey } from "./layout.js";
import type { PendingCells } from "./pending-cells.js";
import { hindranceAt } from "./permission.js";
import { RefusalNote } from "./refusal-note.js";
import { type RefusalRun, RefusalRuns } from "./refusal-runs.js";
import { TimedMark } from "./timed-mark.js";

export interface CellGridOptions {
  readonly board: Board;
  readonly pending: PendingCells;
  readonly range: CellRange;
  readonly columns: number;
  /** How many cells of the window are checked, as shown. */
  readonly onChecked: (checked: number) => void;
  /** The cell under the pointer or with the focus. */
  readonly onPointed: (cell: number | undefined) => void;
  /** What was refused, in words. `isShown` tells whether the grid shows it at its cell. */
  readonly onRefused: (text: string, isShown: boolean) => void;
}

const FLASH_MS = 700;
const FLASHES_MAX = 120;
const REFUSED_MS = 6_000;
const FOUND_MS = 3_000;

export class CellGrid {
  readonly #root: HTMLElement;
  readonly #options: CellGridOptions;
  readonly #inputs: readonly HTMLInputElement[];
  /** What each cell shows; a click changes the input before it gets here. */
  readonly #shown: Uint8Array;
  readonly #watch: Watch;
  readonly #flash = new TimedMark({ name: "flash", lastsMs: FLASH_MS, cellsMax: FLASHES_MAX });
  readonly #refused = new TimedMark({ name: "refused", lastsMs: REFUSED_MS, cellsMax: FLASHES_MAX });
  readonly #found = new TimedMark({ name: "found", lastsMs: FOUND_MS, cellsMax: 1 });
  readonly #note: RefusalNote;
  readonly #refusals = new RefusalRuns((run) => this.#tellRefusals(run));
  readonly #undo: (() => void)[] = [];
  #checked = 0;
  #current = 0;
  #isFilled = false;
  #isClosed = false;

  /** `root` is emptied and filled; it scrolls. */
  constructor(root: HTMLElement, options: CellGridOptions) {
    const { board, pending, range, columns } = options;
    this.#root = root;
    this.#options = options;
    const { rows, inputs } = buildCells(range, columns);
    this.#inputs = inputs;
    this.#shown = new Uint8Array(inputs.length);
    root.ariaBusy = "true";
    root.replaceChildren(rows);
    this.#note = new RefusalNote(root, REFUSED_MS);
    this.#makeCurrent(0);
    this.#listen("click", (event) => this.#clicked(event));
    this.#listen("change", (event) => this.#toggled(event));
    this.#listen("keydown", (event) => event instanceof KeyboardEvent && this.#pressed(event));
    this.#listen("focusin", (event) => this.#pointed(event));
    this.#listen("pointerover", (event) => this.#pointed(event));
    this.#listen("pointerleave", () => options.onPointed(undefined));
    this.#undo.push(
      board.on("change", (changes) => this.#apply(changes)),
      board.on("refused", (refused) => this.#gather(refused)),
      board.on("right", () => this.#hinder()),
      board.on("frozen", () => this.#hinder()),
    );
    pending.onChange = (cell, isPending) => this.#inputAt(cell)?.toggleAttribute("data-pending", isPending);
    this.#watch = board.watch(range);
    // A board that cannot be had says so itself, in its status.
    this.#watch.ready.then(
      () => this.#fill(),
      () => undefined,
    );
  }

  /** Moves focus to the cell and points it out; false if it is not in the window. */
  goTo(cell: number): boolean {
    const input = this.#inputAt(cell);
    if (!input) return false;
    input.scrollIntoView({ block: "center", inline: "center" });
    input.focus({ preventScroll: true });
    this.#found.put(input);
    return true;
  }

  close(): void {
    this.#isClosed = true;
    for (const undo of this.#undo) undo();
    for (const mark of [this.#flash, this.#refused, this.#found]) mark.close();
    this.#note.close();
    // Later, so that a page which the next window needs too is kept.
    setTimeout(() => this.#watch.stop());
  }

  #listen(name: string, listener: (event: Event) => unknown): void {
    this.#root.addEventListener(name, listener);
    this.#undo.push(() => this.#root.removeEventListener(name, listener));
  }

  #inputAt(cell: number): HTMLInputElement | undefined {
    return this.#inputs[cell - this.#options.range.start];
  }

  /** Index of the cell an event is about, or undefined if it is about none. */
  #indexOf(event: Event): number | undefined {
    const { target } = event;
    const cell = target instanceof HTMLElement ? target.dataset.cell : undefined;
    return cell === undefined ? undefined : Number(cell) - this.#options.range.start;
  }

  #fill(): void {
    if (this.#isClosed) return;
    const { board, pending, range } = this.#options;
    for (const [index, input] of this.#inputs.entries()) {
      this.#show(index, board.get(range.start + index) ?? false);
      if (pending.has(range.start + index)) input.toggleAttribute("data-pending", true);
    }
    this.#hinder();
    this.#isFilled = true;
    this.#root.ariaBusy = "false";
    this.#options.onChecked(this.#checked);
  }

  #apply(changes: readonly CellChange[]): void {
    if (!this.#isFilled) return;
    const { start } = this.#options.range;
    const before = this.#checked;
    for (const { cell, value, mine } of changes) {
      const input = this.#show(cell - start, value);
      if (input && !mine) this.#flash.put(input);
    }
    if (this.#checked !== before) this.#options.onChecked(this.#checked);
  }

  #show(index: number, value: boolean): HTMLInputElement | undefined {
    const input = this.#inputs[index];
    if (!input) return undefined;
    if (input.checked !== value) input.checked = value;
    const bit = value ? 1 : 0;
    this.#checked += bit - (this.#shown[index] ?? 0);
    this.#shown[index] = bit;
    return input;
  }

  /** Marks the cells that this user may not change. They can be gone to and read all the same, so they are not `disabled`. */
  #hinder(): void {
    const { board, range } = this.#options;
    for (const [index, input] of this.#inputs.entries()) {
      const reason = hindranceAt(board, range.start + index);
      // Also where something else hinders this user: it is told apart from what nobody may change.
      input.toggleAttribute("data-frozen", board.isFrozen(range.start + index));
      if (input.title === (reason ?? "")) continue;
      input.title = reason ?? "";
      input.ariaDisabled = reason === undefined ? null : "true";
    }
  }

  #clicked(event: Event): void {
    const { target } = event;
    const index = this.#indexOf(event);
    if (index === undefined || !(target instanceof HTMLInputElement)) return;
    const cell = this.#options.range.start + index;
    const reason = hindranceAt(this.#options.board, cell);
    if (reason === undefined) return;
    event.preventDefault();
    this.#note.show(target, reason);
    this.#options.onRefused(`Checkbox ${cell} was not changed. ${reason}`, true);
  }

  #toggled(event: Event): void {
    const { target } = event;
    const index = this.#indexOf(event);
    if (index === undefined || !(target instanceof HTMLInputElement)) return;
    if (!this.#isFilled) {
      target.checked = !target.checked;
      return;
    }
    this.#refused.remove(target);
    this.#options.pending.set(this.#options.range.start + index, target.checked);
  }

  #pressed(event: KeyboardEvent): void {
    const index = this.#indexOf(event);
    if (index === undefined || event.altKey || event.metaKey) return;
    const rowPx = this.#root.firstElementChild?.clientHeight || 1;
    const pageRows = Math.max(1, Math.floor((this.#root.parentElement?.clientHeight ?? 0) / rowPx) - 1);
    const to = moveByKey(event, index, { count: this.#inputs.length, columns: this.#options.columns, pageRows });
    if (to === undefined) return;
    event.preventDefault();
    this.#inputs[to]?.focus();
  }

  #pointed(event: Event): void {
    const index = this.#indexOf(event);
    if (index === undefined) return;
    if (event.type === "focusin") this.#makeCurrent(index);
    this.#options.onPointed(this.#options.range.start + index);
  }

  #makeCurrent(index: number): void {
    const [before, next] = [this.#inputs[this.#current], this.#inputs[index]];
    if (before) before.tabIndex = -1;
    if (next) next.tabIndex = 0;
    this.#current = index;
  }

  #gather(refused: RefusedChange): void {
    const input = this.#inputAt(refused.cell);
    if (input) {
      this.#refused.put(input);
      // A click on a cell that cannot be set has changed the input itself.
      this.#show(refused.cell - this.#options.range.start, this.#options.board.get(refused.cell) ?? false);
    }
    this.#refusals.add(refused);
  }

  #tellRefusals({ first, note, text }: RefusalRun): void {
    if (this.#isClosed) return;
    const input = this.#inputAt(first.cell);
    if (input) this.#note.show(input, note);
    this.#options.onRefused(text, input !== undefined);
  }
}
