/*
 * The reader of frames against the library that it replaces: on valid streams, on streams with one damage, and on any
 * bytes, in random pieces. Then its bounds.
 */

import assert from "node:assert/strict";
import type { Writable } from "node:stream";
import { describe, test } from "node:test";
import fc from "fast-check";
import * as ws from "ws";
import { BrokenFrame, type FrameLimits, FrameReader } from "../../../../src/server/connections/frame-reader.js";
import { BINARY, CLOSE, CONTINUATION, PING, PONG, TEXT } from "../../../../src/server/connections/websocket-frame.js";

/** The part of `ws` that reads. Its types do not name it. */
const { Receiver } = ws as unknown as { Receiver: new (options: object) => Writable };

const BYTES_MAX = 70_000;
const LIMITS: FrameLimits = { bytesMax: BYTES_MAX, partsMax: 100_000 };
/**
 * The library refuses some headers a few bytes earlier. No header is longer than this, and zeros are no frame, so that
 * at the end of a stream and these zeros both have decided.
 */
const ZEROS = Buffer.alloc(16);

interface Event {
  kind: "text" | "binary" | "ping" | "pong";
  data?: Buffer;
}

interface Heard {
  events: Event[];
  /** The code with which the client closes. */
  closing?: number;
  /** The code of the rule that the client broke. */
  broken?: number;
}

/** What the library hears. It is called as its stream calls it, which gives its errors at once. */
function hearByLibrary(pieces: Iterable<Buffer>, { bytesMax, partsMax }: FrameLimits = LIMITS): Heard {
  const heard: Heard = { events: [] };
  const receiver = new Receiver({
    isServer: true,
    maxPayload: bytesMax,
    maxFragments: partsMax,
    maxBufferedChunks: partsMax,
  });
  receiver.on("message", (data, isBinary) => heard.events.push({ kind: isBinary ? "binary" : "text", data }));
  receiver.on("ping", (data) => heard.events.push({ kind: "ping", data }));
  receiver.on("pong", () => heard.events.push({ kind: "pong" }));
  receiver.on("conclude", (code) => {
    heard.closing = code;
  });
  for (const piece of pieces) {
    receiver._write(piece, "binary", (error) => {
      const code = Object.getOwnPropertySymbols(error ?? {}).find(({ description }) => description === "status-code");
      if (error && code) heard.broken = Reflect.get(error, code);
    });
    if (heard.broken !== undefined || heard.closing !== undefined) break;
  }
  return heard;
}

/** What our reader hears. Any exception but BrokenFrame fails the test. Keeps all data until the end. */
function hear(pieces: Iterable<Buffer>, limits: FrameLimits = LIMITS): Heard {
  const heard: Heard = { events: [] };
  const reader = new FrameReader(limits);
  const listener = {
    message: (data: Buffer, isBinary: boolean) => heard.events.push({ kind: isBinary ? "binary" : "text", data }),
    ping: (data: Buffer) => heard.events.push({ kind: "ping", data }),
    pong: () => heard.events.push({ kind: "pong" }),
    closing: (code: number) => {
      heard.closing = code;
    },
  };
  for (const piece of pieces) {
    try {
      reader.read(piece, listener);
    } catch (error) {
      if (!(error instanceof BrokenFrame)) throw error;
      assert.equal(heard.broken ?? heard.closing, undefined, "it was over already");
      heard.broken = error.code;
    }
    assert.equal(reader.isOver, heard.broken !== undefined || heard.closing !== undefined);
  }
  return heard;
}

/** The pieces of a copy, because readers unmask in place. */
function* cut(data: Buffer, sizes: readonly number[]): Generator<Buffer> {
  const copy = Buffer.from(data);
  for (let at = 0, index = 0; at < copy.length; index++) {
    const size = sizes[index % sizes.length] ?? copy.length;
    yield copy.subarray(at, at + size);
    at += size;
  }
}

interface Shape {
  opcode: number;
  payload: Buffer;
  isFinal?: boolean;
  mask?: Buffer;
  /** The least bytes that state the length. */
  lengthBytes?: number;
}

