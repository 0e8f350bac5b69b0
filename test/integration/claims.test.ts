/* Boards with claims, over two instances on one Valkey and through either door: who has which cells, and until when. */

import assert from "node:assert/strict";
import { after, before, describe, type TestContext, test } from "node:test";
import { io } from "socket.io-client";
import { type Board, type ConnectOptions, connect, Refusal } from "../../src/client/index.js";
import { addBoard, removeBoard } from "../../src/server/admin/board-admin.js";
import { EmbeddedStore } from "../../src/store/embedded/embedded-store.js";
import type { Store } from "../../src/store/store.js";
import { Names } from "../../src/store/valkey/scripts/keys.js";
import { watchBoard } from "../support/clients.js";
import { forEachDoor } from "../support/doors.js";
import { temporaryFolder } from "../support/folder.js";
import { type LocalInstance, spawnInstance, startInstance } from "../support/instances.js";
import { outcome } from "../support/outcome.js";
import { ask } from "../support/resp.js";
import { until } from "../support/until.js";
import { type ServerProcess, startServer } from "../support/valkey-server.js";

const BOARDS = { BOARDS: "main=100,seats=100,lockers=100,room=100", CLAIMS: "main,seats,lockers=2s,room=lease:2s" };

const cellsOf = (board: Board) => [...board.mine.keys()].sort((one, other) => one - other);

forEachDoor((door) => {
  describe(`claims through ${door.name}`, () => {
    let valkey: ServerProcess;
    let instances: LocalInstance[];
    before(async () => {
      valkey = await startServer();
      instances = await Promise.all([1, 2].map(() => startInstance({ ...BOARDS, VALKEY_URL: valkey.url })));
    });
    after(async () => {
      for (const instance of instances) await instance.stop();
      await valkey.stop();
    });

    const urlOf = (index: number) => instances[index % 2]?.url ?? "";
    async function user(t: TestContext, name: string, index = 0, options: ConnectOptions = {}): Promise<Board> {
      const made = await watchBoard(urlOf(index), name, { ...door.options, ...options });
      t.after(made.close);
      return made.board;
    }

    test("the first has the seat, the others are told; a seat that is given back is free", async (t) => {
      const [ann, ben] = [await user(t, "seats"), await user(t, "seats", 1)];
      assert.deepEqual(
        [ann.claims, ben.claims],
        [
          { ms: 0, isLease: false },
          { ms: 0, isLease: false },
        ],
      );
      const refused: (readonly [number, string])[] = [];
      ben.on("refused", ({ cell, code }) => refused.push([cell, code]));
      await ann.set(7, true);
      assert.deepEqual([...ann.mine], [[7, undefined]], "at once, and without an end");
      assert.equal(await outcome(ben.set(7, true)), "TAKEN");
      assert.equal(await outcome(ben.set(7, false)), "TAKEN");
      await until("he sees that it is checked", () => ben.get(7) === true);
      assert.deepEqual(refused, [
        [7, "TAKEN"],
        [7, "TAKEN"],
      ]);
      assert.deepEqual(cellsOf(ben), []);
      // Independent changes have their own fates, even if they travel together.
      const all = await Promise.allSettled([8, 7, 9].map((cell) => ben.set(cell, true)));
      assert.deepEqual(
        all.map(({ status }) => status),
        ["fulfilled", "rejected", "fulfilled"],
      );
      assert.equal(
        await outcome(
          ben.setAll([
            [10, true],
            [7, true],
          ]),
        ),
        "TAKEN",
        "all or nothing",
      );
      assert.equal(ben.get(10), false);
      await until("he has two", () => cellsOf(ben).join() === "8,9");
      await ann.set(7, false);
      await until("she has none", () => ann.mine.size === 0);
      await ben.set(7, true);
      await until("he has it", () => ben.mine.has(7));
    });

    test("of 20 clients on 20 seats, each seat has one owner, and all others are told", async (t) => {
      const boards = await Promise.all(Array.from({ length: 20 }, (_, index) => user(t, "seats", index)));
      const cells = Array.from({ length: 20 }, (_, index) => 20 + index);
      const outcomes = await Promise.all(
        cells.flatMap((cell) => boards.map((board) => outcome(board.set(cell, true)))),
      );
      const counts = { done: 0, TAKEN: 0 } as Record<string, number>;
      for (const code of outcomes) counts[String(code)] = (counts[String(code)] ?? 0) + 1;
      assert.deepEqual(counts, { done: 20, TAKEN: 380 });
      const owned = () => boards.flatMap(cellsOf).sort((one, other) => one - other);
      await until("each seat is somebody's", () => owned().join() === cells.join());
    });

    test("whoever is told TAKEN again and again is not cut off for it", async (t) => {
      const [ann, ben] = [await user(t, "seats"), await user(t, "seats", 1)];
      await ann.set(60, true);
      for (let count = 0; count < 300; count++) assert.equal(await outcome(ben.set(60, false)), "TAKEN");
      await ben.set(61, true);
      assert.equal(ben.status, "live");
    });

    test("a hold ends by itself, everybody sees it, and its owner learns when", async (t) => {
      const [ann, ben] = [await user(t, "lockers"), await user(t, "lockers", 1)];
      await ann.set(1, true);
      await until("she has it", () => ann.mine.has(1));
      const endMs = ann.mine.get(1) ?? 0;
      assert.ok(endMs > Date.now() && endMs <= Date.now() + 2_100);
      await until("he sees it", () => ben.get(1) === true);
      await until("it is free again", () => ben.get(1) === false && ann.get(1) === false && ann.mine.size === 0);
      assert.ok(Date.now() >= endMs - 500, "not before its end");
      await ben.set(1, true);
    });

    test("a lease lasts while its client lives, on any instance, and no longer", async (t) => {
      const [ann, ben] = [await user(t, "room"), await user(t, "room", 1)];
      const { client, board: eve } = await watchBoard(urlOf(0), "room", door.options);
      const eveMs = Date.now();
      await Promise.all([ann.set(1, true), eve.set(2, true)]);
      await until("both are seen", () => ben.get(1) === true && ben.get(2) === true);
      client.close();
      await until("hers has run out, and Ann's has not", () => ben.get(2) === false && ben.get(1) === true);
      assert.ok(Date.now() - eveMs >= 1_500, "not before its end");
      await until("Ann's was renewed", () => Date.now() - eveMs > 3_000);
      assert.equal(ben.get(1), true);
      assert.equal(await outcome(ben.set(1, true)), "TAKEN");
    });

    test("one who is remembered has it after a reload and in another tab; another visitor does not", async (t) => {
      const kept = new Map<string, string>();
      const localStorage = {
        getItem: (key: string) => kept.get(key) ?? null,
        setItem: (key: string, id: string) => void kept.set(key, id),
      };
      Object.defineProperty(globalThis, "localStorage", { value: localStorage, configurable: true });
      t.after(() => Reflect.deleteProperty(globalThis, "localStorage"));
      const first = await watchBoard(urlOf(0), "seats", { ...door.options, remember: true });
      await first.board.set(50, true);
      first.close();
      const again = await user(t, "seats", 1, { remember: true });
      assert.ok(again.mine.has(50), "it is still hers, as soon as her watch is ready");
      kept.clear();
      const other = await user(t, "seats", 1, { remember: true });
      assert.equal(await outcome(other.set(50, false)), "TAKEN");
      await again.set(50, false);
    });
  });
});

