/* Views that change only with their cells, and watches that components share. */

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { Board, BoardEvents, BoardStatus, Right } from "../../../src/client/api/board.js";
import { watchOf } from "../../../src/client/watching/live-watch.js";
import { Refusal } from "../../../src/protocol/errors.js";
import { BoardSource, type SourceBoard } from "../../../src/react/board-source.js";
import { RANGE_CELLS_MAX, RangeView, VIEW_FIELDS } from "../../../src/react/range-view.js";
import { VirtualClock } from "../../support/virtual-clock.js";

/** A board without a connection: the test loads pages and changes cells. */
class StandIn implements SourceBoard {
  readonly name = "main";
  readonly ready = Promise.resolve();
  size = 0;
  right: Right | undefined;
  claims: Board["claims"];
  failure: Refusal | undefined;
  readonly mine = new Map<number, number | undefined>();
  readonly checked = new Set<number>();
  readonly loaded = new Set<number>();
  readonly pending = new Set<number>();
  /** Page -> watches that are not stopped. */
  readonly watches = new Map<number, number>();
  asked = 0;
  readonly #change = new Set<BoardEvents["change"]>();
  readonly #status = new Set<BoardEvents["status"]>();
  readonly #right = new Set<BoardEvents["right"]>();
  readonly #size = new Set<BoardEvents["size"]>();
  readonly #mine = new Set<BoardEvents["mine"]>();
  readonly #refused = new Set<BoardEvents["refused"]>();
  readonly #waiting = new Map<number, { done(): void; fail(error: unknown): void }>();

  get listeners(): number {
    return [this.#change, this.#status, this.#right, this.#size, this.#mine, this.#refused].reduce(
      (sum, { size }) => sum + size,
      0,
    );
  }

  get(cell: number): boolean | undefined {
    return this.loaded.has(Math.floor(cell / 65_536)) ? this.checked.has(cell) : undefined;
  }

  isTaken(cell: number): boolean {
    return this.get(cell) === true && !this.mine.has(cell) && !this.pending.has(cell);
  }

  async set(cell: number): Promise<void> {
    throw new Refusal("FROZEN", { detail: String(cell) });
  }

