/* The lane inside someone else's app: its guards come first, and what is not ours is left alone. */

import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:http";
import { type TestContext, test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import express from "express";
import session from "express-session";
import { Server } from "socket.io";
import { WebSocket, WebSocketServer } from "ws";
import { connect } from "../../src/client/index.js";
import { attachBoards } from "../../src/server/index.js";
import { watchBoard } from "../support/clients.js";
import { type EmbeddedApp, startApp } from "../support/embedded-app.js";
import { temporaryFolder } from "../support/folder.js";
import { RawLane } from "../support/raw-lane.js";
import { until } from "../support/until.js";

const boards = { main: 64 };

function lane(t: TestContext, url: string, options: ConstructorParameters<typeof RawLane>[1] = {}): RawLane {
  const client = new RawLane(url, options);
  t.after(() => client.close());
  return client;
}

/** Whether the library's client of this app uses the lane. */
async function usesLane(t: TestContext, { url, io }: Pick<EmbeddedApp, "url" | "io">, lanePath?: string) {
  const before = io.of("/boards").sockets.size;
  const client = connect(url, lanePath === undefined ? {} : { lanePath });
  t.after(() => client.close());
  await client.board("main").set(3, true);
  return io.of("/boards").sockets.size === before;
}

test("an upgrade passes the app's `allowRequest` and engine middlewares, whose headers are in the answer", async (t) => {
  const users: unknown[] = [];
  const sessions = session({ secret: "of the test alone", resave: false, saveUninitialized: false });
  const app = await startApp(
    t,
    {
      boards,
      dataDir: temporaryFolder(t),
      authorise: ({ request }) => {
        const known = "session" in request ? (request.session as { user?: string }) : {};
        users.push(known.user);
        return known.user === undefined ? undefined : { subject: known.user, boards: { main: "write" } };
      },
    },
    (http, io) => {
      http.use(sessions);
      io.engine.use(sessions);
      io.engine.use((_: unknown, response: { setHeader(name: string, value: string): void }, next: () => void) => {
        response.setHeader("X-App", "of the app");
        next();
      });
      io.engine.use((request: { headers: Record<string, string> }, _: unknown, next: (error?: Error) => void) => {
        next(request.headers["x-broken"] ? new Error("the app's secret") : undefined);
      });
      io.engine.opts.allowRequest = ({ headers }, decide) => decide(null, headers["x-banned"] === undefined);
      http.get("/login", (request, response) => {
        Object.assign(request.session, { user: "ann" });
        response.send("welcome");
      });
    },
  );
  const [cookie = ""] = (await fetch(`${app.url}/login`)).headers.getSetCookie();
  const ann = lane(t, app.url, { headers: { cookie } });
  assert.equal(await ann.upgraded(), "open");
  assert.equal(ann.headers["x-app"], "of the app");
  assert.equal(ann.headers["x-content-type-options"], "nosniff");
  assert.equal(await ann.hello(), "in");
  const stranger = lane(t, app.url);
  assert.equal(await stranger.upgraded(), "open");
  await stranger.hello();
  assert.deepEqual(users, ["ann", undefined]);
  assert.equal(await lane(t, app.url, { headers: { "x-banned": "1" } }).upgraded(), "403");
  assert.equal(await lane(t, app.url, { headers: { "x-broken": "1" } }).upgraded(), "400");
});

test("a page of another site is refused before the hook is asked", async (t) => {
  let asked = 0;
  const { url } = await startApp(t, {
    boards,
    dataDir: temporaryFolder(t),
    settings: { ORIGINS: "https://shop.example" },
    authorise: () => {
      asked++;
      return { boards: { main: "write" } };
    },
  });
  const from = async (origin: string) => {
    const client = lane(t, url, { headers: { origin } });
    await client.upgraded();
    return client.hello();
  };
  assert.equal(await from("https://evil.example"), "ORIGIN_REFUSED");
  assert.equal(asked, 0);
  assert.deepEqual([await from("https://shop.example"), await from(url)], ["in", "in"]);
});

test("the upgrade is answered before the hook is asked, so a slow hook loses no connection", async (t) => {
  const { url, io } = await startApp(t, {
    boards,
    dataDir: temporaryFolder(t),
    // Engine.IO ends an upgrade without an answer after 1 s.
    authorise: () => pause(1_500, { boards: { main: "write" } } as const),
  });
  assert.ok(await usesLane(t, { url, io }));
});

test("is off if the app has middlewares in /boards, whenever it adds them, unless it asks for it", async (t) => {
  const options = () => ({ boards, dataDir: temporaryFolder(t) });
  const middleware = (io: Server) => io.of("/boards").use((_, next) => next());
  const before = await startApp(t, options(), (_, io) => middleware(io));
  assert.equal(await usesLane(t, before), false);
  const after = await startApp(t, options());
  assert.equal(await usesLane(t, after), true);
  middleware(after.io);
  assert.equal(await usesLane(t, after), false);
  const asked = await startApp(t, { ...options(), lane: true }, (_, io) => middleware(io));
  assert.equal(await usesLane(t, asked), true);
  const moved = await startApp(t, { ...options(), lane: "/live" }, (_, io) => middleware(io));
  assert.equal(await usesLane(t, moved, "/live"), true);
  assert.equal(await usesLane(t, moved), false);
  const off = await startApp(t, { ...options(), lane: false });
  assert.equal(await usesLane(t, off), false);
});

test("upgrades to other paths reach the app's own WebSocket server, as hot reloading needs", async (t) => {
  const { url, io } = await startApp(t, { boards, dataDir: temporaryFolder(t) });
  const own = new WebSocketServer({ noServer: true });
  io.httpServer.on("upgrade", (request, tcp, head) => {
    if (request.url?.startsWith("/hmr") || request.url === "/socketscaler/else")
      own.handleUpgrade(request, tcp, head, (socket) => socket.send("of the app"));
  });
  for (const path of ["/hmr?token=1", "/socketscaler/else"]) {
    const socket = new WebSocket(`${url.replace("http", "ws")}${path}`, "vite-hmr");
    const [said] = await once(socket, "message");
    socket.terminate();
    assert.equal(String(said), "of the app", path);
  }
  assert.ok(await usesLane(t, { url, io }));
});

test("`boards.disconnect` ends a user's connections at both doors, and `online` counts both", async (t) => {
  const app = await startApp(t, {
    boards,
    dataDir: temporaryFolder(t),
    authorise: ({ auth, token }) => ({ subject: String(auth.user ?? token), boards: { main: "write" } }),
  });
  const client = (token: string, lanePath?: false) => {
    const made = connect(app.url, { token: () => token, ...(lanePath === false && { lanePath }) });
    t.after(() => made.close());
    return made;
  };
  const clients = [client("ann"), client("ann", false), client("eve")];
  await Promise.all(clients.map((each) => each.board("main").ready));
  await until("each knows of three", () => clients.every(({ state }) => state.online === 3));
  const lost = clients.map(() => 0);
  for (const [index, each] of clients.entries())
    each.on("state", ({ connected }) => {
      if (!connected) lost[index] = 1;
    });
  assert.equal(app.boards.disconnect("nobody"), 0);
  assert.equal(app.boards.disconnect("ann"), 2);
  await until("both of ann are disconnected", () => lost[0] === 1 && lost[1] === 1);
  await until("both are back", () => clients.every(({ state }) => state.connected));
  assert.equal(lost[2], 0);
});

for (const end of ["close", "drain", "io.close"] as const) {
  test(`${end} ends the connections of the lane, and boards can be attached to a new server after it`, async (t) => {
    const dataDir = temporaryFolder(t);
    const first = await startApp(t, { boards, dataDir, settings: { DRAIN_MS: "100" } });
    const client = lane(t, first.url);
    await client.upgraded();
    assert.equal(await client.hello(), "in");
    const closed = once(client.socket, "close");
    if (end === "io.close") await first.io.close();
    else await first.boards[end]();
    await closed;
    if (end !== "io.close") assert.equal(await lane(t, first.url).upgraded(), "503");
    await first.boards.close();

    const http = createServer().listen(0, "127.0.0.1");
    const io = new Server(http);
    const second = await attachBoards(io, express(), { boards, dataDir });
    t.after(async () => {
      await io.close();
      await second.close();
    });
    const address = http.address();
    assert.ok(address && typeof address === "object");
    const visitor = await watchBoard(`http://127.0.0.1:${address.port}`);
    t.after(visitor.close);
    await visitor.board.set(5, true);
  });
}
