/* Boards in someone else's app: its code reads, writes and hears what is committed. */

import assert from "node:assert/strict";
import { after, before, describe, type TestContext, test } from "node:test";
import type { BoardChange, Permit } from "../../src/server/index.js";
import { StoreAway } from "../../src/store/store.js";
import { watchBoard } from "../support/clients.js";
import { type EmbeddedApp, startApp } from "../support/embedded-app.js";
import { until } from "../support/until.js";
import { type ServerProcess, startServer } from "../support/valkey-server.js";

let valkey: ServerProcess;
before(async () => {
  valkey = await startServer();
});
after(() => valkey.stop());

let boardsMade = 0;
/** A board that no other test has. */
const newBoard = () => `board${boardsMade++}`;

describe("a board in the app's own code", () => {
  async function twoApps(t: TestContext, board: string): Promise<[EmbeddedApp, EmbeddedApp]> {
    const settings = { WRITE_WAIT_MS: "500" };
    const options = { boards: { [board]: 70_000 }, valkeyUrl: valkey.url, settings };
    return [await startApp(t, options), await startApp(t, options)];
  }

  test("is written as a client writes it: acknowledged after the commit, seen by everybody, and read back at once", async (t) => {
    const name = newBoard();
    const [one, two] = await twoApps(t, name);
    const client = await watchBoard(two.url, name);
    t.after(() => client.close());
    const board = one.boards.board(name);
    assert.deepEqual([board.name, board.size, one.boards.board(name) === board], [name, 70_000, true]);
    await board.set(7, true);
    assert.equal(await two.boards.instance.store.read({ board: name, page: 0 }).then(({ bits }) => bits[0]), 1);
    assert.equal(await board.get(7), true);
    await until("a client of the other instance sees it", () => client.board.get(7) === true);
    const changes: [number, boolean][] = [
      [7, false],
      [8, true],
      [69_999, true],
      [8, false],
      [9, true],
    ];
    await assert.rejects(board.setAll(changes), { code: "NEEDS_SPLIT" });
    assert.equal(await board.get(7), true);
    await board.setAll(changes, { split: true });
    assert.deepEqual(
      [await board.get(7), await board.get(8), await board.get(9), await board.get(69_999)],
      [false, false, true, true],
    );
    assert.equal((await board.bitsOf(0)).length, 8_192);
    assert.equal((await board.bitsOf(1)).at(-1), 1);
    await until("the client sees that", () => client.board.get(69_999) === true && client.board.get(7) === false);
    await assert.rejects(board.set(70_000, true), { code: "CELL_OUT_OF_RANGE", board: name, cells: [70_000] });
    await assert.rejects(board.bitsOf(2), { code: "PAGE_OUT_OF_RANGE" });
    assert.throws(() => one.boards.board("another"), { code: "UNKNOWN_BOARD" });
  });

  test("is counted in the store: whole pages, parts of pages, and a last page that is short", async (t) => {
    const name = newBoard();
    const one = await startApp(t, { boards: { [name]: 200_000 }, valkeyUrl: valkey.url });
    const board = one.boards.board(name);
    const cells = [0, 9, 65_535, 65_536, 131_071, 131_072, 196_607, 196_608, 199_999];
    await board.setAll(
      cells.map((cell) => [cell, true] as const),
      { split: true },
    );
    const counted = (start: number, end: number) => cells.filter((cell) => cell >= start && cell < end).length;
    assert.equal(await board.count(), 9);
    const ranges = [
      [0, 200_000],
      [0, 9],
      [1, 65_536],
      [9, 131_073],
      [65_536, 131_072],
      [65_535, 196_609],
      [199_999, 200_000],
    ];
    for (const [start = 0, end = 0] of ranges) {
      assert.equal(await board.count({ start, end }), counted(start, end), `${start} … ${end}`);
    }
    await assert.rejects(board.count({ start: 0, end: 200_001 }), RangeError);
    await assert.rejects(board.count({ start: 5, end: 5 }), RangeError);
    await assert.rejects(board.count({ start: -1, end: 5 }), { code: "CELL_OUT_OF_RANGE" });
    const { store } = one.boards.instance;
    t.mock.method(store, "heads", (pages: readonly unknown[]) => Promise.resolve(pages.map(() => undefined)));
    assert.equal(await board.count(), 9, "a page whose head does not arrive is read");
  });

  test("reads what was acknowledged, also what the replica has not heard of yet", async (t) => {
    const name = newBoard();
    const [one] = await twoApps(t, name);
    const board = one.boards.board(name);
    const listening = board.onChange(() => undefined);
    t.after(() => listening.stop());
    await listening.ready;
    for (let cell = 0; cell < 200; cell++) {
      await board.set(cell, true);
      assert.equal(await board.get(cell), true, `cell ${cell}`);
    }
  });

  test("takes more writes at once than one session may have open, each with effect", async (t) => {
    const name = newBoard();
    const [one, two] = await twoApps(t, name);
    const board = one.boards.board(name);
    await Promise.all(Array.from({ length: 1_000 }, (_, cell) => board.set(cell, true)));
    const bits = await two.boards.board(name).bitsOf(0);
    assert.equal(
      bits.subarray(0, 125).every((byte) => byte === 255),
      true,
    );
    const many = Array.from({ length: 60_000 }, (_, cell): [number, boolean] => [cell, cell % 3 === 0]);
    await assert.rejects(board.setAll(many), { code: "NEEDS_SPLIT" });
    await board.setAll(many, { split: true });
    const after = await two.boards.board(name).bitsOf(0);
    assert.equal(after[0], 0b10010010);
  });

  test("obeys a freeze as everybody does", async (t) => {
    const name = newBoard();
    const permit: Permit = { boards: { "*": "admin" } };
    const one = await startApp(t, { boards: { [name]: 64 }, valkeyUrl: valkey.url, authorise: () => permit });
    const two = await startApp(t, { boards: { [name]: 64 }, valkeyUrl: valkey.url });
    const frozen = await fetch(`${one.url}/boards/${name}/freeze`, {
      method: "POST",
      body: '{"start":0,"end":10}',
      headers: { "content-type": "application/json" },
    });
    assert.equal(frozen.status, 200);
    await assert.rejects(two.boards.board(name).set(3, true), { code: "FROZEN", board: name, cells: [3] });
    await two.boards.board(name).set(10, true);
  });

  test("says of a write in several steps that it may have happened, once one of them has", async (t) => {
    const name = newBoard();
    const [one] = await twoApps(t, name);
    const board = one.boards.board(name);
    const { store } = one.boards.instance;
    const page = { board: name, page: 0 };
    const all = Array.from({ length: 10_000 }, (_, cell): [number, boolean] => [cell, true]);
    const freeze = async (isFrozen: boolean) => {
      await store.freeze(page, { start: 5_000, end: 5_001 }, isFrozen);
    };
    await freeze(true);
    await assert.rejects(board.setAll(all, { split: true }), { code: "PARTLY_FROZEN", cells: [5_000] });
    await assert.rejects(board.setAll(all.slice(4_000, 5_001)), { code: "FROZEN", cells: [5_000] });
    assert.deepEqual([await board.get(4_095), await board.get(4_096), await board.get(9_999)], [true, false, false]);

    await freeze(false);
    const commit = store.commit.bind(store);
    let commits = 0;
    t.mock.method(store, "commit", (...args: Parameters<typeof commit>) => {
      if (++commits > 1) throw new StoreAway("away", { sent: false });
      return commit(...args);
    });
    await assert.rejects(board.setAll(all, { split: true }), { code: "OUTCOME_UNKNOWN" });
    await assert.rejects(board.setAll(all, { split: true }), { code: "STORE_AWAY" });
  });

  test("each instance hears every commit, its own and the others', in the one order of the page's history", async (t) => {
    const name = newBoard();
    const apps = await twoApps(t, name);
    const heard: BoardChange[][] = [[], []];
    for (const [index, { boards }] of apps.entries()) {
      const listening = boards.board(name).onChange((change) => heard[index]?.push(change));
      await listening.ready;
    }
    const clients = await Promise.all(apps.map(({ url }) => watchBoard(url, name)));
    t.after(() => clients.map((client) => client.close()));
    const writes = clients.flatMap(({ board }, index) =>
      Array.from({ length: 100 }, (_, round) => board.set(round % 7, (round + index) % 2 === 0)),
    );
    await Promise.all(writes);
    for (const { boards } of apps) await boards.board(name).set(30, true);
    const [one] = apps;
    const { position } = await one.boards.instance.store.read({ board: name, page: 0 });
    await until("both have heard the last", () =>
      heard.every((each) => each.at(-1)?.position.version === position.version),
    );
    const [first = [], second = []] = heard;
    assert.deepEqual(first, second);
    assert.deepEqual(
      first.map((change) => change.position.version),
      Array.from({ length: position.version }, (_, index) => index + 1),
    );
    assert.deepEqual(first.at(-1)?.position, position);
  });

  test("a listener that throws or never comes back breaks nothing: clients are sent everything", async (t) => {
    const name = newBoard();
    const [one] = await twoApps(t, name);
    const board = one.boards.board(name);
    board.onChange(() => {
      throw new Error("of the listener");
    });
    board.onChange(() => new Promise(() => undefined));
    const well: number[] = [];
    await board.onChange(({ changes }) => well.push(...changes.map(({ cell }) => cell))).ready;
    const client = await watchBoard(one.url, name);
    t.after(() => client.close());
    for (let cell = 0; cell < 50; cell++) await board.set(cell, true);
    await until("the client sees all", () => client.board.get(49) === true);
    await until("the third listener hears all", () => well.length === 50);
    assert.ok(one.logged.length > 0);
    assert.ok(one.logged.every(({ hook, msg }) => hook === "onChange" && msg === "a hook of the host app failed"));
  });

  test("follows no more pages than a listener may", async (t) => {
    const name = newBoard();
    const { boards } = await startApp(t, { boards: { [name]: 1_000_000_000 }, valkeyUrl: valkey.url });
    const board = boards.board(name);
    assert.throws(() => board.onChange(() => undefined), RangeError);
    assert.throws(() => board.onChange(() => undefined, { range: { start: 5, end: 5 } }), RangeError);
    const heard: number[] = [];
    const listening = board.onChange(({ changes }) => heard.push(...changes.map(({ cell }) => cell)), {
      range: { start: 999_999_000, end: 1_000_000_000 },
    });
    await listening.ready;
    await board.set(999_999_999, true);
    await until("it is heard", () => heard.includes(999_999_999));
  });
});

