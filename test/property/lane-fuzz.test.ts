/*
 * Protocol 2 against damaged bytes, in both directions. Valid messages are flipped, cut, extended and
 * spliced. The decoder then gives a message that obeys every rule, or nothing, for little memory.
 *
 * A message has one form: bytes that decode are written again as the same bytes. Two things are left to
 * the sender, so the test takes them from the bytes: the coding of changes or bits, and Rice's k. JSON
 * has many forms, so there the value must be the same.
 */

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { type Bit, bitmapBytes, eachDifference, usedBytes } from "../../src/board/bitmap.js";
import { type Changes, changedOffset, changedValue, type Delta, packChanges } from "../../src/board/delta.js";
import { BOARD_CELLS_MAX, PAGE_CELLS } from "../../src/board/geometry.js";
import { Replica } from "../../src/board/replica.js";
import { toBase64url } from "../../src/protocol/base64url.js";
import { decodeSnapshot, encodeSnapshot } from "../../src/protocol/codec.js";
import * as DOWN from "../../src/protocol/down-kinds.js";
import { fromBase64url } from "../../src/protocol/from-base64url.js";
import {
  type DownMessage,
  decodeDown,
  decodeUp,
  encodeAcks,
  encodeBeat,
  encodeEvent,
  encodeFramed,
  encodeRefusal,
  encodeReply,
  encodeRequest,
  encodeWrite,
  type UpMessage,
} from "../../src/protocol/lane.js";
import { LaneDelta, type LastSent } from "../../src/protocol/lane-delta.js";
import { decodeCounts, decodeOverview, encodeCounts, encodeOverview } from "../../src/protocol/overview-codec.js";
import { Writer } from "../../src/protocol/varint.js";

const RUNS = { numRuns: 3_000 };
const PAGES = 40;
/** The last page is not whole. */
const cells = (page: number) => (page < PAGES - 1 ? PAGE_CELLS : page < PAGES ? 1_003 : undefined);

const tag = fc.uint8Array({ minLength: 6, maxLength: 6 }).map(toBase64url);
const bit = fc.constantFrom<Bit>(0, 1);
const handle = fc.nat(300);
const page = fc.nat(PAGES - 2);
const version = fc.oneof(fc.nat(300), fc.maxSafeNat());
const position = fc.record({ version, tag }, { noNullPrototype: true });
const json = fc.jsonValue().map((value) => JSON.parse(JSON.stringify(value)));
const last: fc.Arbitrary<LastSent> = fc.record({ handle, page, position });
/** Single cells, clusters, and many. */
const changes = fc
  .oneof(
    fc.array(fc.tuple(fc.nat(PAGE_CELLS - 1), bit), { maxLength: 5 }),
    fc.array(fc.tuple(fc.nat(300), bit), { maxLength: 100 }),
    fc.array(fc.tuple(fc.nat(PAGE_CELLS - 1), bit), { minLength: 20, maxLength: 200 }),
  )
  .map(packChanges);
const delta = fc
  .record({ page, from: position, steps: fc.integer({ min: 1, max: 300 }), tag, changes })
  .filter(({ from, steps }) => Number.isSafeInteger(from.version + steps))
  .map(
    ({ page: number, from, steps, tag: after, changes: list }): Delta => ({
      kind: "delta",
      page: number,
      from,
      to: { version: from.version + steps, tag: after },
      changes: list,
    }),
  );
const bitmap = changes.map((list) => {
  const bits = new Uint8Array(bitmapBytes(PAGE_CELLS));
  for (const change of list) bits[changedOffset(change) >>> 3] = 255 >>> (change & 7);
  return bits;
});
const count = fc.nat(PAGE_CELLS);
const ascending = fc.uniqueArray(fc.nat(PAGES - 1), { maxLength: 5 }).map((list) => list.toSorted((a, b) => a - b));

