/* What a client of the library can do, through either door. */

import assert from "node:assert/strict";
import { after, before, describe, type TestContext, test } from "node:test";
import { generateKeyPair, SignJWT } from "jose";
import { type Client, type ConnectOptions, connect } from "../../src/client/index.js";
import type { AttachBoardsOptions } from "../../src/server/index.js";
import { EmbeddedStore } from "../../src/store/embedded/embedded-store.js";
import { type Store, StoreAway } from "../../src/store/store.js";
import { bitsOf, untilAllShow, watchBoard } from "../support/clients.js";
import { forEachDoor } from "../support/doors.js";
import { startApp } from "../support/embedded-app.js";
import { FaultyStore } from "../support/faulty-store.js";
import { temporaryFolder } from "../support/folder.js";
import { startInstance } from "../support/instances.js";
import { outcome } from "../support/outcome.js";
import { startPathProxy } from "../support/path-proxy.js";
import { TcpProxy } from "../support/tcp-proxy.js";
import { until } from "../support/until.js";

const SECRET = "a secret of at least thirty-two bytes";

function token(right: string, seconds = 3_600): Promise<string> {
  return new SignJWT({ boards: { main: right } })
    .setProtectedHeader({ alg: "HS256" })
    .setExpirationTime(Math.floor(Date.now() / 1_000) + seconds)
    .sign(new TextEncoder().encode(SECRET));
}

