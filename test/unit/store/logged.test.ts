import assert from "node:assert/strict";
import { test } from "node:test";
import type { Delta } from "../../../src/board/delta.js";
import { loggedSince, PAGE_BYTES, publishedBytes, SINCE_BYTES_MAX } from "../../../src/store/logged.js";
import { BATCH_CHANGES_MAX } from "../../../src/store/store.js";

const tagOf = (version: number) => String(version).padStart(8, "A");
const positionOf = (version: number) => ({ version, tag: tagOf(version) });

/** The log after a version, and how much of it was read. */
function logOf(versions: number, changesEach: number, after = 0) {
  const read = { bytes: 0, entries: 0 };
  function* entries(): Iterable<Delta> {
    for (let version = after + 1; version <= versions; version++) {
      const changes = new Uint32Array(changesEach);
      const from = positionOf(version - 1);
      const delta: Delta = { kind: "delta", page: 0, from, to: positionOf(version), changes };
      read.entries++;
      read.bytes += publishedBytes(delta);
      yield delta;
    }
  }
  return { entries: entries(), read };
}

test("a position that the log's first entry does not build on costs that one entry", () => {
  const { entries, read } = logOf(100, 1);
  assert.equal(loggedSince(entries, { version: 0, tag: "madeUpAA" }, positionOf(100)), undefined);
  assert.equal(read.entries, 1);
});

for (const changes of [1, 40, BATCH_CHANGES_MAX]) {
  test(`a log of entries of ${changes} changes is read up to a few snapshots, and no further`, () => {
    const { entries, read } = logOf(2_000, changes);
    assert.equal(loggedSince(entries, positionOf(0), positionOf(2_000)), undefined);
    assert.ok(read.bytes <= SINCE_BYTES_MAX + publishedBytes({ changes: new Uint32Array(changes) }));
    assert.ok(SINCE_BYTES_MAX <= 4 * PAGE_BYTES);
  });
}

test("a log that leads to the present is the answer, and one that breaks off is not", () => {
  assert.equal(loggedSince(logOf(50, 3, 20).entries, positionOf(20), positionOf(50))?.length, 30);
  assert.equal(loggedSince(logOf(49, 3, 20).entries, positionOf(20), positionOf(50)), undefined);
  const [first, , third] = logOf(3, 1).entries;
  assert.ok(first && third);
  assert.equal(loggedSince([first, third], positionOf(0), positionOf(3)), undefined);
});