const up: fc.Arbitrary<Uint8Array> = fc.oneof(
  fc.tuple(fc.nat(), fc.string(), json).map((request) => encodeRequest(...request)),
  fc
    .tuple(
      handle,
      fc.integer({ min: 1 }),
      fc.uniqueArray(fc.tuple(fc.nat(BOARD_CELLS_MAX - 1), bit), { minLength: 1, selector: ([cell]) => cell }),
    )
    .map(([board, seq, list]) =>
      encodeWrite(
        board,
        seq,
        list.toSorted(([a], [b]) => a - b),
      ),
    ),
  fc.constant(encodeBeat()),
);
const wholeOf = fc.tuple(handle, delta).map(([board, content]) => new LaneDelta(board, content));
const down: fc.Arbitrary<Uint8Array> = fc.oneof(
  fc.tuple(fc.nat(), json).map((reply) => encodeReply(...reply)),
  fc.tuple(handle, fc.nat(), json).map((refusal) => encodeRefusal(...refusal)),
  fc.tuple(fc.string(), json).map((event) => encodeEvent(...event)),
  fc
    .tuple(handle, fc.array(fc.record({ seq: version, at: fc.array(fc.tuple(page, version), { maxLength: 3 }) })))
    .map((acks) => encodeAcks(...acks)),
  fc
    .tuple(handle, page, position, bitmap)
    .map(([board, number, at, bits]) =>
      encodeFramed("snapshot", encodeSnapshot(board, { kind: "snapshot", page: number, position: at, bits })),
    ),
  fc
    .tuple(handle, fc.array(count, { minLength: PAGES, maxLength: PAGES }))
    .map(([board, counts]) => encodeFramed("overview", encodeOverview(board, counts))),
  fc.tuple(handle, ascending, count).map(([board, pages, checked]) =>
    encodeFramed(
      "counts",
      encodeCounts(
        board,
        pages.map((each) => [each, checked]),
      ),
    ),
  ),
  wholeOf.map(({ whole }) => whole),
  wholeOf.map(({ continuation }) => continuation),
  fc.constant(Uint8Array.of(DOWN.beat)),
);

/** Bytes that may be damaged: flips, a cut, an extension, and a splice with another message. */
function damaged(message: fc.Arbitrary<Uint8Array>): fc.Arbitrary<Uint8Array> {
  const place = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });
  const flips = fc.array(fc.tuple(place, fc.nat(7)), { minLength: 1, maxLength: 3 });
  const at = (bytes: Uint8Array, where: number) => Math.floor(where * bytes.length);
  return fc.oneof(
    message,
    fc.tuple(message, flips).map(([bytes, list]) => {
      const flipped = bytes.slice();
      for (const [where, which] of list) flipped[at(bytes, where)] = (flipped[at(bytes, where)] ?? 0) ^ (1 << which);
      return flipped;
    }),
    fc.tuple(message, place).map(([bytes, where]) => bytes.slice(0, at(bytes, where))),
    fc
      .tuple(message, fc.uint8Array({ minLength: 1, maxLength: 4 }))
      .map(([bytes, more]) => Uint8Array.of(...bytes, ...more)),
    fc
      .tuple(message, message, place, place)
      .map(([one, other, from, to]) => Uint8Array.of(...one.slice(0, at(one, from)), ...other.slice(at(other, to)))),
    fc.tuple(message, fc.nat(15)).map(([bytes, kind]) => Uint8Array.of(kind, ...bytes.slice(1))),
    fc.tuple(fc.nat(15), fc.uint8Array({ maxLength: 40 })).map(([kind, rest]) => Uint8Array.of(kind, ...rest)),
  );
}

/** The changes in the same coding, by another program than the codec's. */
function changesAgain(list: Changes, riceK: number | undefined): number[] {
  const writer = new Writer(20 + list.length * 8);
  let bits = "";
  let next = 0;
  if (riceK !== undefined) {
    writer.varint(riceK);
    writer.varint(list.length);
  }
  for (const change of list) {
    const gap = changedOffset(change) - next;
    next += gap + 1;
    if (riceK === undefined) writer.varint(gap * 2 + changedValue(change));
    else {
      const low = riceK > 0 ? (gap % 2 ** riceK).toString(2).padStart(riceK, "0") : "";
      bits += `${"1".repeat(Math.floor(gap / 2 ** riceK))}0${low}${changedValue(change)}`;
    }
  }
  const padded = bits.padEnd(Math.ceil(bits.length / 8) * 8, "0");
  return [...writer.bytes(), ...(padded.match(/.{8}/g) ?? []).map((byte) => Number.parseInt(byte, 2))];
}

function deltaAgain(
  { handle: board, delta: { page: number, from, to, changes: list } }: DeltaMessage,
  bytes: Uint8Array,
) {
  const [kind = 0] = bytes;
  const isRice = kind === DOWN.riceDelta || kind === DOWN.riceContinuation;
  const head = new Writer(64);
  head.varint(kind);
  if (kind === DOWN.delta || kind === DOWN.riceDelta) {
    head.varint(board);
    head.varint(number);
    head.varint(to.version);
  }
  head.varint(to.version - from.version);
  if (kind === DOWN.delta || kind === DOWN.riceDelta) head.copy(fromBase64url(from.tag) ?? assert.fail());
  head.copy(fromBase64url(to.tag) ?? assert.fail());
  const written = head.bytes();
  return Uint8Array.of(...written, ...changesAgain(list, isRice ? bytes[written.length] : undefined));
}

