/* The teaching protocol, spoken by a stock Socket.IO client as the teaching project's page speaks it. */

import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { io, type Socket } from "socket.io-client";
import { PAGE_CELLS } from "../../src/board/geometry.js";
import { addBoard, removeBoard, resizeBoard } from "../../src/server/admin/board-admin.js";
import { EmbeddedStore } from "../../src/store/embedded/embedded-store.js";
import { newTag } from "../../src/store/tag.js";
import { watchBoard } from "../support/clients.js";
import { startApp } from "../support/embedded-app.js";
import { temporaryFolder } from "../support/folder.js";
import { heldBytes } from "../support/held-bytes.js";
import { type LocalInstance, startInstance } from "../support/instances.js";
import { Link } from "../support/link.js";
import { until } from "../support/until.js";
import { type ServerProcess, startServer } from "../support/valkey-server.js";

interface Update {
  index: number;
  value: boolean;
}

describe("the teaching protocol", () => {
  let valkey: ServerProcess;
  let instances: LocalInstance[];
  const sockets: Socket[] = [];

  before(async () => {
    valkey = await startServer();
    instances = await Promise.all([1, 2].map(() => startInstance({ VALKEY_URL: valkey.url })));
  });
  after(async () => {
    for (const socket of sockets) socket.disconnect();
    await Promise.all(instances.map((instance) => instance.stop()));
    await valkey.stop();
  });

  async function stockClient(index: number) {
    const socket = io(instances[index]?.url, { forceNew: true });
    sockets.push(socket);
    const updates: Update[] = [];
    socket.on("checkbox-update", (update: Update) => updates.push(update));
    if (!socket.connected) await new Promise<void>((done) => socket.once("connect", done));
    return { socket, updates };
  }

  async function state(index: number): Promise<boolean[]> {
    const response = await fetch(`${instances[index]?.url}/state`);
    const body: { state: boolean[] } = await response.json();
    return body.state;
  }

  test("the client script is served where the teaching page loads it from", async () => {
    const response = await fetch(`${instances[0]?.url}/socket.io/socket.io.js`);
    assert.equal(response.status, 200);
    assert.match(await response.text(), /socket\.io/i);
  });

  test("goes on when the board is resized: with the new boxes, and none beyond", async (t) => {
    const instance = await startInstance({ DATA_DIR: temporaryFolder(t), BOARDS: "main=100" });
    t.after(() => instance.stop());
    const socket = io(instance.url, { forceNew: true });
    t.after(() => socket.disconnect());
    const updates: string[] = [];
    socket.on("checkbox-update", ({ index, value }: Update) => updates.push(`${index} ${value}`));
    const click = (index: number) => socket.timeout(5_000).emitWithAck("checkbox-update", { index, value: true });
    const cells = async () => ((await (await fetch(`${instance.url}/state`)).json()) as { state: boolean[] }).state;
    assert.deepEqual(await click(99), { ok: true });
    await resizeBoard(instance.instance, "main", 240);
    assert.deepEqual(await click(239), { ok: true });
    await until("both are heard", () => updates.includes("99 true") && updates.includes("239 true"));
    assert.deepEqual([(await cells()).length, (await cells())[99], (await cells())[239]], [240, true, true]);
    await resizeBoard(instance.instance, "main", 100);
    assert.equal((await click(239)).error.code, "CELL_OUT_OF_RANGE");
    assert.deepEqual(await click(3), { ok: true });
    await until(
      "the lost one and the next are heard",
      () => updates.includes("239 false") && updates.includes("3 true"),
    );
    assert.equal((await cells()).length, 100);
    await resizeBoard(instance.instance, "main", 200_000);
    assert.equal((await click(5)).error.code, "BOARD_TOO_LARGE");
    await removeBoard(instance.instance, "main");
    assert.equal((await click(5)).error.code, "UNKNOWN_BOARD");
    await addBoard(instance.instance, "main", 50);
    assert.deepEqual(await click(5), { ok: true });
    await until("it is heard", () => updates.includes("5 true"));
  });

  test("GET /state gives every cell", async () => {
    const all = await state(0);
    assert.equal(all.length, 100);
    assert.ok(all.every((value) => value === false));
  });

  test("an update reaches every client of every instance, the sender too, and is in /state", async () => {
    const first = await stockClient(0);
    const second = await stockClient(0);
    const other = await stockClient(1);
    first.socket.emit("checkbox-update", { index: 3, value: true });
    const expected = [{ index: 3, value: true }];
    for (const { updates } of [first, second, other]) {
      await until("the update arrives", () => updates.length > 0);
      assert.deepEqual(updates, expected);
    }
    assert.equal((await state(1))[3], true);
  });

  test("an acknowledgement says ok once committed, or the error", async () => {
    const { socket } = await stockClient(1);
    assert.deepEqual(await socket.emitWithAck("checkbox-update", { index: 4, value: true }), { ok: true });
    assert.equal((await state(0))[4], true);
    const { error } = await socket.emitWithAck("checkbox-update", { index: 100, value: true });
    assert.equal(error.code, "CELL_OUT_OF_RANGE");
    assert.equal(typeof error.message, "string");
  });

  test("a message comes back to everybody on that instance, and to nobody elsewhere", async () => {
    const [here, alsoHere, there] = [await stockClient(0), await stockClient(0), await stockClient(1)];
    const heard: string[] = [];
    for (const [name, { socket }] of Object.entries({ here, alsoHere, there })) {
      socket.on("server-message", (text: string) => heard.push(`${name}: ${text}`));
    }
    await there.socket.emitWithAck("message", "elsewhere");
    here.socket.emit("message", "hello");
    await until("all three messages are heard", () => heard.length === 3);
    assert.deepEqual(heard.sort(), ["alsoHere: hello", "here: hello", "there: elsewhere"]);
  });

  test("teaching clients and clients of /boards see each other's changes", async () => {
    const teaching = await stockClient(0);
    const { board, close } = await watchBoard(instances[1]?.url ?? "");
    await board.set(50, true);
    await until("the teaching client sees it", () => teaching.updates.some(({ index }) => index === 50));
    teaching.socket.emit("checkbox-update", { index: 51, value: true });
    await until("the board sees it", () => board.get(51) === true);
    close();
  });

  test("clicks of one client are committed in their order, however long the app thinks about each", async (t) => {
    const asked: ((verdict: boolean) => void)[] = [];
    const mayWrite = () => new Promise<boolean>((decide) => asked.push(decide));
    const { url, boards } = await startApp(t, {
      boards: { main: 100 },
      dataDir: temporaryFolder(t),
      teaching: true,
      authorise: () => ({ boards: { main: "write" }, mayWrite }),
    });
    const socket = io(url, { forceNew: true });
    sockets.push(socket);
    const click = (index: number, value: boolean) => socket.emitWithAck("checkbox-update", { index, value });
    const answers = [click(5, true), click(6, true), click(5, false)];
    await until("all three are asked about", () => asked.length === 3);
    const [first, second, third] = asked;
    third?.(true);
    second?.(false);
    assert.equal((await answers[1])?.error.code, "FORBIDDEN");
    first?.(true);
    assert.deepEqual([await answers[0], await answers[2]], [{ ok: true }, { ok: true }]);
    const main = boards.board("main");
    assert.deepEqual([await main.get(5), await main.get(6)], [false, false]);
    assert.equal((await boards.instance.store.read({ board: "main", page: 0 })).position.version, 2);
  });

  test("a refused click is put right on the page that shows it already", async () => {
    const limited = await startInstance({ VALKEY_URL: valkey.url, WRITE_BURST: "1", WRITES_PER_SECOND: "1" });
    const socket = io(limited.url, { forceNew: true });
    sockets.push(socket);
    const updates: Update[] = [];
    socket.on("checkbox-update", (update: Update) => updates.push(update));
    await socket.emitWithAck("checkbox-update", { index: 60, value: true });
    socket.emit("checkbox-update", { index: 61, value: true });
    await until("the correction arrives", () => updates.some(({ index, value }) => index === 61 && !value));
    socket.disconnect();
    await limited.stop();
  });

  for (const [size, bufferBytes] of [
    [3_000, 65_536],
    [20_000, 524_288],
  ] as const) {
    test(`a change of all ${size} cells reaches every client over either transport, even one that does not read, and disconnects nobody`, async (t) => {
      const store = await EmbeddedStore.open({ directory: temporaryFolder(t) });
      const instance = await startInstance({ BOARDS: `main=${size}`, CLIENT_BUFFER_BYTES: String(bufferBytes) }, store);
      // The heartbeat would end the client that does not read on a slow machine.
      Object.assign(instance.io.engine, { opts: { ...instance.io.engine.opts, pingInterval: 120_000 } });
      const link = await Link.open([instance.url]);
      const clients = [
        io(instance.url, { forceNew: true, transports: ["websocket"] }),
        io(instance.url, { forceNew: true, transports: ["polling"] }),
        io(instance.url, { forceNew: true }),
        io(link.url, { forceNew: true, transports: ["websocket"] }),
      ];
      t.after(async () => {
        for (const client of clients) client.disconnect();
        link.close();
        await instance.stop();
        await store.close();
      });
      const views = clients.map(() => new Uint8Array(size));
      const lost: string[] = [];
      let most = 0;
      clients.forEach((client, index) => {
        client.on("disconnect", (reason) => lost.push(`${index}: ${reason}`));
        client.on("checkbox-update", ({ index: cell, value }: Update) => {
          const view = views[index];
          if (view) view[cell] = value ? 1 : 0;
        });
      });
      await until("all are connected", () => clients.every(({ connected }) => connected));
      const show = (checked: number, shown: readonly Uint8Array[]) => {
        most = Math.max(most, ...heldBytes(instance.io));
        return shown.every((view) => view.reduce((total, value) => total + value, 0) === checked);
      };
      const setAll = async (byte: 0 | 255) => {
        for (let page = 0; page * PAGE_CELLS < size; page++) {
          await store.replace({ board: "main", page }, newTag(), new Uint8Array(8_192).fill(byte));
        }
      };
      link.slow(0);
      await setAll(255);
      await until("those who read show all checked", () => show(size, views.slice(0, 3)), 60_000);
      await setAll(0);
      link.slow(undefined);
      await until("all show none checked", () => show(0, views), 60_000);
      assert.deepEqual(lost, []);
      assert.ok(most <= bufferBytes, `${most} bytes were held for one client`);
    });
  }

  test("a board too large to send whole is refused, with a pointer to its pages", async (t) => {
    const large = await startInstance({ DATA_DIR: temporaryFolder(t), BOARDS: "main=100001" });
    const response = await fetch(`${large.url}/state`);
    assert.equal(response.status, 413);
    const body: { error: { code: string; message: string } } = await response.json();
    assert.equal(body.error.code, "BOARD_TOO_LARGE");
    assert.match(body.error.message, /\/boards\/main/);
    const socket = io(large.url, { forceNew: true, reconnection: false });
    sockets.push(socket);
    const error = await new Promise<Error>((done) => socket.once("connect_error", done));
    assert.match(JSON.stringify(error), /BOARD_TOO_LARGE/);
    await large.stop();
  });

  test("/state of 100,000 cells is whole", async (t) => {
    const largest = await startInstance({ DATA_DIR: temporaryFolder(t), BOARDS: "main=100000" });
    await fetch(`${largest.url}/boards/main/cells/99999`, {
      method: "PUT",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ value: true }),
    });
    const response = await fetch(`${largest.url}/state`);
    const body: { state: boolean[] } = await response.json();
    assert.equal(body.state.length, 100_000);
    assert.equal(body.state[99_999], true);
    await largest.stop();
  });
});
