/* What attachBoards takes, and what of someone else's app it leaves alone. */

import assert from "node:assert/strict";
import { once } from "node:events";
import { Agent, createServer, type IncomingMessage, request } from "node:http";
import { hostname } from "node:os";
import { describe, type TestContext, test } from "node:test";
import express from "express";
import { Server, type ServerOptions } from "socket.io";
import { type AttachBoardsOptions, attachBoards, BadOption, OPTIONS } from "../../src/server/index.js";
import { EmbeddedStore } from "../../src/store/embedded/embedded-store.js";
import { type EmbeddedApp, startApp } from "../support/embedded-app.js";
import { temporaryFolder } from "../support/folder.js";
import { RawClient } from "../support/raw-client.js";

describe("attachBoards", () => {
  const boards = { main: 64 };

  /** Attached, or why not. */
  async function attempt(
    t: { after(end: () => unknown): unknown },
    options: Partial<AttachBoardsOptions>,
    others: Partial<ServerOptions> = {},
  ): Promise<string> {
    const io = new Server(createServer(), others);
    const dataDir = temporaryFolder(t);
    try {
      const attached = await attachBoards(io, express(), { boards, dataDir, ...options });
      await attached.close();
      return "attached";
    } catch (error) {
      assert.ok(error instanceof BadOption, String(error));
      return error.message;
    } finally {
      await io.close();
    }
  }

  test("refuses settings that have a field of their own, mean nothing in an app or are unknown, and says what to use", async (t) => {
    const secret = "a secret of more than thirty-two bytes";
    const fates = {
      JWT_SECRET: await attempt(t, { settings: { JWT_SECRET: secret } }),
      VALKEY_URL: await attempt(t, { settings: { VALKEY_URL: "valkey://127.0.0.1:1" } }),
      ACCESS: await attempt(t, { access: "token", jwtSecret: secret, settings: { ACCESS: "token" } }),
      METRICS_PORT: await attempt(t, { settings: { METRICS_PORT: "0" } }),
      DRIAN_MS: await attempt(t, { settings: { DRIAN_MS: "100" } }),
      PATH: await attempt(t, { settings: { PATH: "/bin" } }),
    };
    assert.deepEqual(fates, {
      JWT_SECRET: "settings has JWT_SECRET: use the field `jwtSecret`",
      VALKEY_URL: "settings has VALKEY_URL: use the field `valkeyUrl`",
      ACCESS: "settings has ACCESS: use the field `access`",
      METRICS_PORT:
        "settings has METRICS_PORT: use your own middleware in front of /metrics and /cluster, which are routes of your app",
      DRIAN_MS: "unknown option DRIAN_MS in settings: check its spelling",
      PATH: "unknown option PATH in settings: check its spelling",
    });
    assert.equal(await attempt(t, { settings: { DRAIN_MS: "0", ACCESS: undefined } }), "attached");
  });

  test("names options as its fields do, in what it says of them", async (t) => {
    const wrong = (options: object) => attempt(t, options);
    assert.match(await wrong({ access: "opne" }), /^access is "opne": expected /);
    assert.match(await wrong({ boards: { "a b": 5 } }), /^boards is "a b=5": expected /);
    assert.match(await wrong({ lane: "no path" }), /^lane is "no path": expected /);
    assert.match(await wrong({ settings: { DRAIN_MS: "soon" } }), /^settings\.DRAIN_MS is "soon": expected /);
    assert.match(await wrong({ history: "other=1h" }), /^history names the board "other", which is not in boards: /);
    assert.match(await wrong({ access: "token" }), /^access requires a token .*: set jwtSecret or jwksUrl$/);
    const replicated = attachBoards(new Server(createServer()), express(), {
      boards,
      dataDir: temporaryFolder(t),
      durability: "replicated",
    });
    await assert.rejects(replicated, /set valkeyUrl, or durability to applied or fsynced$/);
  });

  test("takes no value that the compiler knows to be wrong", () => {
    const all: AttachBoardsOptions[] = [
      { boards, access: "open", durability: "replicated:2", history: "30m" },
      { boards, access: "token,main=open", durability: "applied,main=fsynced", history: "off,main=1h" },
      { boards, access: "main=read-only,token", lane: false },
      // @ts-expect-error A typing mistake.
      { boards, access: "opne" },
      // @ts-expect-error The same, for one board.
      { boards, access: "token,main=opne" },
      // @ts-expect-error There is no such level.
      { boards, durability: "synced" },
      // @ts-expect-error There is no such unit.
      { boards, history: "1y" },
      // @ts-expect-error A size is a number.
      { boards: { main: "64" } },
      // @ts-expect-error There is no such option.
      { boards, acess: "open" },
    ];
    assert.equal(all.length, 9);
  });

  test("drops no option that it takes: each is a field, a setting, or refused", async (t) => {
    const taken = [];
    for (const { env, fallback } of Object.values(OPTIONS)) {
      const fate = await attempt(t, { settings: { [env]: fallback ?? "x" } });
      if (fate === "attached") taken.push(env);
      else
        assert.match(
          fate,
          new RegExp(
            `^settings has ${env}: use |^settings\\.(SENTINEL_USERNAME|VALKEY_CERT|VALKEY_KEY) is set|^settings\\.RELAY_SECRET is not usable`,
          ),
        );
    }
    assert.deepEqual(taken, [
      "INSTANCE_NAME",
      "VALKEY_NAT_MAP",
      "KEY_PREFIX",
      "SENTINEL_PASSWORD",
      "DURABILITY_WAIT_MS",
      "HISTORY_DELTAS",
      "WRITES_PER_SECOND",
      "WRITE_BURST",
      "TRUSTED_CACHES",
      "CONNECTIONS_PER_ADDRESS",
      "CONNECTS_PER_SECOND",
      "HTTP_PER_MINUTE",
      "WATCHED_PAGES",
      "CLIENT_BUFFER_BYTES",
      "FLUSH_MS",
      "FLUSH_UNSEEN_MS",
      "WRITE_WAIT_MS",
      "DRAIN_MS",
      "ORIGINS",
    ]);
  });

  test("refuses an io whose sockets come back past the middlewares, and takes one whose do not", async (t) => {
    const authorise = () => undefined;
    assert.match(
      await attempt(t, { authorise }, { connectionStateRecovery: {} }),
      /set its skipMiddlewares option to false$/,
    );
    const asking = { connectionStateRecovery: { skipMiddlewares: false } };
    assert.equal(await attempt(t, { authorise }, asking), "attached");
  });

  /** What is wrong, at the call. */
  async function mistake(t: TestContext, io: Server, app = express()): Promise<string> {
    const wrong = await attachBoards(io, app, { boards, dataDir: temporaryFolder(t) }).then(
      () => "attached",
      (error: unknown) => error,
    );
    assert.ok(wrong instanceof BadOption, String(wrong));
    return wrong.message;
  }

  test("says at the call that the Socket.IO server has no HTTP server yet, and takes it when it has", async (t) => {
    const io = new Server();
    assert.match(await mistake(t, io), /no HTTP server yet: .*`io.attach\(http\)`, before attachBoards$/);
    io.attach(createServer());
    const attached = await attachBoards(io, express(), { boards, dataDir: temporaryFolder(t) });
    await io.close();
    await attached.close();
  });

  test("says at the call that the Socket.IO server is closed, or has boards already", async (t) => {
    const http = createServer().listen(0, "127.0.0.1");
    await once(http, "listening");
    const closed = new Server(http);
    await closed.close();
    assert.match(await mistake(t, closed), /is closed: create a new one/);
    const unheard = new Server(createServer());
    await unheard.close();
    assert.match(await mistake(t, unheard), /is closed: create a new one/);

    const { io, boards: attached } = await startApp(t, { boards, dataDir: temporaryFolder(t) });
    assert.match(await mistake(t, io), /already has boards: call attachBoards once/);
    await attached.close();
    assert.match(await mistake(t, io), /already has boards/);
    const twice = new Server(createServer());
    const both = await Promise.allSettled(
      [1, 2].map(() => attachBoards(twice, express(), { boards, dataDir: temporaryFolder(t) })),
    );
    assert.deepEqual(
      both.map(({ status }) => status),
      ["fulfilled", "rejected"],
    );
    for (const one of both) if (one.status === "fulfilled") await one.value.close();
    await twice.close();
  });

  test("may be tried again after a store that could not be had", async (t) => {
    const io = new Server(createServer());
    const dataDir = temporaryFolder(t);
    const held = await EmbeddedStore.open({ directory: dataDir });
    await assert.rejects(attachBoards(io, express(), { boards, dataDir }), /in use/);
    await held.close();
    const attached = await attachBoards(io, express(), { boards, dataDir });
    await io.close();
    await attached.close();
  });

  test("says at the call that the app answers long-polling beside Socket.IO, before attachBoards and after it", async (t) => {
    const http = createServer();
    const app = express();
    const io = new Server(http);
    http.on("request", app);
    assert.match(
      await mistake(t, io, app),
      /both answer long-polling. Create the HTTP server with `createServer\(app\)`/,
    );
    http.removeListener("request", app);
    http.on("request", () => undefined);
    const attached = await attachBoards(io, app, { boards, dataDir: temporaryFolder(t) });
    assert.throws(() => http.on("request", app), /both answer long-polling/);
    await io.close();
    await attached.close();
  });

  test("leaves long-polling to Socket.IO where the app is called beside it in another way, and logs that once", async (t) => {
    const { url, logged } = await startApp(t, { boards, dataDir: temporaryFolder(t) }, (app, io) => {
      io.httpServer.on("request", (request, response) => {
        if (request.url?.startsWith("/socket.io/")) app(request, response);
      });
    });
    for (let count = 0; count < 2; count++) {
      const client = new RawClient(url, ["polling"]);
      t.after(() => client.close());
      await client.open("main");
    }
    assert.deepEqual(
      logged.map(({ msg }) => /both answer long-polling/.test(msg)),
      [true],
    );
  });

  test("lets the Socket.IO server end although a client goes on polling over a connection that is kept open", async (t) => {
    const { io, url } = await startApp(t, { boards, dataDir: temporaryFolder(t) });
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    t.after(() => agent.destroy());
    const poll = async (sid = "") => {
      const asked = request(`${url}/socket.io/?EIO=4&transport=polling${sid}`, { agent }).end();
      const [response] = (await once(asked, "response")) as [IncomingMessage];
      const chunks = await response.toArray();
      return { isKept: response.headers.connection !== "close", body: Buffer.concat(chunks).toString() };
    };
    const opened = await poll();
    assert.ok(opened.isKept);
    const arrived = once(io.httpServer, "request");
    const waiting = poll(`&sid=${JSON.parse(opened.body.slice(1)).sid}`);
    await arrived;
    const ended = io.close();
    await waiting;
    assert.equal((await poll()).isKept, false);
    await ended;
  });

  test("is named after the port that it listens on, or as the option says", async (t) => {
    const one = await startApp(t, { boards, dataDir: temporaryFolder(t) });
    const two = await startApp(t, { boards, dataDir: temporaryFolder(t) });
    const named = await startApp(t, { boards, dataDir: temporaryFolder(t), settings: { INSTANCE_NAME: "shop" } });
    const nameOf = async ({ url }: EmbeddedApp) => {
      const { instance }: { instance: string } = JSON.parse(await (await fetch(`${url}/health`)).text());
      return instance;
    };
    assert.equal(await nameOf(one), `${hostname()}:${new URL(one.url).port}`);
    assert.equal(await nameOf(two), `${hostname()}:${new URL(two.url).port}`);
    assert.equal(await nameOf(named), "shop");
    const cluster = await (await fetch(`${one.url}/cluster`)).json();
    assert.deepEqual(
      cluster.instances.map(({ name }: { name: string }) => name),
      [`${hostname()}:${new URL(one.url).port}`],
    );
    const io = new Server(createServer());
    const silent = await attachBoards(io, express(), { boards, dataDir: temporaryFolder(t) });
    assert.equal(silent.instance.name, hostname());
    await io.close();
    await silent.close();
  });

  test("leaves the app's own /state alone where it does not teach", async (t) => {
    let asked = 0;
    const { url, app } = await startApp(t, {
      boards,
      dataDir: temporaryFolder(t),
      settings: { HTTP_PER_MINUTE: "1" },
      authorise: () => {
        asked++;
        return undefined;
      },
    });
    app.get("/state", (_, response) => void response.send("of the app"));
    for (let count = 0; count < 3; count++) {
      const response = await fetch(`${url}/state`);
      assert.equal(await response.text(), "of the app");
      assert.equal(response.headers.get("ratelimit"), null);
    }
    assert.equal(asked, 0);
    assert.equal((await fetch(`${url}/boards`)).status, 200);
    assert.equal(asked, 1);
  });
});