type DeltaMessage = Extract<DownMessage, { kind: "delta" }>;

/** A snapshot frame in the coding that it has; the one byte of the coding stands behind the tag. */
function snapshotAgain(bytes: Uint8Array): Uint8Array | undefined {
  const framed = decodeSnapshot(bytes, (_, number) => cells(number));
  if (!framed) return undefined;
  const { page: number, position: at, bits } = framed.content;
  const head = new Writer(40);
  head.varint(framed.handle);
  head.varint(number);
  head.varint(at.version);
  head.copy(fromBase64url(at.tag) ?? assert.fail());
  const coding = bytes[head.bytes().length] ?? 0;
  const body = new Writer(PAGE_CELLS * 3);
  let next = 0;
  if (coding === 0) body.copy(bits.subarray(0, usedBytes(bits)));
  else {
    eachDifference(new Uint8Array(bits.length), bits, (offset) => {
      body.varint(offset - next);
      next = offset + 1;
    });
  }
  return Uint8Array.of(...head.bytes(), coding, ...body.bytes());
}

function checkOffsets(list: Changes): void {
  const offsets = Array.from(list, changedOffset);
  assert.ok(offsets.every((offset, index) => offset < PAGE_CELLS && offset > (offsets[index - 1] ?? -1)));
}

/** JSON reads some texts, such as -0 and 1e999, as values that it writes as others. */
function asWritten(message: object): unknown {
  return JSON.parse(JSON.stringify(message));
}

function checkUp(message: UpMessage, bytes: Uint8Array): void {
  if (message.kind === "write") {
    const list = message.changes;
    assert.ok(list.length > 0 && message.seq > 0);
    assert.ok(list.every(([cell], index) => cell < BOARD_CELLS_MAX && cell > (list[index - 1]?.[0] ?? -1)));
    assert.deepEqual(encodeWrite(message.handle, message.seq, list), bytes);
  } else if (message.kind === "beat") assert.deepEqual(encodeBeat(), bytes);
  else assert.deepEqual(decodeUp(encodeRequest(message.id, message.name, message.request)), asWritten(message));
}

/** The message written again. Undefined for a frame that its own decoder refuses. */
function writtenAgain(message: DownMessage, bytes: Uint8Array): Uint8Array | undefined {
  switch (message.kind) {
    case "reply":
      return encodeReply(message.id, message.reply);
    case "refusal":
      return encodeRefusal(message.handle, message.seq, message.error);
    case "event":
      return encodeEvent(message.name, message.payload);
    case "acks":
      return encodeAcks(message.handle, message.acks);
    case "delta":
      return deltaAgain(message, bytes);
    case "snapshot": {
      const again = snapshotAgain(message.bytes);
      return again && encodeFramed("snapshot", again);
    }
    case "overview": {
      const framed = decodeOverview(message.bytes, () => PAGES);
      return framed && encodeFramed("overview", encodeOverview(framed.handle, framed.content));
    }
    case "counts": {
      const framed = decodeCounts(message.bytes, () => PAGES);
      return framed && encodeFramed("counts", encodeCounts(framed.handle, framed.content));
    }
    case "beat":
      return Uint8Array.of(DOWN.beat);
    case "unknown":
      return undefined;
  }
}

function checkDown(message: DownMessage, bytes: Uint8Array): void {
  if (message.kind === "delta") {
    const { from, to, changes: list } = message.delta;
    assert.ok(from.version >= 0 && to.version > from.version && Number.isSafeInteger(to.version));
    checkOffsets(list);
  }
  const again = writtenAgain(message, bytes);
  if (!again) return;
  const isJson = message.kind === "reply" || message.kind === "refusal" || message.kind === "event";
  if (isJson) assert.deepEqual(decodeDown(again, undefined), asWritten(message));
  else assert.deepEqual(again, bytes);
}

/** Bytes of the typed arrays that `run` makes. */
function allocated(run: () => void): number {
  const { Uint8Array: Bytes, Uint32Array: Words } = globalThis;
  let sum = 0;
  const counting = <Class extends typeof Bytes | typeof Words>(Original: Class): Class =>
    new Proxy(Original, {
      construct(target, args, newTarget) {
        const made: Uint8Array | Uint32Array = Reflect.construct(target, args, newTarget);
        // Views of another's bytes cost nothing.
        if (!(args[0] instanceof ArrayBuffer)) sum += made.byteLength;
        return made;
      },
    });
  globalThis.Uint8Array = counting(Bytes);
  globalThis.Uint32Array = counting(Words);
  try {
    run();
  } finally {
    globalThis.Uint8Array = Bytes;
    globalThis.Uint32Array = Words;
  }
  return sum;
}

