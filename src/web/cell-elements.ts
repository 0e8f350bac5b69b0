/*
 * The elements of a grid of cells: rows of real checkboxes, in the roles of the ARIA grid pattern. Built in one go and
 * outside the virtual DOM, which would compare 10,000 of them for each change of one.
 */

import type { CellRange } from "../client/index.js";

export interface CellElements {
  readonly rows: DocumentFragment;
  /** In the order of their numbers, from the start of the range. */
  readonly inputs: readonly HTMLInputElement[];
}

export function buildCells({ start, end }: CellRange, columns: number): CellElements {
  const rows = document.createDocumentFragment();
  const inputs: HTMLInputElement[] = [];
  for (let first = start; first < end; first += columns) {
    const row = element("div", "cells-row", "row");
    for (let cell = first; cell < Math.min(end, first + columns); cell++) {
      const input = document.createElement("input");
      input.type = "checkbox";
      input.className = "cell";
      input.tabIndex = -1;
      input.dataset.cell = String(cell);
      input.setAttribute("aria-label", `Checkbox ${cell}`);
      // Firefox would fill in what was checked before a reload.
      input.autocomplete = "off";
      inputs.push(input);
      const holder = element("span", "cell-holder", "gridcell");
      holder.append(input);
      row.append(holder);
    }
    rows.append(row);
  }
  return { rows, inputs };
}

function element(tag: "div" | "span", className: string, role: string): HTMLElement {
  const made = document.createElement(tag);
  made.className = className;
  made.setAttribute("role", role);
  return made;
}
