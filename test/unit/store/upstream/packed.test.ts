import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { downMessage } from "../../../../src/store/upstream/calls.js";
import { pack, unpack } from "../../../../src/store/upstream/packed.js";

const bytes = fc.uint8Array({ maxLength: 40 });
const numbers = fc.uint32Array({ maxLength: 10 });

test("any value comes back as it was, with its arrays of numbers, wherever they lie in it", () => {
  const { value } = fc.letrec((tie) => ({
    value: fc.oneof(
      { maxDepth: 4 },
      fc.constant(null),
      fc.boolean(),
      fc.integer(),
      fc.string(),
      bytes,
      numbers,
      fc.array(tie("value"), { maxLength: 4 }),
      fc.dictionary(
        fc.string().filter((key) => !key.startsWith("$") && key !== "__proto__"),
        tie("value"),
        { maxKeys: 4 },
      ),
    ),
  }));
  fc.assert(
    fc.property(value, (each) => {
      assert.deepEqual(plain(unpack(pack(each))?.value), plain(each));
    }),
  );
});

test("a Buffer comes back as the bytes that it has", () => {
  const part = Buffer.from("abcdef").subarray(2, 4);
  assert.deepEqual(unpack(pack({ part }))?.value, { part: Uint8Array.of(99, 100) });
});

test("any bytes are a value or nothing, and a message that the table knows or nothing", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (random) => {
      downMessage.safeParse(unpack(random)?.value);
    }),
  );
  const whole = pack([1, 7, { bits: Uint8Array.of(1, 2), changes: Uint32Array.of(3) }]);
  fc.assert(
    fc.property(fc.nat(whole.length - 1), fc.nat(255), (at, byte) => {
      const broken = Uint8Array.from(whole);
      broken[at] = byte;
      downMessage.safeParse(unpack(broken)?.value);
      unpack(whole.subarray(0, at));
    }),
  );
});

test("an array that the message does not have, or that is cut off, makes it nothing", () => {
  const text = (json: string) => {
    const encoded = Buffer.from(json);
    return Uint8Array.from([encoded.length, ...encoded]);
  };
  assert.deepEqual(unpack(text("[1]")), { value: [1] });
  for (const json of ['{"$8":0}', '{"$32":-1}', '{"$8":"x"}', "[1", ""])
    assert.equal(unpack(text(json)), undefined, json);
  assert.equal(unpack(Uint8Array.from([...text('{"$32":0}'), 3, 1, 2, 3])), undefined);
});

test("a short message cannot stand for many copies of a long array, nor have any number of arrays", () => {
  const twice = Buffer.from('[{"$32":0},{"$32":0}]');
  assert.equal(unpack(Uint8Array.from([twice.length, ...twice, 4, 1, 2, 3, 4])), undefined);
  const many = new Uint8Array(20_000);
  many.set([4, ...Buffer.from("null")]);
  assert.equal(unpack(many), undefined);
});

/** Without prototypes, which the parsed value does not share. */
function plain(value: unknown): unknown {
  if (value instanceof Uint8Array || value instanceof Uint32Array) return [value.constructor.name, ...value];
  if (Array.isArray(value)) return value.map(plain);
  if (typeof value !== "object" || value === null) return Object.is(value, -0) ? 0 : value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, plain(item)]));
}
