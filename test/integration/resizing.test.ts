/* Boards that are added, grown, shrunk and removed while two instances serve them, on each store and over both protocols. */

import assert from "node:assert/strict";
import { describe, type TestContext, test } from "node:test";
import { SignJWT } from "jose";
import { PAGE_CELLS } from "../../src/board/geometry.js";
import { type Board, connect } from "../../src/client/index.js";
import { addBoard, removeBoard, resizeBoard } from "../../src/server/admin/board-admin.js";
import { readConfig } from "../../src/server/config.js";
import { openStore } from "../../src/server/open-store.js";
import { createLog } from "../../src/server/telemetry/log.js";
import { bitsOf, storedBits, untilAllShow, watchBoard } from "../support/clients.js";
import { startApp } from "../support/embedded-app.js";
import { temporaryFolder } from "../support/folder.js";
import { type LocalInstance, startInstance } from "../support/instances.js";
import { Random } from "../support/random.js";
import { newSession, RawClient, rawClient } from "../support/raw-client.js";
import { until } from "../support/until.js";
import { startServer } from "../support/valkey-server.js";

const SECRET = "a secret of at least thirty-two bytes";
const ENGINES = ["valkey", "embedded"] as const;

async function storeOf(t: TestContext, engine: (typeof ENGINES)[number]) {
  if (engine === "embedded") return { DATA_DIR: temporaryFolder(t) };
  const server = await startServer();
  t.after(() => server.stop());
  return { VALKEY_URL: server.url };
}

/** Starts instances on one store. On the embedded store they share the process, as `demo` does. */
async function deploy(t: TestContext, engine: (typeof ENGINES)[number], common: Record<string, string> = {}) {
  const flags = { ...common, JWT_SECRET: SECRET, HTTP_PER_MINUTE: "100000", ...(await storeOf(t, engine)) };
  const boards = common.CLAIMS ? { BOARDS: "main=1" } : {};
  const config = readConfig({ LOG_LEVEL: "silent", ...boards, ...flags }, {});
  const store = engine === "embedded" ? await openStore(config, createLog("silent")) : undefined;
  if (store) t.after(() => store.close());
  return async (BOARDS: string, others: Record<string, string> = {}): Promise<LocalInstance> => {
    const instance = await startInstance({ ...flags, ...others, BOARDS }, store);
    t.after(() => instance.stop());
    return instance;
  };
}

async function two(t: TestContext, engine: (typeof ENGINES)[number], boards: string) {
  const start = await deploy(t, engine);
  return [await start(boards), await start(boards)] as const;
}

async function visit(t: TestContext, instance: LocalInstance, lane: boolean, name = "main"): Promise<Board> {
  const visitor = await watchBoard(instance.url, name, lane ? {} : { lanePath: false });
  t.after(() => visitor.close());
  return visitor.board;
}

function sizesOf(board: Board): number[] {
  const sizes: number[] = [];
  board.on("size", (size) => sizes.push(size));
  return sizes;
}

const sizeAt = async ({ url }: LocalInstance, name = "main") =>
  ((await (await fetch(`${url}/boards/${name}`)).json()) as { size?: number }).size;

