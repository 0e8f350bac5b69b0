/* A board on a scripted line: its cells, events and requests while the connection misbehaves. */

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { PAGE_CELLS } from "../../../../src/board/geometry.js";
import { Refusal } from "../../../../src/protocol/errors.js";
import { OPENED } from "../../../support/opened.js";
import { outcome } from "../../../support/outcome.js";
import { scriptedClient } from "../../../support/scripted-line.js";
import { settle } from "../../../support/virtual-clock.js";

describe("a board", () => {
  for (const [how, isSilent] of [
    ["connection that is silent after", true],
    ["page that does not get there, on a connection that answers after", false],
  ] as const) {
    test(`an own change and a ${how} the acknowledgement: it is ${isSilent ? "shown on" : "let go after some seconds"}`, async () => {
      const { clock, line, board } = scriptedClient();
      await line.up();
      await Promise.all([board.watch({ start: 0, end: 100 }).ready, settle()]);
      assert.equal(board.get(7), false);
      await board.set(7, true);
      line.isSilent = isSilent;
      await clock.pass(60_000);
      assert.equal(board.get(7), isSilent);
      if (!isSilent) return;
      line.sendDelta(7, 1);
      assert.deepEqual([board.get(7), board.isPending(7)], [true, false]);
    });
  }

  test("the user's own change is dropped after some seconds in which other deltas arrive and its own does not", async () => {
    const { clock, line, board } = scriptedClient();
    await line.up();
    await Promise.all([board.watch({ start: 0, end: 100 }).ready, settle()]);
    await board.set(7, true);
    const asked: string[] = [];
    line.opens = () => {
      asked.push("open");
      return OPENED;
    };
    for (let second = 0; second < 8; second++) {
      await board.set(100_000, second % 2 === 0);
      await clock.pass(1_000);
    }
    assert.deepEqual([board.get(7), asked], [false, []], "an instance that is heard anyway is not asked");
  });

  test("a change that cannot be delivered is given up in time, although a question is without its answer", async () => {
    const { clock, line, board } = scriptedClient();
    await line.up();
    await Promise.all([board.watch({ start: 0, end: 100 }).ready, settle()]);
    await board.set(7, true);
    line.isSilent = true;
    await clock.pass(2_500);
    const late = outcome(board.set(8, true));
    await clock.pass(299_000);
    assert.equal(board.get(8), true);
    await clock.pass(3_000);
    assert.equal(await Promise.race([late, settle()]), "EXPIRED");
    assert.equal(board.get(8), false);
  });

  test("against an instance that names no cells, only what is refused is given up", async () => {
    for (const code of ["FROZEN", "CELL_OUT_OF_RANGE", "FORBIDDEN"] as const) {
      const { line, board } = scriptedClient();
      line.judge = ({ changes }) => (changes.some(([cell]) => cell === 7) ? new Refusal(code) : undefined);
      const sets = Array.from({ length: 20 }, (_, cell) => outcome(board.set(cell, true)));
      await line.up();
      assert.deepEqual(
        await Promise.all(sets),
        sets.map((_, cell) => (cell === 7 ? code : "done")),
      );
      assert.ok(line.writes.length < 20, `${line.writes.length} writes`);
      assert.deepEqual(
        line.writes.map(({ seq }) => seq),
        line.writes.map((_, index) => index + 1),
      );
    }
  });

  test("changes on a damaged page are given up at once, and those on other pages are not held up", async () => {
    const { line, board } = scriptedClient();
    const isDamaged = (cell: number) => cell < PAGE_CELLS;
    line.judge = ({ changes }) =>
      changes.some(([cell]) => isDamaged(cell)) ? new Refusal("PAGE_DAMAGED", { retryAfterMs: 10_000 }) : undefined;
    await line.up();
    const delays: string[] = [];
    board.on("delayed", ({ code }) => delays.push(code));
    const fates: Record<number, string> = {};
    for (const cell of [3, PAGE_CELLS, 4, PAGE_CELLS + 1]) {
      void outcome(board.set(cell, true)).then((fate) => {
        fates[cell] = fate;
      });
      await settle();
    }
    assert.deepEqual(fates, { 3: "PAGE_DAMAGED", 4: "PAGE_DAMAGED", [PAGE_CELLS]: "done", [PAGE_CELLS + 1]: "done" });
    assert.deepEqual([board.isPending(3), line.writes.length, delays], [false, 4, []]);
  });

  test("slowed down, it still sends no more cells at once than an instance with a low limit takes", async () => {
    const { clock, line, board } = scriptedClient();
    line.opens = () => ({ ...OPENED, limits: { ...OPENED.limits, writeCellsMax: 4 } });
    line.judge = ({ changes }) => {
      if (changes.length > 4) return new Refusal("TOO_MANY_CELLS");
      return line.writes.length <= 5 ? new Refusal("RATE_LIMITED", { retryAfterMs: 100 }) : undefined;
    };
    const sets = Array.from({ length: 20 }, (_, cell) => outcome(board.set(cell, true)));
    await line.up();
    await clock.pass(1_000);
    assert.deepEqual(new Set(await Promise.all(sets)), new Set(["done"]));
  });

  test("one that may only be viewed is asked once, however much was set", async () => {
    const { line, board } = scriptedClient();
    line.opens = () => ({ ...OPENED, right: "view" });
    line.judge = () => new Refusal("FORBIDDEN");
    const sets = Array.from({ length: 20 }, (_, cell) => outcome(board.set(cell, true)));
    await line.up();
    assert.deepEqual(new Set(await Promise.all(sets)), new Set(["FORBIDDEN"]));
    assert.equal(line.writes.length, 1);
  });

  test("says why its token gives nothing, goes on with what everybody may, and asks for another", async () => {
    for (const code of ["UNAUTHORIZED", "TOKEN_EXPIRED", "KEYS_AWAY"] as const) {
      const { client, line, board } = scriptedClient();
      line.opens = () => ({ ...OPENED, right: "view", problem: new Refusal(code).toBody() });
      await line.up();
      await Promise.all([board.watch({ start: 0, end: 100 }).ready, settle()]);
      assert.deepEqual([board.status, board.right, client.state.reason?.code], ["live", "view", code]);
      assert.deepEqual(line.problems, [code]);
    }
  });

  test("that a token opened before waits for another when it is not accepted any more; the first that is not ends it", async () => {
    const { client, line, board } = scriptedClient();
    await line.up();
    await board.ready;
    await line.down();
    line.opens = () => new Refusal("UNAUTHORIZED");
    await line.up();
    assert.deepEqual(
      [board.status, client.state.reason?.code, line.problems],
      ["joining", "UNAUTHORIZED", ["UNAUTHORIZED"]],
    );
    line.opens = () => OPENED;
    await line.down();
    await line.up();
    assert.deepEqual([board.status, client.state.reason], ["live", undefined]);

    const other = scriptedClient();
    other.line.opens = () => new Refusal("UNAUTHORIZED");
    await other.line.up();
    await assert.rejects(other.board.ready, { code: "UNAUTHORIZED" });
    assert.equal(other.board.status, "closed");
  });

  test("ready is rejected by close, and whenReady by its signal, of which nothing is left behind", async () => {
    const { client, line, board } = scriptedClient();
    const stop = new AbortController();
    const waiting = board.whenReady({ signal: stop.signal });
    const patient = board.whenReady();
    stop.abort(new Error("too late"));
    await assert.rejects(waiting, /too late/);
    await assert.rejects(board.whenReady({ signal: AbortSignal.abort(new Error("before")) }), /before/);
    client.close();
    await assert.rejects(board.ready, { code: "CLOSED" });
    await assert.rejects(patient, { code: "CLOSED" });
    await assert.rejects(board.whenReady({ signal: new AbortController().signal }), { code: "CLOSED" });
    assert.equal(line.isUp, false);
  });
});
