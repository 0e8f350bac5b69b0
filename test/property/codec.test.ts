/* Frames: an encoded frame decodes to itself, and any other bytes decode or are refused. */

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { type Bit, bitmapBytes, countBits, eachDifference, getBit, setBit, usedBytes } from "../../src/board/bitmap.js";
import { type Delta, packChanges } from "../../src/board/delta.js";
import { PAGE_CELLS } from "../../src/board/geometry.js";
import { toBase64url } from "../../src/protocol/base64url.js";
import { decodeSnapshot, encodeSnapshot } from "../../src/protocol/codec.js";
import { decodeDelta, encodeDelta } from "../../src/protocol/delta-text.js";
import { fromBase64url } from "../../src/protocol/from-base64url.js";
import { Reader, Writer } from "../../src/protocol/varint.js";

const tag = fc.uint8Array({ minLength: 6, maxLength: 6 }).map(toBase64url);
const handle = fc.nat(65_535);
const page = fc.nat(65_535);
const change = fc.tuple(fc.nat(PAGE_CELLS - 1), fc.constantFrom<Bit>(0, 1));

describe("the codec", () => {
  test("a delta comes back as it went", () => {
    const version = fc
      .tuple(fc.maxSafeNat(), fc.integer({ min: 1, max: 1_000_000 }))
      .filter(([to, steps]) => steps <= to);
    fc.assert(
      fc.property(
        handle,
        page,
        version,
        tag,
        tag,
        fc.array(change),
        (board, number, [to, steps], fromTag, toTag, list) => {
          const delta: Delta = {
            kind: "delta",
            page: number,
            from: { version: to - steps, tag: fromTag },
            to: { version: to, tag: toTag },
            changes: packChanges(list),
          };
          assert.deepEqual(decodeDelta(encodeDelta(board, delta)), { handle: board, content: delta });
        },
      ),
    );
  });

  test("a snapshot comes back as it went, never larger than its bitmap and a header", () => {
    const cells = fc.integer({ min: 1, max: PAGE_CELLS });
    const density = fc.constantFrom(0, 0.001, 0.1, 0.5, 1);
    fc.assert(
      fc.property(
        handle,
        page,
        fc.maxSafeNat(),
        tag,
        cells,
        density,
        fc.infiniteStream(fc.nat(999)),
        (board, number, version, at, count, dense, chance) => {
          const bits = new Uint8Array(bitmapBytes(count));
          for (let cell = 0; cell < count; cell += 1 + Math.floor(count / 500)) {
            setBit(bits, cell, (chance.next().value ?? 0) < dense * 1000 ? 1 : 0);
          }
          const snapshot = { kind: "snapshot", page: number, position: { version, tag: at }, bits } as const;
          const bytes = encodeSnapshot(board, snapshot);
          assert.ok(bytes.length <= usedBytes(bits) + 22);
          assert.deepEqual(
            decodeSnapshot(bytes, () => count),
            { handle: board, content: snapshot },
          );
        },
      ),
    );
  });

  test("a snapshot of few cells, wherever they are, is written as these cells; a dense one as its bitmap", () => {
    const encoded = (cells: Iterable<number>) => {
      const bits = new Uint8Array(bitmapBytes(PAGE_CELLS));
      for (const cell of cells) setBit(bits, cell, 1);
      const snapshot = { kind: "snapshot", page: 7, position: { version: 12, tag: "AAAAAAAA" }, bits } as const;
      const bytes = encodeSnapshot(3, snapshot);
      assert.deepEqual(
        decodeSnapshot(bytes, () => PAGE_CELLS),
        { handle: 3, content: snapshot },
      );
      return bytes;
    };
    // Handle, page and version of a byte each, the tag, and the coding.
    const HEADER_BYTES = 10;
    const few = fc.uniqueArray(fc.nat(PAGE_CELLS - 1), { minLength: 1, maxLength: 50 });
    fc.assert(
      fc.property(few, (cells) => {
        const bytes = encoded([PAGE_CELLS - 1, ...cells]);
        assert.equal(bytes[HEADER_BYTES - 1], 1);
        assert.ok(bytes.length <= HEADER_BYTES + 3 * (cells.length + 1), `${bytes.length} bytes`);
      }),
    );
    for (const every of [1, 2, 3, 7]) {
      const bytes = encoded(Array.from({ length: Math.ceil(PAGE_CELLS / every) }, (_, index) => index * every));
      assert.equal(bytes[HEADER_BYTES - 1], 0);
      assert.equal(bytes.length, HEADER_BYTES + PAGE_CELLS / 8);
    }
  });

  test("any text at all decodes to a valid delta or to nothing", () => {
    fc.assert(fc.property(fc.string({ unit: "binary" }), (text) => checkDelta(text)));
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => checkDelta(toBase64url(bytes))),
      { numRuns: 2_000 },
    );
  });

  test("any bytes at all decode to a valid snapshot or to nothing", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), fc.integer({ min: 1, max: 300 }), (bytes, cells) => {
        const decoded = decodeSnapshot(bytes, () => cells);
        if (!decoded) return;
        const { bits } = decoded.content;
        assert.equal(bits.length, bitmapBytes(cells));
        for (let cell = cells; cell < bits.length * 8; cell++) assert.equal(getBit(bits, cell), 0);
      }),
      { numRuns: 2_000 },
    );
    assert.equal(
      decodeSnapshot(new Uint8Array(0), () => 8),
      undefined,
    );
    assert.equal(
      decodeSnapshot(new Uint8Array([0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 255, 255]), () => 8),
      undefined,
    );
  });

  test("a frame cut short anywhere, or with a byte more, is no delta", () => {
    const delta: Delta = {
      kind: "delta",
      page: 300,
      from: { version: 1_000, tag: "AAAAAAAA" },
      to: { version: 1_001, tag: "BBBBBBBB" },
      changes: packChanges([[65_535, 1]]),
    };
    const bytes = fromBase64url(encodeDelta(5, delta)) ?? new Uint8Array();
    for (let length = 0; length < 17; length++)
      assert.equal(decodeDelta(toBase64url(bytes.subarray(0, length))), undefined);
    assert.equal(decodeDelta(toBase64url(new Uint8Array([...bytes, 1]))), undefined);
  });
});