function frame({ opcode, payload, isFinal = true, mask = Buffer.of(1, 2, 3, 4), lengthBytes = 0 }: Shape): Buffer {
  const { length } = payload;
  const bytes = Math.max(lengthBytes, length > 65_535 ? 8 : length > 125 ? 2 : 0);
  const head = Buffer.alloc(2 + bytes);
  head[0] = (isFinal ? 0x80 : 0) | opcode;
  head[1] = 0x80 | (bytes === 8 ? 127 : bytes === 2 ? 126 : length);
  if (bytes === 8) head.writeBigUInt64BE(BigInt(length), 2);
  if (bytes === 2) head.writeUInt16BE(length, 2);
  const masked = payload.map((byte, index) => byte ^ (mask[index % 4] ?? 0));
  return Buffer.concat([head, mask, masked]);
}

const bytes = (maxLength: number) => fc.uint8Array({ maxLength }).map((values) => Buffer.from(values));
const mask = fc.oneof(
  fc.uint8Array({ minLength: 4, maxLength: 4 }).map((values) => Buffer.from(values)),
  fc.constantFrom(Buffer.alloc(4), Buffer.of(0, 255, 0, 0)),
);
const lengthBytes = fc.constantFrom(0, 0, 0, 2, 8);
const unicode = fc.string({ unit: "binary", maxLength: 30 }).map((text) => Buffer.from(text));
const long = fc.integer({ min: 120, max: 400 }).map((length) => Buffer.alloc(length, "long é "));

const control = fc
  .record({ opcode: fc.constantFrom(PING, PONG), payload: fc.oneof(bytes(20), bytes(125)), mask })
  .map(frame);
/** Text is cut anywhere, also inside a character. */
const message = fc
  .record({
    content: fc.oneof(
      { weight: 10, arbitrary: unicode.map((payload) => ({ opcode: TEXT as number, payload })) },
      { weight: 10, arbitrary: bytes(40).map((payload) => ({ opcode: BINARY as number, payload })) },
      { weight: 4, arbitrary: long.map((payload) => ({ opcode: BINARY as number, payload })) },
    ),
    cuts: fc.oneof(fc.constant<number[]>([]), fc.array(fc.nat(1_000), { maxLength: 4 })),
    parts: fc.array(fc.record({ mask, lengthBytes, controls: fc.array(control, { maxLength: 2 }) }), {
      minLength: 1,
      maxLength: 3,
    }),
  })
  .map(({ content: { opcode, payload }, cuts, parts }) => {
    const ends = cuts.map((share) => Math.floor((payload.length * share) / 1_000)).sort((a, b) => a - b);
    const frames = [...ends, payload.length].flatMap((end, index) => {
      const part = parts[index % parts.length];
      const isFinal = index === ends.length;
      const piece = payload.subarray(ends[index - 1] ?? 0, end);
      const shape = { ...part, opcode: index === 0 ? opcode : CONTINUATION, payload: piece, isFinal };
      return [frame(shape), ...(isFinal ? [] : (part?.controls ?? []))];
    });
    return Buffer.concat(frames);
  });

function closeOf(code: number, reason: Uint8Array): Buffer {
  return Buffer.concat([Buffer.of(code >>> 8, code & 255), reason]);
}
const goodCode = fc.oneof(
  fc.constantFrom(1_000, 1_001, 1_002, 1_003, 1_007, 1_014),
  fc.integer({ min: 3_000, max: 4_999 }),
);
const reason = unicode.filter(({ length }) => length <= 123);
const close = fc
  .record({
    payload: fc.oneof(
      fc.constant(Buffer.alloc(0)),
      fc.tuple(goodCode, reason).map(([code, reason]) => closeOf(code, reason)),
    ),
    mask,
  })
  .map(({ payload, mask }) => frame({ opcode: CLOSE, payload, mask }));

