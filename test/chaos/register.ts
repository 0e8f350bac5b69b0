/*
 * What the users of a chaos run write. Each user owns one register: 32 cells of one page, which it sets together, so that
 * they are one write and one atomic batch. The cells hold a counter that only grows, and a checksum of it:
 *
 *     cells   0 … 23 counter · 24 … 31 checksum
 *
 * So every state of a register tells by itself whether it was ever written whole, and which of two came first. But what
 * is lost of a register is soon written over. Therefore the same write also makes a mark that stays for long: it sets
 * cell `counter % 1024` of the user's ledger, to 1 on the first lap, to 0 on the second, and so on.
 *
 * Besides there are contended cells that all users set to what they please.
 *
 * Registers are numbered by their user; pages are used in turn. Pure.
 *
 *     page   5 … registers · 3,000 … contended cells · 4,096 … ledgers
 */

const PAGE_CELLS = 65_536;
const CHECKSUM_BITS = 8;

export const PAGES = 3;
const REGISTER_CELLS = 32;
export const CONTENDED_CELLS = 6;
/** The last page is short, as on most boards. */
export const BOARD_CELLS = (PAGES - 1) * PAGE_CELLS + 40_000;
const LEDGER_CELLS = 1_024;

/** More users than that would reach beyond the last page. */
const REGISTERS_MAX = 90;
/** Off the byte borders, because that is where mistakes would show. */
const FIRST_OFFSET = 5;

export function pageOfRegister(register: number): number {
  return register % PAGES;
}

export function cellsOfRegister(register: number): number[] {
  const first = pageOfRegister(register) * PAGE_CELLS + register * REGISTER_CELLS + FIRST_OFFSET;
  return Array.from({ length: REGISTER_CELLS }, (_, index) => first + index);
}

/** The register that `cell` belongs to. */
export function registerOfCell(cell: number): number | undefined {
  const register = Math.floor(((cell % PAGE_CELLS) - FIRST_OFFSET) / REGISTER_CELLS);
  const isRegister = register >= 0 && register < REGISTERS_MAX && pageOfRegister(register) * PAGE_CELLS <= cell;
  return isRegister && cell < (pageOfRegister(register) + 1) * PAGE_CELLS ? register : undefined;
}

export function cellsOfLedger(register: number): number[] {
  const row = Math.floor(register / PAGES);
  const first = pageOfRegister(register) * PAGE_CELLS + 4_096 + row * LEDGER_CELLS;
  return Array.from({ length: LEDGER_CELLS }, (_, index) => first + index);
}

/** The mark that a write of `counter` makes in its ledger. */
export function markOf(counter: number): { index: number; value: boolean } {
  return { index: counter % LEDGER_CELLS, value: Math.floor(counter / LEDGER_CELLS) % 2 === 0 };
}

export function contendedCell(index: number): number {
  return (index % PAGES) * PAGE_CELLS + 3_000 + index;
}

/** Counter and checksum as one number of 32 bits; counter 0 is the empty register. */
export function encodeWord(register: number, counter: number): number {
  return counter * 2 ** CHECKSUM_BITS + checksum(register, counter);
}

/** The counter, or undefined if no such word was ever written. */
export function decodeWord(register: number, word: number): number | undefined {
  const counter = Math.floor(word / 2 ** CHECKSUM_BITS);
  return encodeWord(register, counter) === word ? counter : undefined;
}

/** The register's cells, first cell first, as they spell `word`. */
export function bitsOfWord(word: number): boolean[] {
  return Array.from({ length: REGISTER_CELLS }, (_, index) => ((word >>> (REGISTER_CELLS - 1 - index)) & 1) === 1);
}

export function wordOfBits(bits: readonly boolean[]): number {
  return bits.reduce((word, bit) => word * 2 + (bit ? 1 : 0), 0);
}

function checksum(register: number, counter: number): number {
  if (counter === 0) return 0;
  return Math.imul(Math.imul(counter, 0x9e3779b1) ^ (register + 1), 0x85ebca6b) >>> (32 - CHECKSUM_BITS);
}