describe("the lane's codec and damaged bytes", () => {
  test("what a client sends decodes to a valid message in its one form, or to nothing", () => {
    let decoded = 0;
    fc.assert(
      fc.property(damaged(up), (bytes) => {
        const message = decodeUp(bytes);
        if (!message) return;
        decoded++;
        checkUp(message, bytes);
      }),
      RUNS,
    );
    assert.ok(decoded > RUNS.numRuns / 10 && decoded < RUNS.numRuns, `${decoded} decoded`);
  });

  test("what an instance sends decodes to a valid message in its one form, or to nothing", () => {
    let decoded = 0;
    fc.assert(
      fc.property(damaged(down), fc.option(last, { nil: undefined }), (bytes, lastSent) => {
        const message = decodeDown(bytes, lastSent);
        if (!message) return;
        decoded++;
        checkDown(message, bytes);
      }),
      RUNS,
    );
    assert.ok(decoded > RUNS.numRuns / 10 && decoded < RUNS.numRuns, `${decoded} decoded`);
  });

  test("counts and lengths that lie cost no more memory than the message, or than one page", () => {
    const large = fc.oneof(fc.maxSafeNat(), fc.nat(PAGE_CELLS));
    const lying = fc
      .tuple(
        fc.constantFrom(...Object.values(DOWN)),
        fc.array(large, { maxLength: 8 }),
        fc.uint8Array({ maxLength: 20 }),
      )
      .map(([kind, numbers, rest]) => {
        const writer = new Writer(100);
        writer.varint(kind);
        for (const number of numbers) writer.varint(number);
        return Uint8Array.of(...writer.bytes(), ...rest);
      });
    const rice = fc
      .tuple(fc.nat(15), fc.nat(PAGE_CELLS + 9), fc.uint8Array({ maxLength: 9 }))
      .map(([k, length, rest]) => {
        const writer = new Writer(40);
        writer.varint(DOWN.riceContinuation);
        writer.varint(1);
        writer.copy(new Uint8Array(6));
        writer.varint(k);
        writer.varint(length);
        return Uint8Array.of(...writer.bytes(), ...rest);
      });
    fc.assert(
      fc.property(fc.oneof(lying, rice, damaged(down)), last, (bytes, lastSent) => {
        let frame: DownMessage | undefined;
        const cost = allocated(() => {
          frame = decodeDown(bytes, lastSent);
        });
        // A change takes at least 2 bits, and 4 bytes when it is decoded.
        assert.ok(cost <= 16 * bytes.length + 64, `${cost} bytes for ${bytes.length}`);
        const frameCost = allocated(() => {
          if (frame?.kind === "snapshot") decodeSnapshot(frame.bytes, (_, number) => cells(number));
          if (frame?.kind === "overview") decodeOverview(frame.bytes, () => PAGES);
          if (frame?.kind === "counts") decodeCounts(frame.bytes, () => PAGES);
        });
        assert.ok(frameCost <= bitmapBytes(PAGE_CELLS) + bytes.length + 64, `${frameCost} bytes for a frame`);
      }),
      RUNS,
    );
  });

  test("a continuation that does not follow is a gap or a duplicate to the replica, and changes no bit", () => {
    let applied = 0;
    const near = fc.record(
      { version: fc.nat(2), tag: fc.constantFrom("AAAAAAAA", "AAAAAAAB") },
      { noNullPrototype: true },
    );
    const following = fc.tuple(near, near, delta, fc.nat(2), fc.nat(2));
    fc.assert(
      fc.property(following, ([held, sent, content, heldPage, sentPage]) => {
        const replica = new Replica(heldPage, PAGE_CELLS);
        replica.receive({ kind: "snapshot", page: heldPage, position: held, bits: Uint8Array.of(170) });
        const before = replica.bits.slice();
        const message = decodeDown(new LaneDelta(0, content).continuation, {
          handle: 0,
          page: sentPage,
          position: sent,
        });
        assert.ok(message?.kind === "delta");
        // The board gives a delta to the replica of its page.
        if (message.delta.page !== heldPage) return;
        const outcome = replica.receive(message.delta);
        const follows = held.version === sent.version && held.tag === sent.tag;
        assert.equal(outcome === "applied", follows);
        if (follows) applied++;
        else {
          assert.deepEqual(replica.bits, before);
          assert.deepEqual(replica.position, held);
        }
      }),
      RUNS,
    );
    assert.ok(applied > 0);
  });
});
