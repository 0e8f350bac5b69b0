/*
 * What the store holds, read over a plain connection and without the server's code: the bits of a page stand under
 * `ss:{board:page}:bits`, a string bitmap whose first cell is the highest bit of its first byte, and the count of checked
 * cells in field `n` of the hash `ss:{board:page}:head`.
 */

import type { Reply } from "../support/resp.js";
import type { State } from "./history.js";
import { CONTENDED_CELLS, cellsOfLedger, cellsOfRegister, contendedCell, PAGES, wordOfBits } from "./register.js";

const PAGE_CELLS = 65_536;

/** Runs a command on the server that holds `page` now. */
export type PageCommand = (page: number, ...args: readonly (string | number)[]) => Promise<Reply>;

export function pageKey(page: number, part: "bits" | "head"): string {
  return `ss:{main:${page}}:${part}`;
}

export async function readStored(command: PageCommand, registers: number): Promise<{ state: State; counted: number }> {
  const pages: Buffer[] = [];
  let counted = 0;
  for (let page = 0; page < PAGES; page++) {
    const bits = await command(page, "GET", pageKey(page, "bits"));
    pages.push(Buffer.isBuffer(bits) ? bits : Buffer.alloc(0));
    counted += Number((await command(page, "HGET", pageKey(page, "head"), "n")) ?? 0);
  }
  const get = (cell: number) => {
    const offset = cell % PAGE_CELLS;
    const byte = pages[Math.floor(cell / PAGE_CELLS)]?.[offset >>> 3] ?? 0;
    return ((byte >>> (7 - (offset & 7))) & 1) === 1;
  };
  return {
    state: stateOf(
      get,
      registers,
      pages.reduce((sum, page) => sum + onesIn(page), 0),
    ),
    counted,
  };
}

/** Gathers a state from whoever can tell a cell. */
export function stateOf(get: (cell: number) => boolean, registers: number, checked: number): State {
  const textOf = (cells: readonly number[]) => cells.map((cell) => (get(cell) ? "1" : "0")).join("");
  return {
    ledgers: Array.from({ length: registers }, (_, register) => textOf(cellsOfLedger(register))),
    words: Array.from({ length: registers }, (_, register) => wordOfBits(cellsOfRegister(register).map(get))),
    cells: Array.from({ length: CONTENDED_CELLS }, (_, index) => get(contendedCell(index))),
    checked,
  };
}

function onesIn(bytes: Buffer): number {
  let ones = 0;
  for (const byte of bytes) for (let rest = byte; rest > 0; rest &= rest - 1) ones++;
  return ones;
}
