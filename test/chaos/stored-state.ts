/*
 * What the store holds, read over a plain connection and without the server's code: the bits of a page stand under
 * `ss:{board:page}:bits`, a string bitmap whose first cell is the highest bit of its first byte, and the count of checked
 * cells in field `n` of the hash `ss:{board:page}:head`.
 */

import type { Reply } from "../support/resp.js";
import {
  CLAIM_BOARD_NAMES,
  CLAIMED_CELLS,
  type Claimed,
  type ClaimedCell,
  cellOf,
  type StoredClaim,
} from "./claimed.js";
import type { State } from "./history.js";
import { CONTENDED_CELLS, cellsOfLedger, cellsOfRegister, contendedCell, PAGES, wordOfBits } from "./register.js";

const PAGE_CELLS = 65_536;
const OWNER_CHARACTERS = 16;

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

/** Runs a command on the server that holds `key` now. */
export type KeyCommand = (key: string, ...args: readonly (string | number)[]) => Promise<Reply>;

/**
 * The boards with claims. Their claims stand under `ss:{board:0}:claims`, a hash: cell -> owner, 16 characters, and the end
 * in ms unless there is none.
 */
export async function readClaimed(command: KeyCommand): Promise<Claimed["stored"]> {
  const checked: ClaimedCell[] = [];
  const claims: StoredClaim[] = [];
  for (const board of CLAIM_BOARD_NAMES) {
    const [bitsKey, claimsKey] = [`ss:{${board}:0}:bits`, `ss:{${board}:0}:claims`];
    const bits = await command(bitsKey, "GET", bitsKey);
    const [byte = 0] = Buffer.isBuffer(bits) ? bits : [];
    for (let index = 0; index < CLAIMED_CELLS; index++)
      if ((byte >>> (7 - index)) & 1) checked.push(cellOf(board, index));
    const stored = ((await command(claimsKey, "HGETALL", claimsKey)) as Reply[]).map(String);
    const [seconds, micros] = ((await command(claimsKey, "TIME")) as Reply[]).map(Number);
    const nowMs = (seconds ?? 0) * 1_000 + (micros ?? 0) / 1_000;
    for (let at = 0; at < stored.length; at += 2) {
      const [offset, claim = ""] = stored.slice(at, at + 2);
      const cell = cellOf(board, Number(offset));
      const endMs = claim.length > OWNER_CHARACTERS ? Number(claim.slice(OWNER_CHARACTERS)) : Number.POSITIVE_INFINITY;
      if (checked.includes(cell)) claims.push({ cell, owner: claim.slice(0, OWNER_CHARACTERS), leftMs: endMs - nowMs });
    }
  }
  return { checked, claims };
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
