/* How the client library gets to an instance, and what it says while it does not: paths, dead networks, tokens. */

import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer, type Server as HttpServer } from "node:http";
import { after, before, describe, test } from "node:test";
import { SignJWT } from "jose";
import { Server } from "socket.io";
import { io as socketTo } from "socket.io-client";
import { WebSocketServer } from "ws";
import { connect } from "../../src/client/index.js";
import { Refusal } from "../../src/protocol/errors.js";
import { EmbeddedStore } from "../../src/store/embedded/embedded-store.js";
import { clientOn } from "../support/clock-client.js";
import { startApp } from "../support/embedded-app.js";
import { temporaryFolder } from "../support/folder.js";
import { type LocalInstance, startInstance } from "../support/instances.js";
import { TcpProxy } from "../support/tcp-proxy.js";
import { until } from "../support/until.js";
import { freePort } from "../support/valkey-server.js";

const SECRETS = ["a secret of at least thirty-two bytes", "another secret of at least thirty-two"];

describe("connecting", () => {
  let store: EmbeddedStore;
  before(async () => {
    store = await EmbeddedStore.open({ directory: temporaryFolder({ after }) });
  });
  after(() => store.close());

  const transportOf = (instance: LocalInstance) => {
    const socket = [...instance.io.of("/boards").sockets.values()].at(-1);
    return socket?.conn.transport.name;
  };

  for (const [path, urlPath, options] of [
    ["/live", "", { path: "/live" }],
    ["/live/", "/", { path: "live" }],
    ["/tools/board/socket.io", "/tools/board/", {}],
    ["/tools/board/socket.io", "/tools/board", {}],
    ["/tools/live", "/tools?x=1#y", { path: "/live" }],
  ] as const) {
    test(`reaches an Engine.IO at ${path} by "${urlPath}" and ${JSON.stringify(options)}`, async (t) => {
      const { url } = await startApp(t, { boards: { main: 10 }, dataDir: temporaryFolder(t) }, undefined, path);
      const client = connect(`${url}${urlPath}`, options);
      t.after(() => client.close());
      await client.board("main").set(3, true);
    });
  }

  test("says why each attempt failed, and keeps trying; ready waits until the client is closed", async (t) => {
    const port = await freePort();
    const { client, clock } = clientOn(t, `http://127.0.0.1:${port}`);
    const reasons: (string | undefined)[] = [];
    client.on("state", ({ reason }) => reasons.push(reason?.code));
    const { ready } = client.board("main");
    for (let attempt = 1; attempt <= 3; attempt++) {
      await until("an attempt fails", () => reasons.length === attempt);
      assert.equal(client.state.failedAttempts, attempt);
      await clock.pass(50 * 2 ** attempt);
    }
    assert.deepEqual(reasons.slice(0, 3), ["UNREACHABLE", "UNREACHABLE", "UNREACHABLE"]);
    assert.match(client.state.reason?.message ?? "", /^No instance answers at this address\./);
    client.close();
    await assert.rejects(ready, { code: "CLOSED" });
  });

  test("says what was answered if the server has no boards", async (t) => {
    const other: HttpServer = createServer((_, response) => response.writeHead(404).end()).listen(0, "127.0.0.1");
    await once(other, "listening");
    t.after(() => other.close());
    const address = other.address();
    assert.ok(address && typeof address === "object");
    const { client } = clientOn(t, `http://127.0.0.1:${address.port}`);
    await until("an attempt fails", () => client.state.reason !== undefined);
    assert.match(client.state.reason?.message ?? "", /HTTP 404/);
  });

  for (const [what, code, told] of [
    ["no server answers", "UNREACHABLE", /no answer in time/],
    ["the app does not provide a token", "NO_TOKEN", /has not provided a token yet/],
    ["the instance does not answer `hello`", "UNREACHABLE", /connected, but no answer yet/],
  ] as const) {
    test(`says within 5 s that ${what}`, async (t) => {
      const http = createServer();
      const lanes = new WebSocketServer({ noServer: true });
      let [upgrades, heard] = [0, 0];
      http.on("upgrade", (request, tcp, head) => {
        upgrades++;
        if (what === "no server answers") return;
        lanes.handleUpgrade(request, tcp, head, (socket) => socket.once("message", () => heard++));
      });
      http.listen(0, "127.0.0.1");
      await once(http, "listening");
      t.after(() => {
        http.closeAllConnections();
        http.close();
      });
      const address = http.address();
      assert.ok(address && typeof address === "object");
      let asked = 0;
      const token = () => {
        asked++;
        return new Promise<string>(() => undefined);
      };
      const { client, clock } = clientOn(t, `http://127.0.0.1:${address.port}`, code === "NO_TOKEN" ? { token } : {});
      const isAt = {
        "no server answers": () => upgrades === 1,
        "the app does not provide a token": () => asked === 1,
        "the instance does not answer `hello`": () => heard === 1,
      }[what];
      await until("the attempt has come that far", isAt);
      await clock.pass(4_999);
      const reason = () => client.state.reason;
      assert.equal(reason(), undefined);
      await clock.pass(1);
      assert.equal(reason()?.code, code);
      assert.match(reason()?.message ?? "", told);
      assert.equal(client.state.connected, false);
    });
  }

  test("says that no token could be had, and asks for it again", async (t) => {
    const instance = await startInstance({ BOARDS: "main=10" }, store);
    t.after(() => instance.stop());
    let asked = 0;
    const token = () => (++asked > 1 ? "" : Promise.reject(new Error("not signed in")));
    const { client, clock } = clientOn(t, instance.url, { token });
    await until("the attempt fails", () => client.state.reason?.code === "NO_TOKEN");
    await clock.pass(100);
    await client.board("main").ready;
    assert.deepEqual([client.state.reason, client.state.failedAttempts], [undefined, 0]);
  });

  for (const what of ["after the answer", "with the answer"] as const) {
    test(`if WebSockets are swallowed ${what}, the next attempt is by long-polling; later WebSocket is used again`, async (t) => {
      const instance = await startInstance({ BOARDS: "main=10" }, store);
      t.after(() => instance.stop());
      const proxy = await TcpProxy.start(instance.port);
      t.after(() => proxy.close());
      proxy.swallow(what);
      const { client, clock } = clientOn(t, `http://127.0.0.1:${proxy.port}`, { lanePath: false });
      const board = client.board("main");
      const reasons: (string | undefined)[] = [];
      client.on("state", ({ reason }) => reasons.push(reason?.code));
      await until("a WebSocket is swallowed", () => proxy.swallowed === 1);
      await clock.pass(4_000);
      assert.deepEqual(reasons, [], "it may yet come");
      await clock.pass(1_000);
      assert.deepEqual(reasons, ["UNREACHABLE"]);
      await clock.pass(100);
      await board.set(3, true);
      assert.equal(transportOf(instance), "polling");
      await board.watch({ start: 0, end: 10 }).ready;
      proxy.swallow(undefined);
      // The next connection begins with long-polling as well, and then tries whether more gets through.
      for (const since of ["soon", "later"]) {
        client.reconnect();
        await clock.pass(100);
        await board.set(4, true);
        await until(`it is a WebSocket again: ${since}`, () => transportOf(instance) === "websocket");
        await clock.pass(600_000);
        await board.set(5, true);
      }
    });
  }

  test("tries again at once when the browser is online again", async (t) => {
    const port = await freePort();
    let online: () => void = () => undefined;
    const { client, clock } = clientOn(t, `http://127.0.0.1:${port}`, {
      onOnline: (listener) => {
        online = listener;
        return () => undefined;
      },
    });
    let failures = 0;
    client.on("state", () => failures++);
    for (let attempt = 1; attempt <= 5; attempt++) {
      await until("an attempt fails", () => failures === attempt);
      if (attempt < 5) await clock.pass(50 * 2 ** attempt);
    }
    const instance = await startInstance({ BOARDS: "main=10", PORT: String(port) }, store);
    t.after(() => instance.stop());
    let upgrades = 0;
    instance.io.httpServer.on("upgrade", () => upgrades++);
    const before = clock.now();
    online();
    online();
    await client.board("main").ready;
    assert.equal(clock.now(), before, "no time passed");
    assert.equal(upgrades, 1);
  });

  for (const [code, says] of [
    ["TOO_MANY_CONNECTIONS", "when it refuses the connection"],
    ["GOING_AWAY", "when it says goodbye"],
  ] as const) {
    test(`waits as long as the server asked ${says}, also if the browser's network is there again`, async (t) => {
      const port = await freePort();
      const url = `http://127.0.0.1:${port}`;
      const io = new Server(port);
      t.after(() => io.close());
      const error = new Refusal(code, { retryAfterMs: 60_000 }).toBody();
      const boards = io.of("/boards");
      let attempts = 0;
      boards.use((_, next) => {
        attempts++;
        next(code === "GOING_AWAY" ? undefined : Object.assign(new Error(code), { data: error }));
      });
      boards.on("connection", (socket) => {
        socket.emit("notice", { kind: "goodbye", error });
        socket.disconnect(true);
      });
      /** Another connection gets through: an attempt that had begun before it would have been seen. */
      const visit = async () => {
        const visitor = socketTo(url, { forceNew: true, transports: ["websocket"] });
        await once(visitor as never, "connect");
        visitor.close();
      };
      let online: () => void = () => undefined;
      const { client, clock } = clientOn(t, url, {
        onOnline: (listener) => {
          online = listener;
          return () => undefined;
        },
      });
      await until("it is told to wait", () => client.state.reason?.code === code);
      online();
      await visit();
      await clock.pass(59_999);
      online();
      await visit();
      assert.equal(attempts, 1);
      await clock.pass(1);
      await until("it comes again", () => attempts === 2);
    });
  }

  test("listens for a browser's `online` until it is closed", (t) => {
    const browser = new EventTarget();
    const counted = { online: 0 };
    const stub = {
      addEventListener: (...args: Parameters<EventTarget["addEventListener"]>) => {
        counted.online++;
        browser.addEventListener(...args);
      },
      removeEventListener: (...args: Parameters<EventTarget["removeEventListener"]>) => {
        counted.online--;
        browser.removeEventListener(...args);
      },
    };
    Object.assign(globalThis, stub);
    t.after(() => {
      for (const name of Object.keys(stub)) Reflect.deleteProperty(globalThis, name);
    });
    const client = connect("http://127.0.0.1:1");
    assert.equal(counted.online, 1);
    browser.dispatchEvent(new Event("online"));
    client.close();
    assert.equal(counted.online, 0);
  });

  test("a token that is not accepted on a reconnect is followed by a fresh one, slowly, until the client is closed", async (t) => {
    const port = await freePort();
    const flags = { BOARDS: "main=10", ACCESS: "token", PORT: String(port) };
    const sign = (secret: string | undefined) =>
      new SignJWT({ boards: { main: "write" } })
        .setProtectedHeader({ alg: "HS256" })
        .setExpirationTime("1h")
        .sign(new TextEncoder().encode(secret));
    let instance = await startInstance({ ...flags, JWT_SECRET: SECRETS[0] }, store);
    t.after(() => instance.stop());
    let key = SECRETS[0];
    let asked = 0;
    const { client, clock } = clientOn(t, instance.url, {
      token: () => {
        asked++;
        return sign(key);
      },
    });
    const board = client.board("main");
    await board.ready;
    await instance.stop();
    instance = await startInstance({ ...flags, JWT_SECRET: SECRETS[1] }, store);
    let refusals = 0;
    client.on("state", ({ reason }) => {
      if (reason?.code === "UNAUTHORIZED") refusals++;
    });
    await until("the client notices", () => !client.state.connected);
    await clock.pass(100);
    for (let attempt = 1; attempt <= 3; attempt++) {
      await until("the token is refused", () => refusals === attempt);
      assert.equal(client.state.reason?.code, "UNAUTHORIZED");
      const before = asked;
      await clock.pass(9_900);
      assert.equal(asked, before, "the pace is slow");
      if (attempt === 3) key = SECRETS[1];
      await clock.pass(100);
    }
    await board.set(3, true);
    assert.equal(client.state.reason, undefined);
  });
});
