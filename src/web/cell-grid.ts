/*
 * The cells of a small board on the screen. Each change of the board updates only its cells. Only
 * the board decides which value a cell shows.
 */

import type { Board, CellChange, RefusedChange, Watch } from "../client/index.js";
import { CellElements, cellOf } from "./cell-elements.js";
import { countdownText, TICK_MS } from "./claims.js";
import { HoldNote } from "./hold-note.js";
import { moveByKey } from "./keys.js";
import { gridOf } from "./layout.js";
import { PendingCells } from "./pending-cells.js";
import { lockReasonAt } from "./permission.js";
import { RefusalNote } from "./refusal-note.js";
import { type RefusalText, refusalText, reportRuns } from "./refusals.js";
import { TimedMark } from "./timed-mark.js";

interface CellGridOptions {
  readonly board: Board;
  readonly size: number;
  readonly columns: number;
  readonly onChecked: (checked: number) => void;
  readonly onPointed: (cell: number | undefined) => void;
  readonly onRefused: (text: string, isShown: boolean) => void;
}

/** The most cells marked at the same time: each one costs an animation. */
const MARKED_MAX = 120;

export class CellGrid {
  readonly #root: HTMLElement;
  readonly #options: CellGridOptions;
  readonly #cells: CellElements;
  readonly #pending: PendingCells;
  readonly #watch: Watch;
  readonly #flash = new TimedMark("flash", MARKED_MAX);
  readonly #refused = new TimedMark("refused", MARKED_MAX);
  readonly #found = new TimedMark("found", 1);
  readonly #note: RefusalNote;
  readonly #hold: HoldNote;
  readonly #ticks: ReturnType<typeof setInterval> | undefined;
  readonly #reportRun = reportRuns((text) => this.#report(text));
  readonly #abort = new AbortController();
  readonly #undo: (() => void)[];
  #isFilled = false;
  #isClosed = false;