for (const engine of ENGINES) {
  describe(`a board on ${engine}`, () => {
    test("grows while clients of two instances watch it, and takes clicks on its new boxes", async (t) => {
      const [here, there] = await two(t, engine, "main=100");
      const boards = [await visit(t, here, true), await visit(t, there, true), await visit(t, there, false)];
      const sizes = boards.map(sizesOf);
      await boards[0]?.set(99, true);
      await resizeBoard(here.instance, "main", 240);
      await until("all have the size", () => sizes.every((each) => each.join() === "240"));
      assert.deepEqual(
        boards.map(({ size, pages }) => [size, pages]),
        boards.map(() => [240, 1]),
      );
      const [one, other, third] = boards as [Board, Board, Board];
      await other.set(239, true);
      await third.set(238, true);
      const bits = `${"0".repeat(99)}1${"0".repeat(138)}11`;
      await untilAllShow(boards, bits);
      assert.equal(await sizeAt(there), 240);
      assert.equal(one.status, "live");
      await assert.rejects(one.set(240, true), { code: "CELL_OUT_OF_RANGE" });
    });

    test("shrinks while clients of two instances watch it: no lost box is shown, counted or taken", async (t) => {
      const [here, there] = await two(t, engine, "main=240");
      const boards = [await visit(t, here, true), await visit(t, there, true), await visit(t, here, false)];
      const [one, other] = boards as [Board, Board, Board];
      const overview = one.watchOverview();
      await overview.ready;
      for (const cell of [99, 100, 239]) await one.set(cell, true);
      const sizes = boards.map(sizesOf);
      await resizeBoard(there.instance, "main", 100);
      await until("all have the size", () => sizes.every((each) => each.join() === "100"));
      await untilAllShow(boards, `${"0".repeat(99)}1`);
      await until("one is counted", () => one.overview?.total === 1 && one.checked === 1);
      await assert.rejects(other.set(100, true), { code: "CELL_OUT_OF_RANGE" });
      // The instance refuses it too, whatever the client believes.
      const raw = await rawClient(here.url);
      t.after(() => raw.close());
      const { error } = (await raw.write(newSession(), 1, [[100, 1]])) as { error?: { code: string } };
      assert.equal(error?.code, "CELL_OUT_OF_RANGE");
      const [head] = await here.instance.store.heads([{ board: "main", page: 0 }]);
      assert.equal(head?.checked, 1);
      await resizeBoard(here.instance, "main", 240);
      await untilAllShow(boards, `${"0".repeat(99)}1${"0".repeat(140)}`);
      await other.set(239, true);
      await untilAllShow(boards, `${"0".repeat(99)}1${"0".repeat(139)}1`);
    });

    test("gains and loses whole pages, with what is frozen there, and its overview follows", async (t) => {
      const [here, there] = await two(t, engine, `main=${PAGE_CELLS + 10}`);
      const client = connect(there.url);
      t.after(() => client.close());
      const board = client.board("main");
      // A watch of more than the board has follows its growth.
      const watch = board.watch({ start: PAGE_CELLS, end: 10 * PAGE_CELLS });
      const overview = board.watchOverview();
      await Promise.all([watch.ready, overview.ready]);
      const admin = there.instance;
      await resizeBoard(here.instance, "main", 3 * PAGE_CELLS);
      await until("it has three pages", () => board.pages === 3 && board.status === "live");
      const last = 3 * PAGE_CELLS - 1;
      await board.set(last, true);
      await until("it is shown and counted", () => board.get(last) === true && board.overview?.count(2) === 1);
      await admin.store.freeze({ board: "main", page: 2 }, { start: 0, end: 5 }, true);
      await until("it is frozen", () => board.isFrozen(2 * PAGE_CELLS));
      await resizeBoard(here.instance, "main", PAGE_CELLS + 10);
      await until("it has two pages", () => board.pages === 2 && board.status === "live");
      assert.equal(board.get(last), undefined);
      await until("nothing is counted", () => board.overview?.pages === 2 && board.overview.total === 0);
      assert.equal((await fetch(`${there.url}/boards/main/pages/2`)).status, 404);
      await resizeBoard(there.instance, "main", 3 * PAGE_CELLS);
      await until("it is back, and empty", () => board.get(last) === false);
      assert.equal(board.isFrozen(2 * PAGE_CELLS), false);
      await board.set(2 * PAGE_CELLS, true);
      await until("it is counted", () => board.overview?.total === 1);
    });

    test("with claims, frees the boxes that it loses, on whole pages too", async (t) => {
      const start = await deploy(t, engine, { CLAIMS: "main=1h" });
      const instances = [await start(`main=${2 * PAGE_CELLS}`), await start(`main=${2 * PAGE_CELLS}`)] as const;
      const [ann, ben] = [await visit(t, instances[0], true), await visit(t, instances[1], true)];
      const cells = [5, 500, PAGE_CELLS + 7];
      for (const cell of cells) await ann.set(cell, true);
      for (const cell of cells) await assert.rejects(ben.set(cell, true), { code: "TAKEN" });
      await resizeBoard(instances[0].instance, "main", 100);
      await resizeBoard(instances[0].instance, "main", 2 * PAGE_CELLS);
      await until("it is back", () => ben.size === 2 * PAGE_CELLS && ben.status === "live");
      await assert.rejects(ben.set(5, true), { code: "TAKEN" });
      for (const cell of cells.slice(1)) await ben.set(cell, true);
      await assert.rejects(ann.set(500, false), { code: "TAKEN" });
    });

    test("is added and removed on all instances, and an open one fails with UNKNOWN_BOARD", async (t) => {
      const [here, there] = await two(t, engine, "main=100");
      await addBoard(here.instance, "hall-2026-12-01", 240);
      await addBoard(there.instance, "hall-2026-12-01", 240);
      await assert.rejects(addBoard(here.instance, "hall-2026-12-01", 241), { code: "BAD_REQUEST" });
      await assert.rejects(addBoard(here.instance, "a board", 1), { code: "BAD_REQUEST" });
      await assert.rejects(addBoard(here.instance, "empty", 0), { code: "BAD_REQUEST" });
      await until("both have it", async () => (await sizeAt(there, "hall-2026-12-01")) === 240);
      const boards = [true, false].map((lane) => visit(t, there, lane, "hall-2026-12-01"));
      const [one, other] = (await Promise.all(boards)) as [Board, Board];
      await one.set(7, true);
      await until("it is shown", () => other.get(7) === true);
      await removeBoard(here.instance, "hall-2026-12-01");
      await until("both are closed", () => [one, other].every(({ status }) => status === "closed"));
      assert.deepEqual(
        [one, other].map(({ failure }) => failure?.code),
        ["UNKNOWN_BOARD", "UNKNOWN_BOARD"],
      );
      assert.match(String(one.failure?.message), /no board with that name/);
      await until("neither has it", async () => (await sizeAt(there, "hall-2026-12-01")) === undefined);
      await assert.rejects(removeBoard(here.instance, "hall-2026-12-01"), { code: "UNKNOWN_BOARD" });
      await assert.rejects(resizeBoard(here.instance, "hall-2026-12-01", 7), { code: "UNKNOWN_BOARD" });
      await addBoard(there.instance, "hall-2026-12-01", 9);
      await until("the other has it again", async () => (await sizeAt(here, "hall-2026-12-01")) === 9);
      assert.equal(bitsOf(await visit(t, here, true, "hall-2026-12-01")), "000000000");
    });

    test("is as large as its record: a larger number in BOARDS grows it at start, and a smaller one does nothing", async (t) => {
      const start = await deploy(t, engine);
      const first = await start("main=100");
      const board = await visit(t, first, true);
      await board.set(99, true);
      const smaller = await start("main=50,other=7");
      assert.deepEqual([await sizeAt(smaller), await sizeAt(smaller, "other")], [100, 7]);
      await until("the first has the other board", async () => (await sizeAt(first, "other")) === 7);
      const larger = await start("main=200");
      assert.deepEqual([await sizeAt(larger), await sizeAt(larger, "other")], [200, 7]);
      await until("the client has it", () => board.size === 200 && board.status === "live");
      assert.equal(board.get(99), true);
    });
  });
}

