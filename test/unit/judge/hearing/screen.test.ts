/* The screen of a client of the judge, and what else is read from a server that may send anything. */

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { boardIn } from "../../../../src/judge/adapters/board-state.js";
import { isLocal, readUrls } from "../../../../src/judge/adapters/local.js";
import { plainText } from "../../../../src/judge/adapters/plain-text.js";
import { CHANGES_MAX, Screen } from "../../../../src/judge/hearing/screen.js";

const SIZE = 30;
const screen = (isOurs = true) => new Screen(SIZE, () => isOurs);

describe("the screen of a client", () => {
  test("shows the board and the changes that come after it", () => {
    const shown = screen();
    shown.board(Array.from({ length: SIZE }, (_, cell) => cell === 3));
    shown.change(7, true);
    shown.change(3, 0);
    assert.deepEqual([shown.at(3), shown.at(7), shown.at(8)], [false, true, false]);
  });

  test("applies changes that arrive while a board is on its way after that board", async () => {
    const shown = screen();
    let answer: (board: unknown) => void = () => undefined;
    const loading = shown.load(new Promise((done) => (answer = done)));
    shown.change(5, true);
    assert.equal(shown.at(5), false);
    answer({ state: new Array(SIZE).fill(0) });
    await loading;
    assert.equal(shown.at(5), true);
  });

  test("keeps what it held back if the board never comes", async () => {
    const shown = screen();
    const loading = shown.load(Promise.reject(new Error("no")));
    shown.change(5, true);
    await assert.rejects(loading, /no/);
    assert.equal(shown.at(5), true);
  });

  test("counts what is no change of a box, and shows nothing of it", () => {
    const shown = screen();
    for (const index of [-1, SIZE, 1.5, "3", null, {}, Number.NaN]) shown.change(index, true);
    for (const value of ["true", null, 2, {}]) shown.change(4, value);
    assert.equal(shown.odd, 11);
    assert.equal(shown.at(4), false);
  });

  test("knows which boxes received both values since they are noted", () => {
    const shown = screen();
    shown.change(1, true);
    shown.note([1, 2]);
    shown.change(1, false);
    shown.change(2, true);
    shown.change(2, false);
    assert.deepEqual([shown.heardBoth(1), shown.heardBoth(2), shown.heardBoth(3)], [false, true, false]);
  });

  test("counts the changes of others, and reports a server that sends without end", () => {
    const shown = screen(false);
    let floods = 0;
    shown.onFlood = () => floods++;
    for (let count = 0; count < CHANGES_MAX; count++) shown.change(1, true);
    assert.deepEqual([shown.foreign, floods], [CHANGES_MAX, 0]);
    shown.change(2, true);
    assert.deepEqual([shown.foreign, floods, shown.at(2)], [CHANGES_MAX, 1, false]);
  });
});

describe("what the judge reads", () => {
  test("is a board if it is a list of boxes, or has one", () => {
    assert.deepEqual(boardIn([true, 0, 1, null, "x"]), { cells: [true, false, true, false, false], odd: 2 });
    assert.deepEqual(boardIn({ state: [1] }), { cells: [true], odd: 0 });
    for (const other of [null, 3, "[]", {}, { state: "0101" }]) assert.equal(boardIn(other), undefined);
  });

  test("is shown on one short line without control characters", () => {
    assert.equal(plainText("a\u001b[31m\nb\u202ec"), "a [31m b c");
    assert.equal(plainText("x".repeat(5_000)).length, 201);
  });
});

describe("the URLs to judge", () => {
  test("lead to this machine only if their host says so", () => {
    for (const url of [
      "http://localhost:3000",
      "http://127.0.0.1",
      "http://127.9.9.9:1",
      "http://[::1]:80",
      "http://a.localhost",
    ])
      assert.ok(isLocal(url), url);
    for (const url of [
      "http://localhost.example.com",
      "http://10.0.0.1",
      "http://127.0.0.1.example.com",
      "https://example.com",
    ])
      assert.ok(!isLocal(url), url);
  });

  test("are cut to the place of the board, and refused if they are none", () => {
    assert.deepEqual(readUrls(["http://localhost:3000/", "https://a.test/board/?x#y"]), [
      "http://localhost:3000",
      "https://a.test/board",
    ]);
    for (const wrong of ["localhost:3000", "ftp://a.test", "x", "http://a:b@a.test"])
      assert.throws(() => readUrls([wrong]));
    assert.throws(() => readUrls(["http://a.test", "http://a.test/"]), /twice/);
    assert.throws(() => readUrls(Array.from({ length: 9 }, (_, port) => `http://a.test:${port + 1}`)), /at most 8/);
  });
});