describe("claims by other ways in", () => {
  let store: Store;
  let instance: LocalInstance;
  before(async () => {
    const { parseClaims } = await import("../../src/store/claims.js");
    store = await EmbeddedStore.open({
      directory: temporaryFolder({ after }),
      claims: parseClaims(BOARDS.CLAIMS) ?? assert.fail(),
    });
    instance = await startInstance(BOARDS, store);
  });
  after(async () => {
    await instance.stop();
    await store.close();
  });

  test("HTTP and stock clients are told 409 and TAKEN", async (t) => {
    const { board, close } = await watchBoard(instance.url, "main");
    t.after(close);
    await board.set(1, true);
    const put = (cell: number, value: boolean) =>
      fetch(`${instance.url}/boards/main/cells/${cell}`, {
        method: "PUT",
        headers: { "Content-Type": "application/json" },
        body: JSON.stringify({ value }),
      });
    const refused = await put(1, false);
    assert.equal(refused.status, 409);
    assert.equal(((await refused.json()) as { error: { code: string } }).error.code, "TAKEN");
    assert.equal((await put(2, true)).status, 200);
    assert.equal(await outcome(board.set(2, false)), "TAKEN", "it is the address's");
    assert.equal((await put(2, false)).status, 200, "which may give it back");
    const stock = [0, 1].map(() => io(instance.url, { transports: ["websocket"], forceNew: true }));
    t.after(() => stock.map((socket) => socket.disconnect()));
    const [one, other] = stock;
    assert.deepEqual(await one?.emitWithAck("checkbox-update", { index: 3, value: true }), { ok: true });
    const answer = await other?.emitWithAck("checkbox-update", { index: 3, value: false });
    assert.equal(answer.error.code, "TAKEN");
  });

  test("a stock client with a visitor id hears of its cells, even if it states no session", async (t) => {
    const visitor = "abcdefghijklmnopqrstuv";
    const enter = async () => {
      const socket = io(`${instance.url}/boards`, { transports: ["websocket"], forceNew: true, auth: { visitor } });
      t.after(() => socket.disconnect());
      const { handle } = await socket.emitWithAck("open", { board: "main", protocol: 1 });
      return { socket, handle };
    };
    const one = await enter();
    const write = { handle: one.handle, session: "A".repeat(22), seq: 1, changes: [[30, 1]] };
    assert.ok((await one.socket.emitWithAck("write", write)).at, "it is written");
    const other = await enter();
    const heard: unknown[] = [];
    other.socket.on("mine", ({ cells }) => heard.push(...cells));
    await other.socket.emitWithAck("watch", { handle: other.handle, pages: [0] });
    await until("the cell is reported", () => heard.length > 0);
    assert.deepEqual(heard[0], [30, null]);
  });

  test("an instance that disagrees about claims does not start while others run", async (t) => {
    const valkey = await startServer();
    t.after(() => valkey.stop());
    const flags = { BOARDS: "main=100,seats=100", VALKEY_URL: valkey.url };
    const first = await startInstance({ ...flags, CLAIMS: "seats=5m" });
    await assert.rejects(
      startInstance({ ...flags, CLAIMS: "seats" }),
      /in the store, board seats has holds of 300 s, but CLAIMS gives it claims without an end\. Instances are running/,
    );
    await assert.rejects(
      startInstance(flags),
      /in the store, board seats has holds of 300 s, but CLAIMS gives it no claims\./,
    );
    const second = await startInstance({ ...flags, CLAIMS: "seats=300s" });
    await Promise.all([first.stop(), second.stop()]);
    const third = await startInstance({ ...flags, CLAIMS: "main" });
    await third.stop();
  });

  test("holds on a watched page end, though the index of holds was lost", async (t) => {
    const valkey = await startServer();
    t.after(() => valkey.stop());
    const here = await startInstance({ ...BOARDS, VALKEY_URL: valkey.url });
    t.after(() => here.stop());
    const { board, close } = await watchBoard(here.url, "lockers");
    t.after(close);
    await board.set(1, true);
    await until("it is theirs", () => board.mine.has(1));
    await ask(valkey.port, "DEL", new Names().holds);
    await until("it is free again", () => board.get(1) === false && board.mine.size === 0);
  });

  test("a board with a damaged page is removed, and its cells are free if it is added again", async (t) => {
    const valkey = await startServer();
    t.after(() => valkey.stop());
    const here = await startInstance({ ...BOARDS, VALKEY_URL: valkey.url });
    t.after(() => here.stop());
    const first = await watchBoard(here.url, "seats");
    t.after(first.close);
    await first.board.set(1, true);
    await until("it is theirs", () => first.board.mine.has(1));
    const { head, claims } = new Names().page({ board: "seats", page: 0 });
    await ask(valkey.port, "HSET", head, "n", "many");
    await removeBoard(here.instance, "seats");
    assert.equal(await ask(valkey.port, "EXISTS", claims), 0);
    await addBoard(here.instance, "seats", 100);
    const again = await watchBoard(here.url, "seats");
    t.after(again.close);
    assert.equal(again.board.get(1), false);
    assert.equal(await outcome(again.board.set(1, true)), "done");
    await until("it is theirs now", () => again.board.mine.has(1));
  });

  test("a claim is acknowledged once, and is not lost with its instance", async (t) => {
    const valkey = await startServer();
    t.after(() => valkey.stop());
    const flags = { ...BOARDS, VALKEY_URL: valkey.url, HOST: "127.0.0.1", PORT: "0" };
    const [doomed, other] = await Promise.all([spawnInstance(flags), spawnInstance(flags)]);
    t.after(() => other.kill());
    const client = connect([doomed.url, other.url]);
    t.after(() => client.close());
    const board = client.board("seats");
    await board.watch({ start: 0, end: 100 }).ready;
    const settled = Array.from({ length: 50 }, (_, cell) => outcome(board.set(cell, true)));
    await doomed.kill("SIGKILL");
    assert.deepEqual(await Promise.all(settled), Array(50).fill("done"));
    await until("all are theirs", () => board.mine.size === 50);
    const { board: late, close } = await watchBoard(other.url, "seats");
    t.after(close);
    const error: unknown = await late.set(20, true).catch((refusal: unknown) => refusal);
    assert.ok(error instanceof Refusal);
    assert.deepEqual([error.code, error.cells], ["TAKEN", [20]]);
  });
});
