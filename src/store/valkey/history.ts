/* The history of a page (history.ts of the contract), from its stream. */

import type { Snapshot } from "../../board/delta.js";
import type { PageRef } from "../../board/geometry.js";
import { DamagedPage, type Damages } from "../damage.js";
import { type HistoryRange, type PageHistory, type RecordReader, readHistory } from "../history.js";
import { readRecorded, type StreamRecord } from "./entries.js";
import type { Names } from "./keys.js";
import type { ValkeyLink } from "./link.js";
import { readNumbers } from "./scripts.js";

export interface HistoryParts {
  readonly link: ValkeyLink;
  readonly names: Names;
  readonly damages: Damages;
  readonly deltasMax: number;
  readonly present: () => Promise<Snapshot>;
}

export function readStream(page: PageRef, range: HistoryRange, parts: HistoryParts): Promise<PageHistory> {
  const { link, names, damages, deltasMax, present } = parts;
  const key = names.page(page).history;
  const records = async (...command: [name: string, ...args: string[]]) => {
    const reply = await link.bytes(key, ...command).catch((error: unknown) => {
      if (error instanceof DamagedPage) damages.found(page, "history", false, error);
      throw error;
    });
    const read = readRecorded(reply);
    damages.found(page, "history", !read.some(({ version }) => version === 0));
    return read;
  };
  const reader: RecordReader<StreamRecord> = {
    after: (ms, last, count) =>
      records("XRANGE", key, last ? `(${last.id}` : String(ms + 1), "+", "COUNT", String(count)),
    before: (newest, count) => records("XREVRANGE", key, newest?.id ?? "+", "-", "COUNT", String(count)),
    present,
    nowMs: async () => {
      const [seconds = 0, micros = 0] = readNumbers(await link.command(key, "TIME"));
      return seconds * 1_000 + Math.floor(micros / 1_000);
    },
    isTrimmed: async () => Number(await link.command(key, "XLEN", key)) >= deltasMax,
  };
  return readHistory(page.page, reader, range);
}