describe("a board that is resized again and again", () => {
  test("ends the same for all clients and in the store, whatever they did meanwhile", async (t) => {
    const seed = Number(process.env.SEED ?? Date.now() % 1_000_000);
    t.diagnostic(`SEED=${seed}`);
    const random = new Random(seed);
    const start = await deploy(t, "valkey");
    const limits = { WRITES_PER_SECOND: "1000000", WRITE_BURST: "1000000" };
    const instances = [await start("main=1000", limits), await start("main=1000", limits)] as const;
    const boards = await Promise.all(
      [true, true, false].map(async (lane, index) => {
        const client = connect(instances[index % 2 ? 0 : 1].url, lane ? {} : { lanePath: false });
        t.after(() => client.close());
        const board = client.board("main");
        await board.watch({ start: 0, end: 10 * PAGE_CELLS }).ready;
        return board;
      }),
    );
    const overviews = boards.map((board) => board.watchOverview());
    await Promise.all(overviews.map(({ ready }) => ready));
    const refused = new Set<string>();
    const write = async () => {
      const board = random.pick(boards);
      const set = board.set(random.whole(0, board.size - 1), random.chance(0.7));
      await set.catch(({ code }: { code: string }) => refused.add(code));
    };
    const sizes = [70_000, 140_000, PAGE_CELLS, 50, 65_000, 2 * PAGE_CELLS, 131_000, 900, 200_000];
    for (const size of sizes) {
      const resized = resizeBoard(random.pick(instances).instance, "main", size);
      await Promise.all([resized, ...Array.from({ length: 40 }, write)]);
    }
    const size = sizes.at(-1) ?? 0;
    await until("all have the size", () => boards.every((board) => board.size === size && board.status === "live"));
    const last = instances.map(({ url }) => storedBits(url, size));
    const [bits = "", same] = await Promise.all(last);
    assert.equal(bits, same);
    await untilAllShow(boards, bits);
    const total = Array.from(bits).filter((bit) => bit === "1").length;
    await until("all count the same", () => boards.every(({ overview }) => overview?.total === total));
    assert.deepEqual(
      [...refused].filter((code) => code !== "CELL_OUT_OF_RANGE"),
      [],
    );
  });
});

