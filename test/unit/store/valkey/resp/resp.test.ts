/*
 * The reader and the encoder against the library that they replace, on random values in random pieces. Then the reader
 * against bytes that are not RESP2, or no longer.
 */

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { Command } from "ioredis";
import { Decoder } from "ioredis/built/resp/decoder.js";
import { BrokenProtocol, encodeCommand, type Reply, ReplyReader } from "../../../../../src/store/valkey/resp/resp.js";

const LISTS_MAX = 8;
/** The library rounds the few safe integers above: it adds a digit's character code before it subtracts that of "0". */
const INTEGER_MAX = Number.MAX_SAFE_INTEGER - 48;

/** The bytes that mean something in RESP2 come often. */
const byte = fc.oneof(fc.constantFrom(...Buffer.from("\r\n*$:+-0123")), fc.nat(255));
const bytes = fc.array(byte, { maxLength: 40 }).map((values) => Buffer.from(values));
const line = bytes.map((value) => Buffer.from(value.filter((one) => one !== 13 && one !== 10)));

/** Replies are made as the server writes them. */
const leaf = fc.oneof(
  bytes.map((value) => joined(`$${value.length}\r\n`, value, "\r\n")),
  line.map((value) => joined("+", value, "\r\n")),
  line.map((value) => joined("-", value, "\r\n")),
  fc.integer({ min: -INTEGER_MAX, max: INTEGER_MAX }).map((value) => joined(`:${value}\r\n`)),
  fc.constantFrom("$-1\r\n", "*-1\r\n", "*0\r\n", "$0\r\n\r\n").map((value) => joined(value)),
);
const tree = fc.letrec<{ reply: Buffer; list: Buffer }>((tie) => ({
  reply: fc.oneof({ maxDepth: LISTS_MAX, withCrossShrink: true }, leaf, tie("list")),
  list: fc.array(tie("reply"), { maxLength: 4 }).map(listOf),
})).reply;
/** Lists in lists, with elements before and after the inner list. */
const few = fc.array(leaf, { maxLength: 2 });
const nest = fc
  .tuple(leaf, fc.array(fc.tuple(few, few), { maxLength: LISTS_MAX }))
  .map(([inner, levels]) => levels.reduce((list, [before, after]) => listOf([...before, list, ...after]), inner));
const replies = fc.array(fc.oneof(leaf, tree, nest), { minLength: 1, maxLength: 6 });

/** The sizes of pieces, in turn. */
const sizes = fc.array(fc.oneof(fc.integer({ min: 1, max: 9 }), fc.constant(500)), { minLength: 1, maxLength: 6 });

function joined(...parts: (string | Buffer)[]): Buffer {
  return Buffer.concat(parts.map((part) => Buffer.from(part)));
}

function listOf(elements: readonly Buffer[]): Buffer {
  return joined(`*${elements.length}\r\n`, ...elements);
}

function* cut(data: Buffer, sizes: readonly number[]): Generator<Buffer> {
  for (let at = 0, index = 0; at < data.length; index++) {
    const size = sizes[index % sizes.length] ?? data.length;
    yield data.subarray(at, at + size);
    at += size;
  }
}

type Plain = Buffer | string | number | null | { name: string; message: string } | Plain[];

/** The two decoders have classes of their own for errors. */
function plain(reply: Reply | Error): Plain {
  if (reply instanceof Error) return { name: reply.name, message: reply.message };
  return typeof reply === "object" && reply !== null && !Buffer.isBuffer(reply) ? reply.map(plain) : reply;
}

function asText(reply: Plain): Plain {
  if (Buffer.isBuffer(reply)) return reply.toString("utf8");
  return Array.isArray(reply) ? reply.map(asText) : reply;
}

/** The library's replies, with strings as bytes. */
function readByLibrary(pieces: Iterable<Buffer>): Plain[] {
  const heard: Plain[] = [];
  const typeMapping = { 36: Buffer, 43: Buffer };
  const decoder = new Decoder({
    getTypeMapping: () => typeMapping,
    onReply: (reply) => heard.push(plain(reply)),
    onErrorReply: (error) => heard.push(plain(error)),
    onPush: () => assert.fail("RESP2 has no push"),
  });
  for (const piece of pieces) decoder.write(piece);
  return heard;
}