  /** Empties `root`, which scrolls, and fills it with the grid. */
  constructor(root: HTMLElement, options: CellGridOptions) {
    const { board, size, columns } = options;
    this.#root = root;
    this.#options = options;
    this.#cells = new CellElements(root, size, columns);
    this.#pending = new PendingCells(board, (cell, isPending) => {
      this.#cells.inputs[cell]?.toggleAttribute("data-pending", isPending);
      this.#cells.mark(board, cell);
    });
    this.#note = new RefusalNote(root);
    this.#hold = new HoldNote(root, {
      textAt: (cell) => (this.#note.isShown ? undefined : countdownText(board, cell, Date.now())),
      elementAt: (cell) => this.#cells.inputs[cell],
    });
    if (board.claims && !board.claims.isLease) this.#ticks = setInterval(() => this.#tick(), TICK_MS);
    root.ariaBusy = "true";
    const { signal } = this.#abort;
    root.addEventListener("click", (event) => this.#clicked(event), { signal });
    root.addEventListener("change", (event) => this.#toggled(event), { signal });
    root.addEventListener("keydown", (event) => this.#pressed(event), { signal });
    root.addEventListener("focusin", (event) => this.#pointed(event), { signal });
    root.addEventListener("pointerover", (event) => this.#pointed(event), { signal });
    root.addEventListener("focusout", (event) => this.#left(event), { signal });
    root.addEventListener("pointerleave", (event) => this.#left(event), { signal });
    this.#undo = [
      board.on("change", (changes) => this.#apply(changes)),
      board.on("refused", (refused) => this.#gather(refused)),
      board.on("right", () => this.#cells.markAll(board)),
      board.on("frozen", () => this.#cells.markAll(board)),
      board.on("mine", () => this.#cells.markAll(board)),
    ];
    this.#watch = board.watch({ start: 0, end: size });
    // The status line reports an unavailable board.
    this.#watch.ready.then(
      () => this.#fill(),
      () => undefined,
    );
  }

  goTo(cell: number): void {
    const input = this.#cells.inputs[cell];
    if (!input) return;
    input.scrollIntoView({ block: "center", inline: "center" });
    input.focus({ preventScroll: true });
    this.#found.clear();
    this.#found.put(input);
  }

  close(): void {
    this.#isClosed = true;
    this.#abort.abort();
    for (const undo of this.#undo) undo();
    for (const mark of [this.#flash, this.#refused, this.#found]) mark.clear();
    this.#pending.close();
    this.#note.close();
    this.#hold.close();
    clearInterval(this.#ticks);
    // Delayed, so that a page that the next grid needs too stays watched.
    setTimeout(() => this.#watch.stop());
  }

  #fill(): void {
    if (this.#isClosed) return;
    const { board, size, onChecked } = this.#options;
    for (let cell = 0; cell < size; cell++) {
      this.#cells.show(cell, board.get(cell) ?? false);
      this.#pending.follow(cell);
    }
    this.#cells.markAll(board);
    this.#isFilled = true;
    this.#root.ariaBusy = "false";
    onChecked(this.#cells.checked);
  }

  #apply(changes: readonly CellChange[]): void {
    if (!this.#isFilled) return;
    const { board } = this.#options;
    const before = this.#cells.checked;
    for (const { cell, value, mine } of changes) {
      const input = this.#cells.show(cell, value);
      if (input && !mine) this.#flash.put(input);
      if (board.claims) this.#cells.mark(board, cell);
    }
    if (this.#cells.checked !== before) this.#options.onChecked(this.#cells.checked);
  }

  #clicked(event: Event): void {
    const cell = cellOf(event);
    const reason = cell === undefined ? undefined : lockReasonAt(this.#options.board, cell);
    if (cell === undefined || reason === undefined) return;
    event.preventDefault();
    this.#report(refusalText(cell, reason));
  }

  #toggled(event: Event): void {
    const { target } = event;
    const cell = cellOf(event);
    if (cell === undefined || !(target instanceof HTMLInputElement)) return;
    if (!this.#isFilled) {
      target.checked = !target.checked;
      return;
    }
    this.#refused.remove(target);
    this.#pending.set(cell, target.checked);
  }

  #pressed(event: KeyboardEvent): void {
    const cell = cellOf(event);
    if (cell === undefined || event.altKey || event.metaKey) return;
    const { size, columns } = this.#options;
    const rowPx = this.#root.firstElementChild?.clientHeight || 1;
    const pageRows = Math.max(1, Math.floor((this.#root.parentElement?.clientHeight ?? 0) / rowPx) - 1);
    const to = moveByKey(event, cell, gridOf(size, columns, pageRows));
    if (to === undefined) return;
    event.preventDefault();
    this.#cells.inputs[to]?.focus();
  }

  #pointed(event: Event): void {
    const cell = cellOf(event);
    if (cell === undefined) return;
    if (event.type === "focusin") this.#cells.focusable(cell);
    this.#options.onPointed(cell);
    // After a tap, a note would only hide other cells.
    const isByKey = this.#cells.inputs[cell]?.matches(":focus-visible");
    if (event.type === "pointerover" || isByKey) this.#countDown(cell);
  }

  #left(event: Event): void {
    if (event.type === "pointerleave") this.#options.onPointed(undefined);
    // A click moves the focus away from another cell.
    else if (cellOf(event) !== this.#hold.cell) return;
    this.#countDown(undefined);
  }

  #countDown(cell: number | undefined): void {
    this.#hold.cell = cell;
    this.#hold.follow();
  }

  #tick(): void {
    const { board } = this.#options;
    for (const cell of board.mine.keys()) this.#cells.mark(board, cell);
    this.#hold.follow();
  }

  #gather(refused: RefusedChange): void {
    // A click on a cell that cannot be set has changed the input itself.
    const input = this.#cells.show(refused.cell, this.#options.board.get(refused.cell) ?? false);
    if (input) this.#refused.put(input);
    this.#reportRun(refused);
  }

  #report({ cell, note, text }: RefusalText): void {
    if (this.#isClosed) return;
    const input = this.#cells.inputs[cell];
    if (input) this.#note.show(input, note);
    this.#options.onRefused(text, input !== undefined);
  }
}
