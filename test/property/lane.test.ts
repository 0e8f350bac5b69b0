/* Protocol 2: messages come back as they went, and any bytes decode to a valid message or to nothing. */

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import type { Bit } from "../../src/board/bitmap.js";
import { changedOffset, type Delta, packChanges } from "../../src/board/delta.js";
import { PAGE_CELLS } from "../../src/board/geometry.js";
import { toBase64url } from "../../src/protocol/base64url.js";
import { encodeChanges } from "../../src/protocol/changes-codec.js";
import {
  decodeDown,
  decodeUp,
  encodeAcks,
  encodeEvent,
  encodeRefusal,
  encodeReply,
  encodeRequest,
  encodeWrite,
} from "../../src/protocol/lane.js";
import { LaneDelta } from "../../src/protocol/lane-delta.js";

const tag = fc.uint8Array({ minLength: 6, maxLength: 6 }).map(toBase64url);
const bit = fc.constantFrom<Bit>(0, 1);
const handle = fc.nat(65_535);
const version = fc.nat(2 ** 40);
const json = fc.jsonValue().map((value) => JSON.parse(JSON.stringify(value)));
const delta = fc
  .record({
    page: fc.nat(65_535),
    version,
    steps: fc.integer({ min: 1, max: 1_000 }),
    from: tag,
    to: tag,
    changes: fc.array(fc.tuple(fc.nat(PAGE_CELLS - 1), bit), { maxLength: 400 }),
  })
  .map(
    ({ page, version: at, steps, from, to, changes }): Delta => ({
      kind: "delta",
      page,
      from: { version: at, tag: from },
      to: { version: at + steps, tag: to },
      changes: packChanges(changes),
    }),
  );

describe("the lane's codec", () => {
  test("a request and a write come back as they went", () => {
    fc.assert(
      fc.property(fc.nat(), fc.string(), json, (id, name, request) => {
        assert.deepEqual(decodeUp(encodeRequest(id, name, request)), { kind: "request", id, name, request });
      }),
    );
    const cells = fc.uniqueArray(fc.tuple(fc.nat(2 ** 32 - 1), bit), { minLength: 1, selector: ([cell]) => cell });
    fc.assert(
      fc.property(handle, fc.integer({ min: 1 }), cells, (board, seq, list) => {
        const changes = list.toSorted(([a], [b]) => a - b);
        assert.deepEqual(decodeUp(encodeWrite(board, seq, changes)), { kind: "write", handle: board, seq, changes });
      }),
    );
  });

  test("replies, refusals, events and acknowledgements come back as they went", () => {
    fc.assert(
      fc.property(fc.nat(), handle, fc.string(), json, (id, board, name, value) => {
        assert.deepEqual(decodeDown(encodeReply(id, value), undefined), { kind: "reply", id, reply: value });
        const refusal = decodeDown(encodeRefusal(board, id, value), undefined);
        assert.deepEqual(refusal, { kind: "refusal", handle: board, seq: id, error: value });
        const event = decodeDown(encodeEvent(name, value), undefined);
        assert.deepEqual(event, { kind: "event", name, payload: value });
      }),
    );
    const at = fc.array(fc.tuple(fc.nat(65_535), version), { maxLength: 4 });
    fc.assert(
      fc.property(handle, fc.array(fc.record({ seq: fc.nat(), at }, { noNullPrototype: true })), (board, acks) => {
        const decoded = decodeDown(encodeAcks(board, acks), undefined);
        assert.deepEqual(decoded, { kind: "acks", handle: board, acks });
      }),
    );
  });

  test("a delta comes back as it went, whole and as a continuation, whichever coding is shorter", () => {
    fc.assert(
      fc.property(handle, delta, (board, content) => {
        const coded = new LaneDelta(board, content);
        const expected = { kind: "delta", handle: board, delta: content };
        assert.deepEqual(decodeDown(coded.whole, undefined), expected);
        const last = { handle: board, page: content.page, position: content.from };
        assert.deepEqual(decodeDown(coded.continuation, last), expected);
        assert.equal(decodeDown(coded.continuation, undefined), undefined);
      }),
    );
  });

  test("a continuation is applied from the position that was sent last, so one that does not follow is a gap", () => {
    fc.assert(
      fc.property(handle, delta, version, tag, (board, content, lastVersion, lastTag) => {
        const position = { version: lastVersion, tag: lastTag };
        const decoded = decodeDown(new LaneDelta(board, content).continuation, { handle: board, page: 0, position });
        assert.ok(decoded?.kind === "delta");
        assert.deepEqual(decoded.delta.from, position);
      }),
    );
  });

  test("any bytes at all decode to a valid message or to nothing, in both directions", () => {
    const last = { handle: 1, page: 2, position: { version: 3, tag: "AAAAAAAA" } };
    const bytes = fc
      .tuple(fc.nat(16), fc.uint8Array({ maxLength: 64 }))
      .map(([kind, rest]) => Uint8Array.of(kind, ...rest));
    fc.assert(
      fc.property(bytes, (message) => {
        const up = decodeUp(message);
        if (up?.kind === "write") {
          assert.ok(up.changes.length > 0);
          assert.ok(up.changes.every(([cell], index) => index === 0 || cell > (up.changes[index - 1]?.[0] ?? cell)));
        }
        const down = decodeDown(message, last);
        if (down?.kind !== "delta") return;
        assert.ok(down.delta.to.version > down.delta.from.version);
        const offsets = Array.from(down.delta.changes, changedOffset);
        assert.ok(offsets.every((offset, index) => offset < PAGE_CELLS && offset > (offsets[index - 1] ?? -1)));
      }),
      { numRuns: 20_000 },
    );
  });

  test("many random changes come within a tenth of the entropy bound", () => {
    for (const count of [30, 120, 1_000]) {
      const random = Array.from({ length: count }, (_, index): [number, Bit] => {
        const offset = Math.imul(index + 1, 2_654_435_761) >>> 16;
        return [offset, offset & 1 ? 1 : 0];
      });
      const changes = packChanges(random);
      const density = changes.length / PAGE_CELLS;
      const each = -(Math.log2(density) + ((1 - density) / density) * Math.log2(1 - density)) + 1;
      const bound = (each * changes.length) / 8;
      assert.ok(encodeChanges(changes).bytes.length < bound * 1.1 + 3, `${count} changes`);
    }
  });
});
