/*
 * The elements of a grid of cells: rows of real checkboxes with the roles of the ARIA grid pattern.
 * They are outside the virtual DOM, which would compare 10,000 elements for each change.
 */

import type { Board } from "../client/index.js";
import { isAnnounced, leftOf, type Owned, type Owner, ownerAt, ownerText } from "./claims.js";
import { lockReasonAt } from "./permission.js";

export class CellElements {
  readonly inputs: readonly HTMLInputElement[];
  /** The values shown. The inputs cannot tell, because a click changes them first. */
  readonly #shown: Uint8Array;
  #checked = 0;
  #current: HTMLInputElement | undefined;

  constructor(root: HTMLElement, size: number, columns: number) {
    const rows = document.createDocumentFragment();
    const inputs: HTMLInputElement[] = [];
    for (let first = 0; first < size; first += columns) {
      const row = makeElement("div", "row", "cells-row");
      for (let cell = first; cell < Math.min(size, first + columns); cell++) {
        const input = makeInput(cell, "cell");
        inputs.push(input);
        const holder = makeElement("span", "gridcell", "cell-holder");
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

  focusable(cell: number): void {
    if (this.#current) this.#current.tabIndex = -1;
    this.#current = this.inputs[cell];
    if (this.#current) this.#current.tabIndex = 0;
  }

  /** Shows whether the cell is frozen, whose it is, and why it cannot be changed. */
  mark(board: Board, cell: number): void {
    const input = this.inputs[cell];
    if (!input) return;
    input.toggleAttribute("data-frozen", board.isFrozen(cell));
    setLocked(input, lockReasonAt(board, cell));
    if (board.claims) setOwner(input, board, cell, ownerAt(board, cell));
  }

  markAll(board: Board): void {
    for (const cell of this.inputs.keys()) this.mark(board, cell);
  }
}

/** The cell that an event concerns; undefined if it concerns none. */
export function cellOf({ target }: Event): number | undefined {
  const cell = target instanceof HTMLElement ? target.dataset.cell : undefined;
  return cell === undefined ? undefined : Number(cell);
}

export function makeInput(cell: number, className: string): HTMLInputElement {
  const input = document.createElement("input");
  input.type = "checkbox";
  input.className = className;
  input.tabIndex = -1;
  input.dataset.cell = String(cell);
  input.ariaLabel = labelOf(cell);
  // Firefox would restore the checks from before a reload.
  input.autocomplete = "off";
  return input;
}

export function makeElement(tag: "div" | "span", role: string, className = ""): HTMLElement {
  const made = document.createElement(tag);
  made.className = className;
  made.role = role;
  return made;
}

function labelOf(cell: number, owner?: string): string {
  return owner === undefined ? `Checkbox ${cell}` : `Checkbox ${cell}, ${owner}`;
}

/** Shows whose the cell is, and in its name how long it still is the user's. */
export function setOwner(input: HTMLInputElement, board: Owned, cell: number, owner: Owner | undefined): void {
  const isSame = input.dataset.owner === owner;
  if (isSame && owner === undefined) return;
  const nowMs = Date.now();
  if (owner === undefined) delete input.dataset.owner;
  else input.dataset.owner = owner;
  const isSilent = isSame && input === document.activeElement && !isAnnounced(leftOf(board, cell, nowMs) ?? 0);
  const label = labelOf(cell, owner && ownerText(board, cell, nowMs));
  if (!isSilent && input.ariaLabel !== label) input.ariaLabel = label;
}

/** Shows why the cell cannot be changed. It is not `disabled`, so that it stays readable. */
export function setLocked(input: HTMLInputElement, reason = ""): void {
  if (input.title === reason) return;
  input.title = reason;
  input.ariaDisabled = reason === "" ? null : "true";
}
