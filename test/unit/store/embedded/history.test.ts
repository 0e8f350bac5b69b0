/* How much of the embedded store's record an answer reads. The records are in memory, in the order of LMDB's keys. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { bitmapBytes, setBit } from "../../../../src/board/bitmap.js";
import type { Snapshot } from "../../../../src/board/delta.js";
import { PAGE_CELLS } from "../../../../src/board/geometry.js";
import { GENESIS } from "../../../../src/board/position.js";
import { EmbeddedHistory, type RecordDatabase } from "../../../../src/store/embedded/history.js";
import { HISTORY_BYTES_MAX, KEYFRAME_BYTES, type Recorded, recordedBytes } from "../../../../src/store/history.js";
import { newTag } from "../../../../src/store/tag.js";

const page = { board: "main", page: 0 };
const RECORDS = 20_000;

function setUp() {
  const kept: Recorded[] = [];
  const read = { records: 0, atOnceMost: 0 };
  /** Where a key with this time and version stands. */
  const indexOf = (ms: number, version: number) => {
    const index = kept.findIndex((record) => record.ms > ms || (record.ms === ms && record.version >= version));
    return index === -1 ? kept.length : index;
  };
  const records: RecordDatabase = {
    put: (_, value) => kept.push(value),
    remove: () => undefined,
    getKeys: () => [],
    getKeysCount: () => kept.length,
    getRange: ({ start, reverse, limit }) => {
      const at = indexOf(start[2], start[3]);
      const found = reverse ? kept.slice(Math.max(0, at + 1 - limit), at + 1).reverse() : kept.slice(at, at + limit);
      read.records += found.length;
      read.atOnceMost = Math.max(read.atOnceMost, found.length);
      return found.map((value) => ({ value }));
    },
  };
  let nowMs = 1_000;
  const histories = { boards: new Map<string, number>(), others: 1e9, deltasMax: 100_000 };
  const history = new EmbeddedHistory(records, histories, () => nowMs);
  const bits = new Uint8Array(bitmapBytes(PAGE_CELLS));
  let position = GENESIS;
  for (let cell = 0; cell < RECORDS; cell++) {
    nowMs++;
    setBit(bits, cell, 1);
    const to = { version: position.version + 1, tag: newTag() };
    history.add(page, position, to, [[cell, 1]], bits);
    position = to;
  }
  nowMs++;
  const present = async (): Promise<Snapshot> => ({ kind: "snapshot", page: 0, position, bits });
  return { read, ask: (fromMs: number, toMs: number) => history.read(page, present, { fromMs, toMs }) };
}

test("a request reads the records of its answer and those since a keyframe, out of 20,000, however long ago it asks for", async () => {
  const { read, ask } = setUp();
  const wayMost = KEYFRAME_BYTES / recordedBytes("000") + 3 * 128;
  for (const [fromMs, toMs, version] of [
    [0, 1, 0],
    [1_500, 1_500, 499],
    [11_000, 11_010, 9_999],
    [20_999, 30_000, 19_998],
  ] as const) {
    read.records = 0;
    const history = await ask(fromMs, toMs);
    assert.equal(history?.start.position.version, version);
    assert.ok(read.records <= 2 * wayMost, `${read.records} records for ${fromMs} to ${toMs}`);
  }
  read.records = 0;
  const all = await ask(0, Number.MAX_SAFE_INTEGER);
  const most = HISTORY_BYTES_MAX / recordedBytes("000");
  assert.ok(all && all.deltas.length <= most);
  assert.ok(read.records <= most + 2 * wayMost);
  assert.ok(read.atOnceMost <= 128, "others get their turn after each part");
});