const units = fc.array(fc.oneof({ weight: 3, arbitrary: message }, { weight: 1, arbitrary: control }), {
  maxLength: 5,
});
/** The sizes of pieces, in turn. */
const sizes = fc.oneof(
  fc.constantFrom([1], [1_000_000]),
  fc.array(fc.oneof(fc.integer({ min: 1, max: 9 }), fc.integer({ min: 10, max: 500 })), { minLength: 1, maxLength: 6 }),
);

const any255 = fc.nat(255);
const badUtf8 = fc
  .tuple(unicode, fc.constantFrom([0x80], [0xc0, 0x80], [0xed, 0xa0, 0x80], [0xf4, 0x90, 0x80, 0x80], [0xe2, 0x82]))
  .map(([good, bad]) => Buffer.concat([good, Buffer.from(bad)]));
/** Frames that are wrong at most places. */
const wrong = fc.oneof(
  // Any kind, any bits, any way to state a length.
  fc
    .record({ first: any255, second: any255, rest: bytes(20) })
    .map(({ first, second, rest }) => Buffer.concat([Buffer.of(first, second), rest])),
  // A length that is far too large, or almost.
  fc
    .record({
      opcode: fc.constantFrom(CONTINUATION, TEXT, BINARY),
      length: fc.oneof(fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }), fc.bigInt({ min: 69_000n, max: 71_000n })),
    })
    .map(({ opcode, length }) => {
      const head = Buffer.from([0x80 | opcode, 0xff, 0, 0, 0, 0, 0, 0, 0, 0]);
      head.writeBigUInt64BE(length, 2);
      return head;
    }),
  // A close with any code, with none but one byte, or with a reason that is not UTF-8.
  fc
    .oneof(fc.nat(5_100), fc.nat(65_535), fc.integer({ min: 998, max: 1_017 }))
    .map((code) => frame({ opcode: CLOSE, payload: closeOf(code, Buffer.alloc(0)) })),
  fc.constant(frame({ opcode: CLOSE, payload: Buffer.of(3) })),
  fc.tuple(goodCode, badUtf8).map(([code, text]) => frame({ opcode: CLOSE, payload: closeOf(code, text) })),
  badUtf8.map((payload) => frame({ opcode: TEXT, payload })),
  // A control frame in parts, and a message whose end never comes.
  fc.constantFrom(CLOSE, PING, PONG).map((opcode) => frame({ opcode, payload: Buffer.alloc(0), isFinal: false })),
  fc.constantFrom(TEXT, BINARY).map((opcode) => frame({ opcode, payload: Buffer.alloc(3), isFinal: false })),
);

function assertSame(data: Buffer, sizes: readonly number[]): Heard {
  const expected = hearByLibrary(cut(data, sizes));
  const heard = hear(cut(data, sizes));
  assert.deepEqual(heard, expected);
  return heard;
}

