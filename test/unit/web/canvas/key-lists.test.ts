/* The list of keys in the app: as the document has it, and as the shortcuts work. */

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe, test } from "node:test";
import type { CanvasBoard } from "../../../../src/web/canvas/canvas-board.js";
import { GESTURES, KEYS } from "../../../../src/web/canvas/key-lists.js";
import { pressShortcut } from "../../../../src/web/canvas/shortcuts.js";

const text = readFileSync(new URL("../../../../docs/app.md", import.meta.url), "utf8");

describe("the list of keys", () => {
  test("is the one in docs/app.md", () => {
    for (const [input, effect] of [...KEYS, ...GESTURES])
      assert.ok(text.includes(`\n| ${input} | ${effect} |\n`), input);
  });

  test("has every tool's key", () => {
    for (const [key, tool] of Object.entries({ m: "move", d: "draw", e: "erase", r: "fill", c: "clear" })) {
      const used: string[] = [];
      const board = { viewport: { view: {} }, use: (name: string) => used.push(name) } as unknown as CanvasBoard;
      assert.equal(pressShortcut(Object.assign(new Event("keydown"), { key }) as KeyboardEvent, board, false), true);
      assert.deepEqual(used, [tool]);
      assert.ok(KEYS.some(([input]) => input === key.toUpperCase()));
    }
  });
});