/** Our reader's replies, and why it stopped if it did. Any error but BrokenProtocol fails the test. */
function read(pieces: Iterable<Buffer>, isText = false): { heard: Plain[]; broken?: string } {
  const heard: Plain[] = [];
  const reader = new ReplyReader({ reply: (reply) => heard.push(plain(reply)), isText: () => isText });
  try {
    for (const piece of pieces) reader.read(piece);
    return { heard };
  } catch (error) {
    if (!(error instanceof BrokenProtocol)) throw error;
    return { heard, broken: error.message };
  }
}

function elementsOf(reply: Plain): number {
  return Array.isArray(reply) ? reply.reduce((sum: number, one) => sum + elementsOf(one), 1) : 1;
}

/** However these bytes are cut, the outcome is the same, and no element comes from nothing. */
function assertSteady(data: Buffer, sizes: readonly number[]): void {
  const whole = read([data]);
  assert.deepEqual(read(cut(data, sizes)), whole);
  assert.ok(elementsOf(whole.heard) - 1 <= data.length);
}

describe("the reader of replies", () => {
  test("gives the same values as the library, whatever the pieces, as bytes and as text", () => {
    fc.assert(
      fc.property(replies, sizes, (list, sizes) => {
        const data = Buffer.concat(list);
        const expected = readByLibrary([data]);
        assert.equal(expected.length, list.length);
        assert.deepEqual(readByLibrary(cut(data, sizes)), expected, "the library itself");
        assert.deepEqual(read(cut(data, sizes)), { heard: expected });
        assert.deepEqual(read(cut(data, sizes), true), { heard: expected.map(asText) });
      }),
      { numRuns: 1_000 },
    );
  });

  test("passes a reply on with its last byte, not later", () => {
    fc.assert(
      fc.property(fc.oneof(leaf, tree, nest), (reply) => {
        assert.deepEqual(read([reply.subarray(0, -1)]), { heard: [] });
        assert.equal(read([reply]).heard.length, 1);
      }),
    );
  });

  test("gives each reply in the form that was wanted when it began", () => {
    const heard: Reply[] = [];
    let isText = false;
    const reader = new ReplyReader({ reply: (reply) => heard.push(reply), isText: () => isText });
    reader.read(joined("*2\r\n+a\r\n$1"));
    isText = true;
    reader.read(joined("\r\nb\r\n*2\r\n+a\r\n"));
    isText = false;
    reader.read(joined("$1\r\nb\r\n+c\r\n"));
    assert.deepEqual(heard, [[Buffer.from("a"), Buffer.from("b")], ["a", "b"], Buffer.from("c")]);
  });

  test("takes any bytes as replies or as a broken protocol, however they are cut", () => {
    fc.assert(
      fc.property(fc.array(byte, { maxLength: 60 }), sizes, (values, sizes) => {
        assertSteady(Buffer.from(values), sizes);
      }),
      { numRuns: 2_000 },
    );
  });

  test("gives the replies before a damaged one, and takes the rest as replies or as a broken protocol", () => {
    const damage = fc.record({ share: fc.nat(999), removed: fc.nat(3), put: fc.array(byte, { maxLength: 3 }) });
    fc.assert(
      fc.property(replies, damage, sizes, (list, { share, removed, put }, sizes) => {
        const valid = Buffer.concat(list);
        const at = Math.floor((valid.length * share) / 1_000);
        const data = joined(valid.subarray(0, at), Buffer.from(put), valid.subarray(at + removed));
        assertSteady(data, sizes);
        const before = read([valid.subarray(0, at)]).heard;
        assert.deepEqual(read([data]).heard.slice(0, before.length), before);
      }),
      { numRuns: 2_000 },
    );
  });

  for (const [name, data] of [
    ["an unknown type", "%1\r\n"],
    ["a number with a letter", ":1a\r\n"],
    ["a number with a letter in front", ":a1\r\n"],
    ["a number without digits", ":\r\n"],
    ["a number that is only a sign", ":-\r\n"],
    ["a length that is no number", "$x\r\n"],
    ["a count that is no number", "*\r\n"],
    ["a CR without LF", "+a\rb\r\n"],
    ["a string longer than its length", "$1\r\nab\r\n"],
    ["a string that ends with another byte than LF", "$1\r\na\rb"],
    ["a string longer than the server allows", "$536870913\r\n"],
    ["a string of endless length", `$${"9".repeat(400)}\r\n`],
    ["a line that does not end", `+${"a".repeat(100_000)}`],
    ["a line that ends too late", `+${"a".repeat(100_000)}\r\n`],
    ["a broken element of a list", "*2\r\n:1\r\n?\r\n"],
    ["nine lists in each other", "*1\r\n".repeat(LISTS_MAX + 1)],
  ] as const) {
    test(`refuses ${name}, in one piece and in many`, () => {
      for (const size of [200_000, 1_000, 10]) {
        const { heard, broken } = read(cut(joined(":7\r\n", data), [size]));
        assert.deepEqual(heard, [7], `pieces of ${size} bytes`);
        assert.ok(broken, `pieces of ${size} bytes`);
      }
    });
  }

  test("takes eight lists in each other, and a long error", () => {
    const nested = read([joined("*1\r\n".repeat(LISTS_MAX), ":1\r\n")]);
    assert.deepEqual(nested, { heard: [[[[[[[[[1]]]]]]]]] });
    const message = "e".repeat(60_000);
    const error = read(cut(joined("-", message, "\r\n"), [1_000]));
    assert.deepEqual(error, { heard: [{ name: "ReplyError", message }] });
  });

  test("reads every safe integer exactly", () => {
    for (const value of [Number.MAX_SAFE_INTEGER, Number.MIN_SAFE_INTEGER, -9_007_199_254_740_965]) {
      assert.deepEqual(read([joined(`:${value}\r\n`)]), { heard: [value] });
    }
  });

  test("copies a large string once, though it comes in many pieces", (t) => {
    const size = 20 * 1_048_576;
    const piece = 65_536;
    const value = Buffer.alloc(size, "0123456789abcdef\r\n");
    const data = joined(`*2\r\n$${size}\r\n`, value, "\r\n:1\r\n");
    const concat = t.mock.method(Buffer, "concat");
    const { heard } = read(cut(data, [piece]));
    const copied = concat.mock.calls.reduce((sum, { result }) => sum + (result?.length ?? 0), 0);
    concat.mock.restore();
    const [list] = heard;
    assert.ok(Array.isArray(list) && Buffer.isBuffer(list[0]) && list[0].equals(value) && list[1] === 1);
    assert.ok(copied < size + 2 * piece, `${copied} bytes`);
  });
});