describe("drain of boards in an app", () => {
  test("moves clients to the other instance, answers what is under way, and lets go of the store", async (t) => {
    const name = newBoard();
    const options = { boards: { [name]: 400 }, valkeyUrl: valkey.url, settings: { DRAIN_MS: "300" } };
    const [one, two] = [await startApp(t, options), await startApp(t, options)];
    const clients = await Promise.all(Array.from({ length: 6 }, () => watchBoard([one.url, two.url], name)));
    t.after(() => clients.map((client) => client.close()));
    let isOver = false;
    const acknowledged = new Set<number>();
    const writing = clients.map(async ({ board }, index) => {
      for (let cell = index; cell < 400 && !isOver; cell += 6) {
        await board.set(cell, true);
        acknowledged.add(cell);
      }
    });
    await until("writes flow", () => acknowledged.size > 12);
    const drained = one.boards.drain();
    assert.equal((await fetch(`${one.url}/ready`)).status, 503);
    assert.equal((await fetch(`${one.url}/socket.io/?EIO=4&transport=polling`)).status, 503);
    await drained;
    await until("everybody is at the other", () => clients.every(({ client }) => client.state.url === two.url));
    isOver = true;
    await Promise.all(writing);
    const bits = await two.boards.board(name).bitsOf(0);
    for (const cell of acknowledged) assert.ok((bits[cell >> 3] ?? 0) & (128 >> (cell & 7)), `cell ${cell}`);
  });
});