describe("the reader of frames", () => {
  test("hears what the library hears in a valid stream, whatever the pieces", () => {
    let most = 0;
    fc.assert(
      fc.property(units, fc.option(close), units, sizes, (before, close, after, sizes) => {
        const data = Buffer.concat([...before, ...(close ? [close, ...after] : [])]);
        const heard = assertSame(data, sizes);
        assert.equal(heard.broken, undefined);
        assert.equal(heard.closing !== undefined, close !== null);
        most = Math.max(most, heard.events.length);
      }),
      { numRuns: 1_500 },
    );
    assert.ok(most > 5, "streams of many events");
  });

  test("hears lengths in each of their three forms", () => {
    for (const length of [0, 1, 125, 126, 65_535, 65_536, BYTES_MAX]) {
      const data = Buffer.concat([frame({ opcode: BINARY, payload: Buffer.alloc(length, "length") }), ZEROS]);
      for (const size of [7, 1_000, 100_000]) assert.equal(assertSame(data, [size]).events.length, 1, String(length));
    }
  });

  test("passes an event on with its last byte, not later", () => {
    fc.assert(
      fc.property(message, control, close, (message, control, close) => {
        for (const data of [message, control, close]) {
          const { events: before, closing } = hear([Buffer.from(data.subarray(0, -1))]);
          const after = hear([Buffer.from(data)]);
          const isClose = after.closing !== undefined;
          assert.equal(after.events.length - before.length, isClose ? 0 : 1);
          assert.equal(closing, undefined);
        }
      }),
    );
  });

  test("ends a damaged stream with the code of the library, after the same events", () => {
    const codes = new Map<number | undefined, number>();
    fc.assert(
      fc.property(units, wrong, units, sizes, (before, wrong, after, sizes) => {
        const { broken } = assertSame(Buffer.concat([...before, wrong, ...after, ZEROS]), sizes);
        codes.set(broken, (codes.get(broken) ?? 0) + 1);
      }),
      { numRuns: 3_000 },
    );
    for (const code of [1_002, 1_007, 1_009]) assert.ok((codes.get(code) ?? 0) > 20, `${code} is tried`);
  });

  test("hears what the library hears if one bit of a stream is changed", () => {
    fc.assert(
      fc.property(units, close, fc.nat(999), fc.nat(7), sizes, (units, close, share, bit, sizes) => {
        const frames = [...units, close];
        const data = Buffer.concat([...frames, ZEROS]);
        // The header of one of them, or the end of the mask and the payload behind it.
        const index = share % frames.length;
        const start = frames.slice(0, index).reduce((sum, { length }) => sum + length, 0);
        const at = start + (share % 10);
        data[at] = (data[at] ?? 0) ^ (1 << bit);
        assertSame(data, sizes);
      }),
      { numRuns: 3_000 },
    );
  });

  test("takes any bytes as events or as a broken frame, as the library does", () => {
    const likely = fc.oneof(fc.constantFrom(0, 1, 2, 0x80, 0x81, 0x82, 0x88, 0x89, 0x8a, 0xfe, 0xff), any255);
    fc.assert(
      fc.property(fc.array(likely, { maxLength: 60 }), sizes, (values, sizes) => {
        const { events } = assertSame(Buffer.concat([Buffer.from(values), ZEROS]), sizes);
        assert.ok(events.length <= (values.length + ZEROS.length) / 6, "no event comes from nothing");
      }),
      { numRuns: 3_000 },
    );
  });

  for (const code of [0, 999, 1_004, 1_005, 1_006, 1_015, 2_999, 5_000, 65_535]) {
    test(`refuses a close with the code ${code}, which no client may send`, () => {
      const payload = closeOf(code, Buffer.alloc(0));
      assert.deepEqual(hear([frame({ opcode: CLOSE, payload })]), { events: [], broken: 1_002 });
    });
  }

  test("reads nothing more once the client has closed or has broken a rule", () => {
    const ping = frame({ opcode: PING, payload: Buffer.alloc(0) });
    const last = frame({ opcode: CLOSE, payload: Buffer.alloc(0) });
    const notMasked = Buffer.of(0x89, 0);
    for (const [end, fate] of [
      [last, { closing: 1_005 }],
      [notMasked, { broken: 1_002 }],
    ] as const) {
      const data = Buffer.concat([ping, end, ping, last, notMasked]);
      for (const size of [1, 3, 100])
        assert.deepEqual(hear(cut(data, [size])), { events: hear([ping]).events, ...fate });
    }
  });
});

