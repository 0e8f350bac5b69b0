/* The elements of a grid of cells: real checkboxes with the roles of the ARIA grid pattern. */

import { isAnnounced, leftOf, type Owned, type Owner, ownerText } from "../../state/claims.js";

export function makeInput(cell: number): HTMLInputElement {
  const input = document.createElement("input");
  input.type = "checkbox";
  input.className = "cell";
  input.tabIndex = -1;
  input.dataset.cell = String(cell);
  input.ariaLabel = labelOf(cell);
  // Firefox would restore the checks from before a reload.
  input.autocomplete = "off";
  return input;
}

export function makeElement(tag: "div" | "span", role: string): HTMLElement {
  const made = document.createElement(tag);
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