function checkDelta(text: string): void {
  const decoded = decodeDelta(text);
  if (!decoded) return;
  const { changes, from, to } = decoded.content;
  assert.ok(to.version > from.version && from.version >= 0);
  let last = -1;
  for (const packed of changes) {
    assert.ok(packed >>> 1 > last && packed >>> 1 < PAGE_CELLS);
    last = packed >>> 1;
  }
}

describe("varints and base64url", () => {
  test("numbers come back, in their shortest form only", () => {
    fc.assert(
      fc.property(fc.maxSafeNat(), (value) => {
        const writer = new Writer(8);
        writer.varint(value);
        const reader = new Reader(writer.bytes());
        assert.equal(reader.varint(), value);
        assert.ok(reader.done && !reader.failed);
      }),
    );
    for (const bytes of [[], [128], [128, 0], [255, 255, 255, 255, 255, 255, 255, 255]]) {
      const reader = new Reader(Uint8Array.from(bytes));
      reader.varint();
      assert.ok(reader.failed, String(bytes));
    }
  });

  test("base64url agrees with Node's, and refuses what is not its own", () => {
    fc.assert(
      fc.property(fc.uint8Array(), (bytes) => {
        const text = toBase64url(bytes);
        assert.equal(text, Buffer.from(bytes).toString("base64url"));
        assert.deepEqual(fromBase64url(text), bytes);
      }),
    );
    for (const text of ["A", "A=", "AA==", "AB", "AAB", "A A", "AA\n", "Ää", "AAAAA"])
      assert.equal(fromBase64url(text), undefined, text);
  });
});

describe("bitmaps", () => {
  test("count and differences agree with looking at each cell", () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ minLength: 9, maxLength: 9 }),
        fc.uint8Array({ minLength: 9, maxLength: 9 }),
        (a, b) => {
          const cells = Array.from({ length: 72 }, (_, cell) => cell);
          assert.equal(countBits(a), cells.filter((cell) => getBit(a, cell)).length);
          const different: [number, Bit][] = [];
          eachDifference(a, b, (offset, value) => different.push([offset, value]));
          assert.deepEqual(
            different,
            cells.filter((cell) => getBit(a, cell) !== getBit(b, cell)).map((cell) => [cell, getBit(b, cell)]),
          );
        },
      ),
    );
  });
});
