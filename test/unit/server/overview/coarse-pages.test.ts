import assert from "node:assert/strict";
import { test } from "node:test";
import type { Snapshot } from "../../../../src/board/delta.js";
import { CoarsePages } from "../../../../src/server/overview/coarse-pages.js";
import type { HostedBoard } from "../../../../src/server/pages/pages.js";

const board = { handle: 0, name: "main", size: 9_000 * 65_536 } as HostedBoard;

function setUp() {
  const versions = new Map<number, number>();
  const positionOf = (page: number) => ({ version: versions.get(page) ?? 1, tag: "AAAAAAAA" });
  const read: number[] = [];
  const damaged = new Set<number>();
  const coarse = new CoarsePages({
    positions: async (_, pages) => pages.map((page) => (damaged.has(page) ? undefined : positionOf(page))),
    read: async (_, page): Promise<Snapshot> => {
      read.push(page);
      return { kind: "snapshot", page, position: positionOf(page), bits: Uint8Array.of(2 ** (page % 8)) };
    },
  });
  return { coarse, read, versions, damaged };
}

test("a page is read when it is first asked for, and again only after it has changed", async () => {
  const { coarse, read, versions } = setUp();
  const first = await coarse.read(board, [3, 1]);
  assert.deepEqual([first.bytes.length, first.bytes[0], first.bytes[256], first.read], [512, 1, 1, 2]);
  const again = await coarse.read(board, [3, 1, 2]);
  assert.deepEqual([read, again.read], [[3, 1, 2], 1]);
  assert.deepEqual(again.at.slice(0, 2), first.at);
  versions.set(1, 2);
  const later = await coarse.read(board, [3, 1, 2]);
  assert.deepEqual(read, [3, 1, 2, 1]);
  assert.notEqual(later.at[1], again.at[1]);
});

test("a damaged page is empty, and read once it is whole", async () => {
  const { coarse, read, damaged } = setUp();
  damaged.add(5);
  const { bytes } = await coarse.read(board, [5, 6]);
  assert.deepEqual([bytes[0], bytes[256], read], [0, 1, [6]]);
  damaged.clear();
  assert.equal((await coarse.read(board, [5, 6])).bytes[0], 1);
});

test("the pictures that are kept are bounded: the one that was asked for longest ago goes first", async () => {
  const { coarse, read } = setUp();
  for (let page = 0; page < 8_200; page += 50) {
    await coarse.read(
      board,
      Array.from({ length: 50 }, (_, index) => page + index),
    );
    await coarse.read(board, [0]);
  }
  read.length = 0;
  await coarse.read(board, [0, 8_199]);
  assert.deepEqual(read, []);
  await coarse.read(board, [1, 2]);
  assert.deepEqual(read, [1, 2]);
});