describe("the encoder of commands", () => {
  /** Any half of a surrogate pair, too. */
  const anyText = fc.string({ unit: fc.nat(0xffff).map((unit) => String.fromCharCode(unit)) });
  const text = fc.oneof(fc.string(), fc.string({ unit: "binary" }), anyText);
  const texts = fc.array(text, { maxLength: 6 });
  const mixed = fc.array(fc.oneof(text, bytes), { maxLength: 6 });

  test("writes what the library writes, and a server reads the arguments back", () => {
    fc.assert(
      fc.property(fc.oneof(texts, mixed), (args) => {
        const encoded = encodeCommand(["EVALSHA", ...args]);
        const data = Buffer.isBuffer(encoded) ? encoded : Buffer.from(encoded.text, encoded.encoding);
        assert.deepEqual(data, Buffer.from(new Command("EVALSHA", args).toWritable({})));
        assert.deepEqual(read([data]), { heard: [["EVALSHA", ...args].map((arg) => Buffer.from(arg))] });
      }),
      { numRuns: 1_000 },
    );
  });

  test("writes text as latin1 if that gives the same bytes", () => {
    const encodingOf = (...args: string[]) => {
      const encoded = encodeCommand(args);
      return Buffer.isBuffer(encoded) ? undefined : encoded.encoding;
    };
    assert.deepEqual([encodingOf("GET", "\u007f"), encodingOf("GET", "\u0080")], ["latin1", "utf8"]);
    assert.equal(encodingOf("é", "a"), "utf8", "wherever the other characters are");
  });
});