  watch({ start }: { start: number }) {
    const page = Math.floor(start / 65_536);
    this.asked++;
    this.watches.set(page, (this.watches.get(page) ?? 0) + 1);
    const ready = new Promise<void>((done, fail) => this.#waiting.set(page, { done, fail }));
    const stop = () => void this.watches.set(page, (this.watches.get(page) ?? 0) - 1);
    return watchOf("main", { ready, stop }, undefined);
  }

  on<Name extends keyof BoardEvents>(name: Name, listener: BoardEvents[Name]): () => void {
    const listeners: Set<unknown> = {
      change: this.#change,
      status: this.#status,
      right: this.#right,
      size: this.#size,
      mine: this.#mine,
      refused: this.#refused,
    }[name as "change" | "status" | "right" | "size" | "mine" | "refused"];
    listeners.add(listener);
    return () => listeners.delete(listener);
  }

  own(...cells: (readonly [cell: number, endMs: number | undefined])[]): void {
    this.mine.clear();
    for (const [cell, endMs] of cells) this.mine.set(cell, endMs);
    for (const listener of this.#mine) listener();
  }

  refuseChange(cell: number): void {
    this.pending.delete(cell);
    for (const listener of this.#refused) listener({ cell, value: true, code: "TAKEN", message: "" });
  }

  say(status: BoardStatus): void {
    for (const listener of this.#status) listener(status);
  }

  resize(size: number): void {
    this.size = size;
    for (const listener of this.#size) listener(size);
  }

  allow(right: Right): void {
    this.right = right;
    for (const listener of this.#right) listener(right);
  }

  load(page: number): void {
    this.loaded.add(page);
    this.#waiting.get(page)?.done();
  }

  refuse(page: number, error: unknown): void {
    this.#waiting.get(page)?.fail(error);
  }

  put(...cells: number[]): void {
    for (const cell of cells) this.checked.add(cell);
    for (const listener of this.#change) listener(cells.map((cell) => ({ cell, value: true, mine: false })));
  }
}

function setUp(size = 200_000) {
  const board = new StandIn();
  board.size = size;
  const clock = new VirtualClock();
  const source = new BoardSource(board, clock);
  const show = (start: number, end?: number) => {
    const view = new RangeView(source, start, end);
    const seen = [view.getSnapshot()];
    const hide = view.subscribe(() => seen.push(view.getSnapshot()));
    return { view, seen, hide };
  };
  return { board, clock, source, show };
}

describe("a range that a component shows", () => {
  test("is replaced when one of its cells changes, and stays the same object when others do", async () => {
    const { board, clock, show } = setUp();
    const one = show(0, 4);
    const other = show(3, 5);
    board.load(0);
    await clock.pass(0);
    assert.deepEqual(one.view.getSnapshot().cells, [false, false, false, false]);
    assert.equal(one.view.getSnapshot().isReady, true);
    const before = { one: one.seen.length, other: other.seen.length };
    const kept = one.view.getSnapshot();
    board.put(4);
    assert.equal(one.view.getSnapshot(), kept);
    assert.deepEqual(other.view.getSnapshot().cells, [false, true]);
    board.put(3, 100);
    assert.deepEqual([one.seen.length - before.one, other.seen.length - before.other], [1, 2]);
    assert.deepEqual(kept.cells, [false, false, false, false], "a view that was given out has changed");
    board.say("joining");
    board.say("live");
    assert.equal(one.seen.length - before.one, 1);
  });

  test("is compared in all of its fields, so that none of them may change unseen", () => {
    const { show } = setUp();
    assert.deepEqual(VIEW_FIELDS.toSorted(), Object.keys(show(0, 4).view.getSnapshot()).toSorted());
  });

  test("shows what changed between being made and being subscribed to", async () => {
    const { board, clock, source } = setUp();
    board.load(0);
    const view = new RangeView(source, 0, 2);
    const made = view.getSnapshot();
    board.checked.add(1);
    const hide = view.subscribe(() => undefined);
    await clock.pass(0);
    assert.deepEqual(
      [made.cells, view.getSnapshot().cells],
      [
        [false, false],
        [false, true],
      ],
    );
    hide();
  });

  test("ends with the board, and is placed when the size is known or becomes another", async () => {
    const { board, clock, show } = setUp(0);
    const { view } = show(65_530);
    assert.deepEqual([view.getSnapshot().cells, view.getSnapshot().isReady, board.asked], [[], false, 0]);
    board.size = 65_534;
    board.say("joining");
    board.load(0);
    await clock.pass(0);
    assert.deepEqual(view.getSnapshot().cells, [false, false, false, false]);
    board.size = 65_538;
    board.say("joining");
    assert.deepEqual(view.getSnapshot().end, 65_538);
    board.load(1);
    await clock.pass(0);
    board.put(65_537);
    assert.deepEqual(view.getSnapshot().cells, [false, false, false, false, false, false, false, true]);
  });

  test("follows a board that is resized while it is shown", async () => {
    const { board, clock, show } = setUp(4);
    const { view } = show(0);
    board.load(0);
    await clock.pass(0);
    board.resize(6);
    assert.deepEqual([view.getSnapshot().size, view.getSnapshot().cells.length], [6, 6]);
    board.put(5);
    assert.equal(view.getSnapshot().cells[5], true);
    board.resize(2);
    assert.deepEqual([view.getSnapshot().size, view.getSnapshot().cells], [2, [false, false]]);
  });

  test("tells why it cannot be had, and what this client may do", async () => {
    const { board, clock, show } = setUp();
    const here = show(0, 4);
    const there = show(70_000, 70_002);
    board.refuse(1, new Refusal("TOO_MANY_PAGES"));
    board.load(0);
    await clock.pass(0);
    assert.equal(there.view.getSnapshot().refusal?.code, "TOO_MANY_PAGES");
    assert.equal(here.view.getSnapshot().refusal, undefined);
    board.allow("admin");
    assert.equal(here.view.getSnapshot().right, "admin");
    board.failure = new Refusal("CLOSED");
    board.say("closed");
    assert.equal(here.view.getSnapshot().refusal?.code, "CLOSED");
  });

  test("of a board with claims tells which cells are the user's and until when, and which are somebody else's", async () => {
    const { board, clock, show } = setUp();
    const before = show(0, 4);
    board.load(0);
    await clock.pass(0);
    board.put(1);
    assert.deepEqual(
      [before.view.getSnapshot().mine.size, before.view.getSnapshot().taken.size],
      [0, 0],
      "a board without claims",
    );
    board.claims = { ms: 1_000, isLease: false };
    const one = show(0, 4);
    const other = show(4, 6);
    const owners = () => [[...one.view.getSnapshot().mine], [...one.view.getSnapshot().taken]];
    assert.deepEqual(owners(), [[], [1]]);
    const rendered = other.seen.length;
    board.own([1, 5_000], [9, undefined]);
    assert.deepEqual(owners(), [[[1, 5_000]], []]);
    assert.equal(other.seen.length, rendered, "a range without any of them is not rendered again");
    const kept = one.view.getSnapshot();
    board.own([1, 5_000]);
    board.say("live");
    assert.equal(one.view.getSnapshot(), kept);
    board.own([1, 6_000]);
    assert.deepEqual(owners(), [[[1, 6_000]], []], "another end");
    board.put(2, 3);
    assert.deepEqual(owners(), [[[1, 6_000]], [2, 3]]);
    // Somebody else was faster: the cell looks the same, and is not the user's.
    board.pending.add(5);
    board.put(5);
    assert.equal(other.view.getSnapshot().taken.size, 0);
    board.refuseChange(5);
    assert.deepEqual([...other.view.getSnapshot().taken], [5]);
  });

  test("that is too large throws when it is rendered, not when the board tells its size", () => {
    const { board, source } = setUp(0);
    const view = new RangeView(source, 0, undefined);
    view.subscribe(() => undefined);
    board.size = RANGE_CELLS_MAX + 1;
    board.say("live");
    assert.throws(() => view.getSnapshot(), RangeError);
    assert.equal(board.asked, 0);
    for (const [start, end] of [
      [-1, 4],
      [4, 4],
      [0.5, 4],
    ] as const) {
      assert.throws(() => new RangeView(source, start, end), RangeError);
    }
  });

  test("shows its initial bits until it is loaded, and never again", async () => {
    const { board, clock, source } = setUp(0);
    // Cells 6, 7 and 8 of the range; the board has only cell 7 of it.
    const view = new RangeView(source, 65_530, 65_540, [0b0000_0011, 0b1000_0000]);
    const initial = [false, false, false, false, false, false, true, true, true, false];
    const first = view.getSnapshot();
    assert.deepEqual(
      [first.cells, first.start, first.end, first.size, first.isReady],
      [initial, 65_530, 65_540, 0, false],
    );
    const hide = view.subscribe(() => undefined);
    board.size = 200_000;
    board.say("joining");
    board.load(1);
    await clock.pass(0);
    assert.deepEqual(view.getSnapshot().cells, [...initial.slice(0, 6), false, false, false, false], "the loaded part");
    assert.equal(view.getSnapshot().isReady, false);
    board.put(65_537);
    assert.equal(view.getSnapshot().isReady, false, "a change does not load the rest");
    board.load(0);
    await clock.pass(0);
    assert.equal(view.getSnapshot().cells.indexOf(true), 7);
    assert.equal(view.getSnapshot().isReady, true);
    board.loaded.clear();
    board.say("joining");
    assert.deepEqual(new Set(view.getSnapshot().cells), new Set([undefined]), "loaded again, after a change of size");
    assert.deepEqual(
      view.getServerSnapshot().cells,
      initial,
      "so that markup of a server fits whenever it is hydrated",
    );
    hide();
  });

  test("without initial bits has no cells in the markup of a server; with them it needs an end", () => {
    const { board, source } = setUp();
    board.load(0);
    const view = new RangeView(source, 0, 4);
    assert.deepEqual([view.getServerSnapshot().cells, view.getSnapshot().cells.length], [[], 4]);
    assert.throws(() => new RangeView(source, 0, undefined, [1]), /initialBits needs the end/);
  });

  test("has a `set` whose refusal nobody has to catch", async () => {
    const { show, clock } = setUp();
    const refused = show(0, 4).view.getSnapshot().set(1, true);
    await clock.pass(0);
    await assert.rejects(refused, { code: "FROZEN" });
  });
});

describe("the watches that components share", () => {
  test("are one for a page, however many show it, and let go a moment after the last is gone", async () => {
    const { board, clock, show } = setUp();
    const all = Array.from({ length: 500 }, (_, cell) => show(cell, cell + 1));
    const across = show(65_000, 66_000);
    assert.deepEqual([board.asked, board.listeners], [2, 6]);
    across.hide();
    for (const { hide } of all.slice(1)) hide();
    await clock.pass(1_000);
    assert.deepEqual([board.watches.get(0), board.watches.get(1)], [1, 0]);
    all[0]?.hide();
    await clock.pass(999);
    assert.equal(board.watches.get(0), 1);
    await clock.pass(1);
    assert.deepEqual([board.watches.get(0), board.listeners], [0, 0]);
  });

  test("are kept while a component is mounted twice, or another takes its place", async () => {
    const { board, clock, source, show } = setUp();
    const view = new RangeView(source, 0, 4);
    view.subscribe(() => undefined)();
    const hide = view.subscribe(() => undefined);
    hide();
    const next = show(2, 6);
    board.load(0);
    await clock.pass(5_000);
    assert.deepEqual([board.asked, board.watches.get(0)], [1, 1]);
    assert.equal(next.view.getSnapshot().isReady, true);
    next.hide();
    await clock.pass(5_000);
    assert.equal(board.watches.get(0), 0);
    show(0, 4);
    assert.equal(board.asked, 2);
  });
});
