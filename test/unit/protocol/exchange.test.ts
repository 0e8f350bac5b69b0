/*
 * The exchange that PROTOCOL.md works through byte by byte. Its bytes decode to what stands below
 * them, and the codec writes the same bytes.
 */

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import { getBit } from "../../../src/board/bitmap.js";
import { changedOffset, changedValue } from "../../../src/board/delta.js";
import { cellsInPage, pageCount } from "../../../src/board/geometry.js";
import { formatPosition } from "../../../src/board/position.js";
import { decodeSnapshot, encodeSnapshot } from "../../../src/protocol/codec.js";
import * as DOWN from "../../../src/protocol/down-kinds.js";
import {
  type DownMessage,
  decodeDown,
  decodeUp,
  encodeAcks,
  encodeBeat,
  encodeFramed,
  encodeWrite,
  type UpMessage,
} from "../../../src/protocol/lane.js";
import { LaneDelta, type LastSent } from "../../../src/protocol/lane-delta.js";
import { decodeCounts, decodeOverview, encodeCounts, encodeOverview } from "../../../src/protocol/overview-codec.js";

const SIZE = 100_000;

interface Listed {
  readonly direction: string;
  readonly name: string;
  readonly bytes: Uint8Array;
  readonly says: unknown;
}

const document = readFileSync(fileURLToPath(new URL("../../../PROTOCOL.md", import.meta.url)), "utf8");
const [, exchange = ""] = document.split("### An exchange, byte by byte");
const [worked = ""] = exchange.split(/\n##+ /);
const listed = Array.from(worked.matchAll(/^```\n([\s\S]*?)^```$/gm), ([, block = ""]) => block)
  .flatMap((block) => block.split("\n\n"))
  .map(read);

/** A message as it is listed: its direction and name, its bytes, and what it says. */
function read(text: string): Listed {
  const [head = "", ...lines] = text.trimEnd().split("\n");
  const [direction = "", name = ""] = head.split(" ");
  const bytes: number[] = [];
  let says: unknown;
  for (const line of lines) {
    const hex = /^([0-9a-f]{2}(?: [0-9a-f]{2})*)(?: {2,}.*)?$/.exec(line)?.[1];
    if (hex) bytes.push(...hex.split(" ").map((byte) => Number.parseInt(byte, 16)));
    else if (line.startsWith("= ")) says = JSON.parse(line.slice(2));
    else if (/^[[{]/.test(line)) bytes.push(...Buffer.from(line));
    else assert.fail(`neither bytes nor their meaning: ${line}`);
  }
  return { direction, name, bytes: Uint8Array.from(bytes), says };
}

/** What a message says, as the document writes it. */
function meaning(message: UpMessage | DownMessage): unknown {
  switch (message.kind) {
    case "delta": {
      const { page, from, to, changes } = message.delta;
      const pairs = Array.from(changes, (change) => [changedOffset(change), changedValue(change)]);
      const positions = { from: formatPosition(from), to: formatPosition(to) };
      return { kind: "delta", handle: message.handle, page, ...positions, changes: pairs };
    }
    case "snapshot": {
      const framed = decodeSnapshot(message.bytes, (_, page) => cellsInPage(SIZE, page));
      assert.ok(framed);
      const { page, position, bits } = framed.content;
      const cells = Array.from({ length: bits.length * 8 }, (_, cell) => cell).filter((cell) => getBit(bits, cell));
      return { kind: "snapshot", handle: framed.handle, page, position: formatPosition(position), cells };
    }
    case "overview": {
      const framed = decodeOverview(message.bytes, () => pageCount(SIZE));
      assert.ok(framed);
      return { kind: "overview", handle: framed.handle, counts: [...framed.content] };
    }
    case "counts": {
      const framed = decodeCounts(message.bytes, () => pageCount(SIZE));
      assert.ok(framed);
      return { kind: "counts", handle: framed.handle, counts: framed.content };
    }
    default:
      return message;
  }
}

/** The bytes as the codec writes the message. JSON may be written in several ways, so not that. */
function encoded(message: UpMessage | DownMessage, listedBytes: Uint8Array): Uint8Array | undefined {
  switch (message.kind) {
    case "delta": {
      const coded = new LaneDelta(message.handle, message.delta);
      const continues: readonly number[] = [DOWN.continuation, DOWN.riceContinuation];
      return continues.includes(listedBytes[0] ?? 0) ? coded.continuation : coded.whole;
    }
    case "snapshot": {
      const framed = decodeSnapshot(message.bytes, (_, page) => cellsInPage(SIZE, page));
      return framed && encodeFramed("snapshot", encodeSnapshot(framed.handle, framed.content));
    }
    case "overview": {
      const framed = decodeOverview(message.bytes, () => pageCount(SIZE));
      return framed && encodeFramed("overview", encodeOverview(framed.handle, framed.content));
    }
    case "counts": {
      const framed = decodeCounts(message.bytes, () => pageCount(SIZE));
      return framed && encodeFramed("counts", encodeCounts(framed.handle, framed.content));
    }
    case "acks":
      return encodeAcks(message.handle, message.acks);
    case "write":
      return encodeWrite(message.handle, message.seq, message.changes);
    default:
      return undefined;
  }
}

describe("the exchange in PROTOCOL.md", () => {
  test("each message decodes to what stands below it, and is written with the same bytes", () => {
    let last: LastSent | undefined;
    for (const { direction, name, bytes, says } of listed) {
      const message = direction === ">" ? decodeUp(bytes) : decodeDown(bytes, last);
      assert.ok(message, `${name} cannot be read`);
      assert.deepEqual(meaning(message), says, name);
      const again = encoded(message, bytes);
      if (again) assert.deepEqual(again, bytes, name);
      if (message.kind === "delta") {
        last = { handle: message.handle, page: message.delta.page, position: message.delta.to };
      } else if (message.kind === "snapshot") {
        const framed = decodeSnapshot(message.bytes, (_, page) => cellsInPage(SIZE, page));
        if (framed) last = { handle: framed.handle, page: framed.content.page, position: framed.content.position };
      } else if (message.kind === "beat" && direction === ">") assert.deepEqual(encodeBeat(), bytes);
    }
  });

  test("it has every kind of message but an event, and both codings", () => {
    const kinds = (direction: string) =>
      [...new Set(listed.filter((each) => each.direction === direction).map(({ bytes }) => bytes[0]))].toSorted(
        (one = 0, other = 0) => one - other,
      );
    assert.deepEqual(kinds(">"), [1, 2, 3]);
    assert.deepEqual(kinds("<"), [1, 2, 3, 5, 6, 7, 8, 10, 11, 12]);
  });
});
