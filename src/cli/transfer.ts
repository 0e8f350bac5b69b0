/* `socketscaler export` and `import`: copy a board from a store to a file, and back. */

import { once } from "node:events";
import { createReadStream, createWriteStream } from "node:fs";
import { userInfo } from "node:os";
import { resolve } from "node:path";
import { createInterface } from "node:readline";
import { pipeline } from "node:stream/promises";
import { countOf } from "../protocol/count.js";
import { BadOption, type Config } from "../server/config.js";
import { openStore } from "../server/open-store.js";
import { auditLog, createLog } from "../server/telemetry/log.js";
import { ofBoard } from "../store/by-board.js";
import { describeRule, formatRule } from "../store/claims.js";
import type { Store } from "../store/store.js";
import {
  type BoardOfSize,
  exportBoard,
  importBoard,
  lastPageOf,
  type Progress,
} from "../store/transfer/board-transfer.js";

const PROGRESS_EVERY_MS = 1_000;

export interface TransferChoice {
  readonly board: string;
  /** The file to export to; standard output without it. */
  readonly out: string | undefined;
  readonly fromPage: string;
  /** The file to import; `-` is standard input. */
  readonly file: string;
}

export async function exportTo(config: Config, choice: TransferChoice): Promise<void> {
  const store = await openStore(config, createLog("warn"), { mayEvict: true });
  try {
    const board = await boardNamed(store, config, choice.board);
    const fromPage = Number(choice.fromPage);
    if (!/^\d{1,6}$/.test(choice.fromPage) || fromPage > lastPageOf(board)) {
      throw new BadOption(`--from-page is "${choice.fromPage}": expected a page from 0 to ${lastPageOf(board)}`);
    }
    const lines = exportBoard(store, board, fromPage, showProgress("exported"));
    if (choice.out === undefined) await pipeline(lines, process.stdout, { end: false });
    // Never overwrites a file, which may be the only backup.
    else await pipeline(lines, createWriteStream(choice.out, { flags: "wx" }));
  } finally {
    await store.close();
  }
}

export async function importFrom(config: Config, choice: TransferChoice): Promise<void> {
  const input = choice.file === "-" ? process.stdin : createReadStream(choice.file);
  if (choice.file !== "-") await once(input, "open");
  const store = await openStore(config, createLog("warn"), { mayEvict: true });
  let replaced = 0;
  let outcome = "stopped";
  try {
    const board = await boardForImport(store, config, choice.board);
    const lines = createInterface({ input, crlfDelay: Number.POSITIVE_INFINITY });
    const { pages, checked } = await importBoard(store, board, lines, showProgress("imported"), () => replaced++);
    outcome = "done";
    process.stderr.write(
      `imported ${countOf(checked, "checked cell")} on ${countOf(pages, "page")} into board ${board.name} ` +
        `and changed ${countOf(replaced, "page")}\n`,
    );
  } finally {
    const file = choice.file === "-" ? choice.file : resolve(choice.file);
    const line = { audit: "import", board: choice.board, pages: replaced, file, by: nameOfUser(), outcome };
    // Goes to standard output, like the log of an instance.
    auditLog(createLog(config.logLevel)).info(line, "admin action");
    input.destroy();
    await store.close();
  }
}

function nameOfUser(): string {
  try {
    return userInfo().username;
  } catch {
    // In containers, a user may have a number and no name.
    return `uid ${process.getuid?.()}`;
  }
}

/** The board as the store knows it; otherwise as BOARDS and CLAIMS have it. */
async function boardNamed(store: Store, config: Config, name: string): Promise<BoardOfSize> {
  const record = (await store.boards.list())?.get(name);
  const size = record?.size ?? sizeIn(config, name);
  if (size === undefined)
    throw new BadOption(`--board is "${name}": expected a board that is in the store or in BOARDS`);
  const claims = record ? record.claims : formatRule(ofBoard(config.claims, name));
  return { name, size, hasClaims: claims !== undefined };
}

/** Like an instance at its start, makes the board at least as large as BOARDS has it. */
async function boardForImport(store: Store, config: Config, name: string): Promise<BoardOfSize> {
  for (;;) {
    const board = await boardNamed(store, config, name);
    const record = (await store.boards.list())?.get(name);
    const claims = formatRule(ofBoard(config.claims, name));
    if (record && record.claims !== claims) {
      const [stored, own] = [describeRule(record.claims), describeRule(claims)];
      throw new BadOption(
        `in the store, board ${name} has ${stored}, but CLAIMS gives it ${own}: use the same CLAIMS as the instances`,
      );
    }
    const size = Math.max(board.size, sizeIn(config, name) ?? 0);
    const next = record ?? (claims === undefined ? {} : { claims });
    const isThere = record?.size === size || (await store.boards.change(name, record, { ...next, size }));
    if (isThere) return { ...board, size };
  }
}

function sizeIn({ boards }: Config, name: string): number | undefined {
  return Object.hasOwn(boards, name) ? boards[name] : undefined;
}

function showProgress(done: string): Progress {
  let printedMs = performance.now();
  return (pages, of) => {
    if (performance.now() - printedMs < PROGRESS_EVERY_MS) return;
    printedMs = performance.now();
    process.stderr.write(`${done} ${pages} of ${countOf(of, "page")}\n`);
  };
}