forEachDoor((door) => {
  describe(`through ${door.name}`, () => {
    let store: EmbeddedStore;
    let boards = 0;
    before(async () => {
      store = await EmbeddedStore.open({ directory: temporaryFolder({ after }) });
    });
    after(() => store.close());

    async function instanceWith(
      t: TestContext,
      flags: Record<string, string> = {},
      own: Store = store,
      others: Parameters<typeof startInstance>[2] = {},
    ) {
      const instance = await startInstance({ BOARDS: "main=1000", ...flags }, own, others);
      t.after(() => instance.stop());
      return instance;
    }

    function clientOf(t: TestContext, url: string, options: ConnectOptions = {}): Client {
      const client = connect(url, { ...door.options, ...options });
      t.after(() => client.close());
      return client;
    }

    async function watching(t: TestContext, url: string | readonly string[], name = "main") {
      const made = await watchBoard(url, name, door.options);
      t.after(made.close);
      return made;
    }

    test("clients join, write, see each other's changes, and know how many they are", async (t) => {
      const name = `board${boards++}`;
      const { url, io } = await instanceWith(t, { BOARDS: `${name}=70000` });
      const clients = await Promise.all([1, 2, 3].map(() => watching(t, url, name)));
      assert.equal(io.of("/boards").sockets.size, door.name === "Socket.IO" ? 3 : 0);
      await Promise.all(clients.map(({ board }, index) => board.set(index * 30_000, true)));
      await until("all see all", () =>
        clients.every(({ board }) => board.checked === 3 && board.get(0) && board.get(60_000)),
      );
      await until("each knows of three", () => clients.every(({ client }) => client.state.online === 3));
      const outside = outcome(clients[0]?.board.set(70_000, true) ?? Promise.resolve());
      assert.equal(await outside, "CELL_OUT_OF_RANGE");
      const overview = clients[0]?.board.watchOverview();
      await overview?.ready;
      assert.equal(
        await outcome(
          clientOf(t, url)
            .board("nowhere")
            .ready.then(() => undefined),
        ),
        "UNKNOWN_BOARD",
      );
    });

    test("tokens give rights, may be fetched late, and are renewed when they expire", async (t) => {
      let laterMs = 0;
      const wallClock = () => Date.now() + laterMs;
      const instance = await instanceWith(t, { ACCESS: "token", JWT_SECRET: SECRET }, store, { wallClock });
      const viewer = clientOf(t, instance.url, { token: () => token("view") }).board("main");
      await viewer.ready;
      assert.equal(await outcome(viewer.set(1, true)), "FORBIDDEN");
      let seconds = 60;
      const board = clientOf(t, instance.url, { token: () => token("write", seconds) }).board("main");
      await board.set(2, true);
      laterMs = 600_000;
      seconds = 3_600;
      await board.set(2, false);
      const stranger = clientOf(t, instance.url, { token: async () => "nonsense" });
      const codes: (string | undefined)[] = [];
      stranger.on("state", ({ reason }) => codes.push(reason?.code));
      await assert.rejects(stranger.board("main").ready, { code: "UNAUTHORIZED" });
      assert.deepEqual([...new Set(codes)], ["UNAUTHORIZED"]);
    });

    test("a token whose keys are unavailable is no reason to give up", async (t) => {
      const instance = await instanceWith(t, { ACCESS: "read-only", JWKS_URL: "http://127.0.0.1:1/keys" });
      const { privateKey } = await generateKeyPair("ES256");
      const signed = () =>
        new SignJWT({ boards: { main: "write" } })
          .setProtectedHeader({ alg: "ES256", kid: "any" })
          .setExpirationTime("1h")
          .sign(privateKey);
      const client = clientOf(t, instance.url, { token: signed });
      const board = client.board("main");
      const delayed = new Promise<string>((done) => board.on("delayed", ({ code }) => done(code)));
      await board.ready;
      assert.equal(board.right, "view");
      void outcome(board.set(1, true)).then((code) => t.diagnostic(code));
      assert.equal(await delayed, "KEYS_AWAY");
      client.close();
    });

    test("a hook of the app decides about each write, and a frozen cell is refused", async (t) => {
      const name = `board${boards++}`;
      const authorise: AttachBoardsOptions["authorise"] = () => ({
        boards: { [name]: "admin" },
        mayWrite: ({ changes }) => ({ refused: changes.flatMap(({ cell }) => (cell === 13 ? cell : [])) }),
      });
      const app = await startApp(t, { boards: { [name]: 64 }, dataDir: temporaryFolder(t), authorise });
      const client = clientOf(t, app.url);
      const board = client.board(name);
      await board.watch({ start: 0, end: 64 }).ready;
      const fates = Promise.all([12, 13, 14].map((cell) => outcome(board.set(cell, true))));
      assert.deepEqual(await fates, ["done", "FORBIDDEN", "done"]);
      const freeze = { method: "POST", body: '{"start":0,"end":10}', headers: { "content-type": "application/json" } };
      assert.equal((await fetch(`${app.url}/boards/${name}/freeze`, freeze)).status, 200);
      await until("the board shows it", () => board.isFrozen(3));
      assert.equal(await outcome(board.set(3, true)), "FROZEN");
      client.close();
    });

    test("clicks that are too fast wait for their turn and lose nothing", async (t) => {
      const { url } = await instanceWith(t, { WRITES_PER_SECOND: "200", WRITE_BURST: "20" });
      const { board } = await watching(t, url);
      await Promise.all(Array.from({ length: 60 }, (_, cell) => board.set(cell, true)));
      assert.equal(bitsOf(board).slice(0, 60), "1".repeat(60));
    });

    test("a client that was away catches up on what it missed", async (t) => {
      const { port, url } = await instanceWith(t);
      const proxy = await TcpProxy.start(port);
      t.after(() => proxy.close());
      const away = await watching(t, `http://127.0.0.1:${proxy.port}`);
      const other = await watching(t, url);
      proxy.refuse();
      await until("it is away", () => !away.client.state.connected);
      const own = away.board.set(999, true);
      for (let cell = 100; cell < 120; cell++) await other.board.set(cell, true);
      proxy.heal();
      await own;
      await untilAllShow([away.board, other.board], `${bitsOf(other.board).slice(0, 999)}1`);
    });

    test("a write waits while the store is unavailable, and clients are told so", async (t) => {
      const faulty = new FaultyStore(store);
      const commit = faulty.commit.bind(faulty);
      let isAway = true;
      faulty.commit = (...args) => (isAway ? Promise.reject(new StoreAway("away", { sent: false })) : commit(...args));
      const { url } = await instanceWith(t, { WRITE_WAIT_MS: "100" }, faulty);
      const { board } = await watching(t, url);
      const delayed = new Promise<void>((done) => board.on("delayed", ({ code }) => code === "STORE_AWAY" && done()));
      const written = board.set(500, true);
      await delayed;
      isAway = false;
      await written;
    });

    test("an instance that drains moves its clients to the other, and no acknowledged write is lost", async (t) => {
      const [leaving, staying] = [await instanceWith(t, { DRAIN_MS: "100" }), await instanceWith(t)];
      const { client, board } = await watching(t, [leaving.url, staying.url]);
      let isMoved = false;
      const writes = (async () => {
        for (let cell = 600; !isMoved && cell < 900; cell++) await board.set(cell, true);
      })();
      const drained = leaving.drain();
      await until("it has moved", () => client.state.url === staying.url && client.state.connected);
      isMoved = true;
      await Promise.all([writes, drained]);
      const shown = bitsOf(board);
      const truth = await watching(t, staying.url);
      assert.equal(bitsOf(truth.board), shown);
    });

    test("an instance is served below a path", async (t) => {
      const instance = await instanceWith(t, { BASE_PATH: "/tools/board" });
      for (const isTakenOff of [true, false]) {
        const site = await startPathProxy(t, instance.url, "/tools/board", isTakenOff);
        const client = clientOf(t, site.url);
        await client.board("main").set(1, isTakenOff);
        assert.deepEqual(site.elsewhere, []);
        client.close();
      }
    });
  });
});
