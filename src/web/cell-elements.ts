/*
 * The elements of a grid of cells: rows of real checkboxes, in the roles of the ARIA grid pattern, and
 * what each one shows. Built at once and outside the virtual DOM, which would compare 10,000 elements
 * for each change of one. One of them is the tab stop.
 */

import type { Board } from "../client/index.js";
import { hindranceAt } from "./permission.js";

export class CellElements {
  /** In the order of their numbers. */
  readonly inputs: readonly HTMLInputElement[];
  /** What each cell shows. The input is no source for it: a click changes the input first. */
  readonly #shown: Uint8Array;
  #checked = 0;
  #current: HTMLInputElement | undefined;

  /** Replaces what `root` contains. */
  constructor(root: HTMLElement, size: number, columns: number) {
    const rows = document.createDocumentFragment();
    const inputs: HTMLInputElement[] = [];
    for (let first = 0; first < size; first += columns) {
      const row = element("div", "cells-row", "row");
      for (let cell = first; cell < Math.min(size, first + columns); cell++) {
        const input = makeInput(cell);
        inputs.push(input);
        const holder = element("span", "cell-holder", "gridcell");
        holder.append(input);
        row.append(holder);
      }
      rows.append(row);
    }
    root.replaceChildren(rows);
    this.inputs = inputs;
    this.#shown = new Uint8Array(size);
    this.focusable(0);
  }

  /** How many cells show a check. */
  get checked(): number {
    return this.#checked;
  }

  show(cell: number, value: boolean): HTMLInputElement | undefined {
    const input = this.inputs[cell];
    if (!input) return undefined;
    if (input.checked !== value) input.checked = value;
    const bit = value ? 1 : 0;
    this.#checked += bit - (this.#shown[cell] ?? 0);
    this.#shown[cell] = bit;
    return input;
  }

  /** Makes the cell the tab stop. */
  focusable(cell: number): void {
    if (this.#current) this.#current.tabIndex = -1;
    this.#current = this.inputs[cell];
    if (this.#current) this.#current.tabIndex = 0;
  }

  /** Marks the cells that this user may not change. They stay readable, so they are not `disabled`. */
  markHindered(board: Board): void {
    for (const [cell, input] of this.inputs.entries()) {
      const reason = hindranceAt(board, cell);
      input.toggleAttribute("data-frozen", board.isFrozen(cell));
      if (input.title === (reason ?? "")) continue;
      input.title = reason ?? "";
      input.ariaDisabled = reason === undefined ? null : "true";
    }
  }
}

/** The cell that an event is about; undefined if it is about none. */
export function cellOf({ target }: Event): number | undefined {
  const cell = target instanceof HTMLElement ? target.dataset.cell : undefined;
  return cell === undefined ? undefined : Number(cell);
}

function makeInput(cell: number): HTMLInputElement {
  const input = document.createElement("input");
  input.type = "checkbox";
  input.className = "cell";
  input.tabIndex = -1;
  input.dataset.cell = String(cell);
  input.setAttribute("aria-label", `Checkbox ${cell}`);
  // Firefox would restore the checks from before a reload.
  input.autocomplete = "off";
  return input;
}

function element(tag: "div" | "span", className: string, role: string): HTMLElement {
  const made = document.createElement(tag);
  made.className = className;
  made.setAttribute("role", role);
  return made;
}