describe("a client that does not take a change of size", () => {
  test("is asked to connect again, and one that does is told and stays", async (t) => {
    const [here] = await two(t, "embedded", "main=100");
    const old = await rawClient(here.url);
    const taking = await new RawClient(here.url).connected();
    t.after(() => [old, taking].map((client) => client.close()));
    const { handle } = await taking.ask("open", { board: "main", protocol: 1, resizes: true });
    const told: unknown[] = [];
    taking.socket.on("resized", (resized) => told.push(resized));
    await resizeBoard(here.instance, "main", 240);
    await until("it is told", () => told.length === 1);
    await until("the other is disconnected", () => !old.socket.connected);
    assert.equal(old.notices.find(({ kind }) => kind === "goodbye")?.error.code, "GOING_AWAY");
    assert.deepEqual(told, [{ handle, size: 240 }]);
    await removeBoard(here.instance, "main");
    await until("it is told again", () => told.length === 2);
    assert.deepEqual(told.at(-1), { handle, size: 0 });
    for (const [event, request] of [
      ["watch", { handle, pages: [0] }],
      ["overview", { handle, watch: true }],
      ["write", { handle, session: newSession(), seq: 1, changes: [[1, 1]] }],
    ] as const)
      assert.equal((await taking.ask(event, request)).error.code, "UNKNOWN_BOARD", event);
  });
});