describe("the bounds of a message", () => {
  const payload = Buffer.from("abc");
  const limits: FrameLimits = { bytesMax: 12, partsMax: 4 };

  /** A message in so many frames, and what the two hear of it and a ping behind it. */
  function inFrames(count: number, payload: Buffer): Heard {
    const frames = Array.from({ length: count }, (_, index) =>
      frame({ opcode: index === 0 ? BINARY : CONTINUATION, payload, isFinal: index === count - 1 }),
    );
    const data = Buffer.concat([...frames, frame({ opcode: PING, payload: Buffer.alloc(0) })]);
    const heard = hear([Buffer.from(data)], limits);
    assert.deepEqual(heard, hearByLibrary([data], limits));
    return heard;
  }

  test("its frames are bounded, also those that are empty", () => {
    for (const payload of [Buffer.from("abc"), Buffer.alloc(0)]) {
      assert.equal(inFrames(4, payload).events.length, 2);
      // A second message begins at nothing.
      assert.equal(inFrames(4, payload).broken, undefined);
      assert.deepEqual(inFrames(5, payload), { events: [], broken: payload.length === 0 ? 1_008 : 1_009 });
    }
    const two = Buffer.concat(
      [1, 2, 3].flatMap(() => [
        frame({ opcode: BINARY, payload, isFinal: false }),
        frame({ opcode: CONTINUATION, payload }),
      ]),
    );
    assert.equal(hear([two], limits).events.length, 3);
  });

  test("its bytes are bounded, in one frame or in many", () => {
    assert.equal(inFrames(1, Buffer.alloc(12)).events.length, 2);
    assert.deepEqual(inFrames(1, Buffer.alloc(13)), { events: [], broken: 1_009 });
    assert.equal(inFrames(3, Buffer.alloc(4)).events.length, 2);
    assert.deepEqual(inFrames(3, Buffer.alloc(5)), { events: [], broken: 1_009 });
    // A ping inside a message is no part of it.
    const between = frame({ opcode: PING, payload: Buffer.alloc(125) });
    const last = frame({ opcode: CONTINUATION, payload: Buffer.alloc(0) });
    const full = Buffer.concat([frame({ opcode: BINARY, payload: Buffer.alloc(12), isFinal: false }), between, last]);
    assert.equal(hear([full], limits).events.length, 2);
  });

  test("the pieces of each frame are bounded", () => {
    const data = frame({ opcode: BINARY, payload });
    const [head, tail] = [data.subarray(0, 6), data.subarray(6)];
    const enough = [head, ...cut(tail, [1])];
    assert.equal(enough.length, limits.partsMax);
    const twice = [...enough, ...enough].map((piece) => Buffer.from(piece));
    assert.deepEqual(hear(twice, limits).events, hear([data, data].map((each) => Buffer.from(each))).events);
    const longer = frame({ opcode: BINARY, payload: Buffer.from("abcd") });
    const pieces = [longer.subarray(0, 6), ...cut(longer.subarray(6), [1])];
    assert.deepEqual(hear([...pieces, Buffer.from(data)], limits), { events: [], broken: 1_008 });
  });

  test("a length that is only stated costs nothing", (t) => {
    const limits: FrameLimits = { bytesMax: 2 ** 40, partsMax: 4_096 };
    const lying = Buffer.from([0x82, 0xff, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    const made = [
      t.mock.method(Buffer, "allocUnsafe"),
      t.mock.method(Buffer, "alloc"),
      t.mock.method(Buffer, "concat"),
    ];
    const reader = new FrameReader(limits);
    const fail = () => assert.fail("no frame is complete");
    const listener = { message: fail, ping: fail, pong: fail, closing: fail };
    for (let at = 0; at < lying.length; at++) reader.read(lying.subarray(at, at + 1), listener);
    for (let count = 0; count < 1_000; count++) reader.read(lying.subarray(0, 10), listener);
    const sizes = made.flatMap(({ mock }) => mock.calls.map(({ result }) => result?.length ?? 0));
    t.mock.restoreAll();
    assert.ok(sizes.length > 0 && Math.max(...sizes) <= lying.length, String(sizes));
    const tooLong = Buffer.from(lying);
    tooLong[9] = 1;
    assert.deepEqual(hear([tooLong.subarray(0, 10)], limits), { events: [], broken: 1_009 });
  });

  test("a frame in many pieces is copied once", (t) => {
    const data = frame({ opcode: BINARY, payload: Buffer.alloc(60_000) });
    const concat = t.mock.method(Buffer, "concat");
    assert.equal(hear(cut(data, [50])).events.length, 1);
    const copied = concat.mock.calls.reduce((sum, { result }) => sum + (result?.length ?? 0), 0);
    concat.mock.restore();
    assert.ok(copied < data.length + 200, `${copied} bytes`);
  });
});
