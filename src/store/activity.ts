/*
 * How much happened to a page in each part of a period, for the slider of a replay. Versions count
 * a page's batches, so the first record of each part is enough. The cost grows with the number of
 * parts alone.
 */

import type { HistoryRange, PageActivity, Recorded, RecordReader } from "./history.js";

/** Most parts of one answer. Each costs one read of one record, if anything happened in it. */
const ACTIVITY_PARTS_MAX = 64;

/** Undefined without a reader. `parts` may be 0, to find only the first batch. */
export async function readActivity<Kept extends Recorded>(
  reader: RecordReader<Kept> | undefined,
  { fromMs, toMs }: HistoryRange,
  parts: number,
): Promise<PageActivity | undefined> {
  if (!reader) return undefined;
  /** The first record at `ms` or later, if it is in the period. */
  const firstFrom = async (ms: number) => {
    const [record] = await reader.after(ms - 1, undefined, 1);
    return record && record.ms <= toMs ? record : undefined;
  };
  const counts = new Array<number>(Math.min(parts, ACTIVITY_PARTS_MAX)).fill(0);
  const [first, nowMs] = await Promise.all([firstFrom(fromMs), reader.nowMs()]);
  if (!first || counts.length === 0) return { firstMs: first?.ms, counts, nowMs };
  const partMs = Math.max(1, Math.ceil((toMs - fromMs + 1) / counts.length));
  for (let record: Kept | undefined = first; record; ) {
    const part = Math.floor((record.ms - fromMs) / partMs);
    const next: Kept | undefined = await firstFrom(fromMs + (part + 1) * partMs);
    const end = next ? next.version - 1 : await lastVersion(reader, toMs);
    // Two records of different histories, or an invalid one, say nothing about the number.
    counts[part] = Math.max(1, end - record.version + 1);
    record = next;
  }
  return { firstMs: first.ms, counts, nowMs };
}

/** The version of the last batch up to `ms`. */
async function lastVersion<Kept extends Recorded>(reader: RecordReader<Kept>, ms: number): Promise<number> {
  const [later] = await reader.after(ms, undefined, 1);
  if (later) return later.version - 1;
  const [newest] = await reader.before(undefined, 1);
  return newest?.version ?? 0;
}