describe("boards over HTTP", () => {
  async function call(url: string, method: string, body?: unknown, boards: Record<string, string> = { "*": "admin" }) {
    const token = await new SignJWT({ boards, sub: "ann" })
      .setProtectedHeader({ alg: "HS256" })
      .setExpirationTime("1h")
      .sign(new TextEncoder().encode(SECRET));
    const headers = { "content-type": "application/json", authorization: `Bearer ${token}` };
    const response = await fetch(url, { method, headers, ...(body ? { body: JSON.stringify(body) } : {}) });
    const answer = (await response.json()) as { size?: number; ok?: boolean; error?: { code: string } };
    return `${response.status} ${answer.error?.code ?? answer.size ?? answer.ok}`;
  }

  test("are added, resized and removed by admins alone", async (t) => {
    const [here, there] = await two(t, "embedded", "main=100");
    const hall = `${here.url}/boards/hall`;
    assert.equal(await call(hall, "PUT", { size: 240 }, { "*": "write" }), "403 FORBIDDEN");
    assert.equal(await call(hall, "PUT", { size: 240 }, { main: "admin" }), "403 FORBIDDEN");
    for (const body of [{ size: 0 }, { size: "9" }, { size: 1.5 }, { size: 2 ** 32 + 1 }, {}])
      assert.equal(await call(hall, "PUT", body), "400 BAD_REQUEST", JSON.stringify(body));
    assert.equal(await call(`${here.url}/boards/a%20hall`, "PUT", { size: 9 }), "400 BAD_REQUEST");
    assert.equal(await call(hall, "DELETE"), "404 UNKNOWN_BOARD");
    assert.equal(await call(hall, "PUT", { size: 240 }, { hall: "admin" }), "200 240");
    await until("the other has it", async () => (await sizeAt(there, "hall")) === 240);
    assert.equal(await call(`${there.url}/boards/hall`, "PUT", { size: 100 }), "200 100");
    await until("it shrank here", async () => (await sizeAt(here, "hall")) === 100);
    assert.equal(await call(hall, "DELETE", undefined, { "*": "write" }), "403 FORBIDDEN");
    assert.equal(await call(hall, "DELETE"), "200 true");
    await until("it is gone there", async () => (await sizeAt(there, "hall")) === undefined);
  });

  test("leave a line in the log, done or refused", async (t) => {
    const lines: Record<string, unknown>[] = [];
    const [here] = await two(t, "embedded", "main=100");
    t.mock.method(here.instance.audit, "info", (line: Record<string, unknown>) => lines.push(line));
    await call(`${here.url}/boards/hall`, "PUT", { size: 240 });
    await call(`${here.url}/boards/hall`, "PUT", { size: 24 });
    await call(`${here.url}/boards/hall`, "DELETE");
    await call(`${here.url}/boards/hall`, "DELETE", undefined, { hall: "write" });
    await call(`${here.url}/boards/hall`, "PUT", { size: -1 });
    assert.deepEqual(
      lines.map(({ audit, board, size, by, outcome }) => [audit, board, size, by, outcome]),
      [
        ["add", "hall", 240, "ann", "done"],
        ["resize", "hall", 24, "ann", "done"],
        ["remove", "hall", undefined, "ann", "done"],
        ["remove", "hall", undefined, "ann", "FORBIDDEN"],
        ["resize", "hall", undefined, undefined, "BAD_REQUEST"],
      ],
    );
  });
});

describe("boards of an app", () => {
  test("are added, resized and removed by its code, and its listeners follow", async (t) => {
    const valkey = await startServer();
    t.after(() => valkey.stop());
    const options = { boards: { main: 100 }, valkeyUrl: valkey.url };
    const [one, two] = [await startApp(t, options), await startApp(t, options)];
    await one.boards.add("hall", 240);
    await until("the other has it", () => two.boards.instance.boards.has("hall"));
    const board = two.boards.board("hall");
    const heard: string[] = [];
    const listening = board.onChange(({ changes }) => {
      for (const { cell, value } of changes) heard.push(`${cell} ${value}`);
    });
    await listening.ready;
    await one.boards.board("hall").set(239, true);
    await one.boards.board("hall").set(3, true);
    await until("both are heard", () => heard.length === 2);
    await one.boards.resize("hall", 100);
    await until("the lost one is heard", () => heard.at(-1) === "239 false");
    await until("it has shrunk", () => board.size === 100);
    await assert.rejects(board.set(239, true), { code: "CELL_OUT_OF_RANGE" });
    await two.boards.resize("hall", PAGE_CELLS + 5);
    await until("it has grown", () => one.boards.board("hall").size === PAGE_CELLS + 5);
    await one.boards.board("hall").set(PAGE_CELLS + 4, true);
    await one.boards.board("hall").set(99, true);
    await until("both new ones are heard", () => heard.length === 5);
    assert.deepEqual(heard.slice(3).toSorted(), [`${PAGE_CELLS + 4} true`, "99 true"]);
    assert.deepEqual([await board.get(3), await board.get(99), await board.get(239)], [true, true, false]);
    await one.boards.remove("hall");
    await until("it is gone", () => board.size === 0);
    assert.throws(() => two.boards.board("hall"), { code: "UNKNOWN_BOARD" });
    assert.throws(() => one.boards.board("hall"), { code: "UNKNOWN_BOARD" });
  });
});
