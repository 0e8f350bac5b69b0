/* Who may do what: boards that are open, read-only, or need a token; and what becomes of a token that is wrong, or over. */

import assert from "node:assert/strict";
import { generateKeyPairSync } from "node:crypto";
import { once } from "node:events";
import { createServer } from "node:http";
import { after, before, describe, type TestContext, test } from "node:test";
import { exportJWK, exportSPKI, generateKeyPair, SignJWT, UnsecuredJWT } from "jose";
import { io, type Socket } from "socket.io-client";
import { connect } from "../../src/client/index.js";
import { EmbeddedStore } from "../../src/store/embedded/embedded-store.js";
import { temporaryFolder } from "../support/folder.js";
import { type LocalInstance, startInstance } from "../support/instances.js";
import { newSession, RawClient } from "../support/raw-client.js";
import { until } from "../support/until.js";

const SECRET = "a secret of at least thirty-two bytes";
const KEY = new TextEncoder().encode(SECRET);
const BOARDS = { BOARDS: "main=100,seats=240,wall=100", ACCESS: "open,seats=token,wall=read-only" };
const HOUR_S = 3_600;

type Boards = Record<string, string>;

function token(
  boards: unknown,
  claims: Record<string, unknown> = {},
  exp = Date.now() / 1_000 + HOUR_S,
): Promise<string> {
  return new SignJWT({ boards, sub: "ann", ...claims })
    .setProtectedHeader({ alg: "HS256" })
    .setExpirationTime(Math.floor(exp))
    .sign(KEY);
}

async function raw(t: TestContext, url: string, auth?: { token: unknown }): Promise<RawClient> {
  const client = new RawClient(url, ["websocket"], auth ? { auth } : {});
  t.after(() => client.close());
  return client.connected();
}

function onceRefused(socket: Socket): Promise<Error & { data?: { code: string } }> {
  return new Promise((done, fail) => {
    socket.once("connect_error", done);
    socket.once("connect", () => fail(new Error("it was let in")));
  });
}

async function refusedAt(url: string, auth: { token: unknown }, namespace = "/boards"): Promise<string> {
  const socket = io(`${url}${namespace}`, { forceNew: true, reconnection: false, transports: ["websocket"], auth });
  const error = await onceRefused(socket);
  socket.disconnect();
  return error.data?.code ?? error.message;
}

async function codeOf(client: RawClient, board: string, seq = 1): Promise<string> {
  const opened = await client.ask("open", { board, protocol: 1 });
  if (opened.error) return `open ${opened.error.code}`;
  const write = { handle: opened.handle, session: newSession(), seq, changes: [[1, 1]] };
  const answer = await client.ask("write", write);
  return answer.error ? `write ${answer.error.code}` : `${opened.right} written`;
}

describe("access", () => {
  let store: EmbeddedStore;
  let instance: LocalInstance;
  let wallMs = Date.now();
  before(async () => {
    store = await EmbeddedStore.open({ directory: temporaryFolder({ after }) });
    instance = await startInstance({ ...BOARDS, JWT_SECRET: SECRET }, store, { wallClock: () => wallMs });
  });
  after(async () => {
    await instance.stop();
    await store.close();
  });
  const http = async (path: string, method: "GET" | "PUT", bearer?: string) => {
    const headers = { "content-type": "application/json", ...(bearer ? { authorization: `Bearer ${bearer}` } : {}) };
    const body = method === "PUT" ? { body: '{"value":true}' } : {};
    const response = await fetch(`${instance.url}${path}`, { method, headers, ...body });
    const type = response.headers.get("content-type") ?? "";
    const answer: { error?: { code: string } } = type.includes("json") ? await response.json() : {};
    return answer.error ? `${response.status} ${answer.error.code}` : String(response.status);
  };

  for (const [who, boards, expected] of [
    ["nobody", undefined, ["write written", "open UNAUTHORIZED", "write UNAUTHORIZED"]],
    ["a viewer", { "*": "view" }, ["write written", "write FORBIDDEN", "write FORBIDDEN"]],
    ["a writer of seats", { seats: "write" }, ["write written", "write written", "write FORBIDDEN"]],
    [
      "a writer of all but seats",
      { "*": "write", seats: "view" },
      ["write written", "write FORBIDDEN", "write written"],
    ],
    ["an admin", { "*": "admin" }, ["admin written", "admin written", "admin written"]],
  ] as [string, Boards | undefined, string[]][]) {
    test(`${who} may do on an open, a token and a read-only board what the rules say, by socket and by HTTP`, async (t) => {
      const bearer = boards && (await token(boards));
      const client = await raw(t, instance.url, bearer === undefined ? undefined : { token: bearer });
      for (const [index, board] of ["main", "seats", "wall"].entries()) {
        const wanted = expected[index] ?? "";
        assert.equal(await codeOf(client, board), wanted);
        const code = wanted.split(" ")[1] ?? "";
        const status = code === "UNAUTHORIZED" ? "401 UNAUTHORIZED" : code === "FORBIDDEN" ? "403 FORBIDDEN" : "200";
        assert.equal(await http(`/boards/${board}/cells/1`, "PUT", bearer), status);
        const view = wanted === "open UNAUTHORIZED" ? "401 UNAUTHORIZED" : "200";
        assert.equal(await http(`/boards/${board}/pages/0`, "GET", bearer), view);
        assert.equal(await http(`/boards/${board}`, "GET", bearer), view);
      }
    });
  }

  test("a board that a visitor may not view is left out of the list", async () => {
    const names = async (headers: Record<string, string>) => {
      const { boards }: { boards: { name: string }[] } = await (
        await fetch(`${instance.url}/boards`, { headers })
      ).json();
      return boards.map(({ name }) => name);
    };
    assert.deepEqual(await names({}), ["main", "wall"]);
    assert.deepEqual(await names({ authorization: `Bearer ${await token({ seats: "view" })}` }), [
      "main",
      "seats",
      "wall",
    ]);
  });

  test("a page, its history and the overview of a board that one may not view are not given, and a page given for a token is no shared cache's", async (t) => {
    const client = await raw(t, instance.url);
    assert.equal((await client.ask("open", { board: "seats", protocol: 1 })).error.code, "UNAUTHORIZED");
    assert.equal((await client.ask("overview", { handle: 1, watch: true })).error.code, "NOT_OPEN");
    const ask = (path: string, headers: Record<string, string> = {}) =>
      fetch(`${instance.url}/boards/seats/pages/0${path}`, { headers });
    assert.deepEqual([(await ask("")).status, (await ask("/history")).status], [401, 401]);
    const headers = { authorization: `Bearer ${await token({ seats: "view" })}` };
    const page = await ask("", headers);
    assert.deepEqual([page.status, page.headers.get("cache-control")], [200, "private, no-cache"]);
    assert.match(page.headers.get("vary") ?? "", /Authorization.*Accept-Encoding/);
    // Viewed, but not recorded.
    assert.equal((await ask("/history", headers)).status, 404);
  });

  test("a token that is forged, unsigned, without an expiry or without rights lets nobody in where a token is needed", async (t) => {
    const valid = await token({ seats: "admin" });
    const [head = "", body = "", signature = ""] = valid.split(".");
    const claims = { boards: { seats: "admin" } };
    const soon = Math.floor(Date.now() / 1_000) + HOUR_S;
    const other = new TextEncoder().encode("another secret of thirty-two bytes!!");
    const { privateKey } = await generateKeyPair("RS256");
    const bad = {
      "another secret": await new SignJWT(claims)
        .setProtectedHeader({ alg: "HS256" })
        .setExpirationTime(soon)
        .sign(other),
      "alg none": new UnsecuredJWT(claims).setExpirationTime(soon).encode(),
      "alg HS512": await new SignJWT(claims)
        .setProtectedHeader({ alg: "HS512" })
        .setExpirationTime(soon)
        .sign(Buffer.concat([KEY, KEY])),
      "alg RS256": await new SignJWT(claims)
        .setProtectedHeader({ alg: "RS256" })
        .setExpirationTime(soon)
        .sign(privateKey),
      "no signature": `${head}.${body}.`,
      "another body": `${head}.${Buffer.from(JSON.stringify({ ...claims, exp: soon })).toString("base64url")}.${signature}`,
      "no end": await new SignJWT(claims).setProtectedHeader({ alg: "HS256" }).sign(KEY),
      "not yet": await token({ seats: "admin" }, { nbf: soon }),
      "no rights": await token(undefined),
      "rights in a list": await token(["seats"]),
      "an unknown right": await token({ seats: "owner" }),
      "too long": `${valid}${"x".repeat(10_000)}`,
      text: "hello",
    };
    const closed = await startInstance({ BOARDS: "seats=240", ACCESS: "token", JWT_SECRET: SECRET }, store);
    t.after(() => closed.stop());
    for (const [name, each] of Object.entries(bad)) {
      assert.equal(await refusedAt(closed.url, { token: each }), "UNAUTHORIZED", name);
      assert.equal(await http("/boards/seats", "GET", each), "401 UNAUTHORIZED", name);
    }
    assert.equal(await refusedAt(closed.url, { token: 7 }), "UNAUTHORIZED");
    const main = await startInstance({ ACCESS: "token", JWT_SECRET: SECRET }, store);
    t.after(() => main.stop());
    assert.equal(await refusedAt(main.url, { token: bad.text }, "/"), "UNAUTHORIZED");
    const refused = await fetch(`${closed.url}/boards/seats`, { headers: { authorization: "Bearer" } });
    assert.equal(refused.status, 401);
    assert.equal(refused.headers.get("www-authenticate"), "Bearer");
  });

  test("a header that is meant for a proxy in front, or the host app, is not a token: only Bearer is ours", async () => {
    const ask = async (path: string, authorization: string, method = "GET") =>
      (await fetch(`${instance.url}${path}`, { method, headers: { authorization } })).status;
    for (const foreign of [
      "Basic YTpi",
      "basic YTpi",
      'Digest username="ann", realm="x", uri="/", response="y"',
      "Negotiate YII=",
      "NTLM TlRM",
      "AWS4-HMAC-SHA256 Credential=a/b, Signature=c",
      "Bearers x",
      "x",
    ]) {
      assert.equal(await ask("/boards/main", foreign), 200, foreign);
      assert.equal(await ask("/state", foreign), 200, foreign);
      // No token, and so no right.
      assert.equal(await ask("/boards/seats", foreign), 401, foreign);
      assert.equal(await ask("/boards/main/clear", foreign, "POST"), 401, foreign);
      const client = new RawClient(instance.url, ["polling"], { extraHeaders: { authorization: foreign } });
      await client.connected();
      client.close();
    }
    const valid = await token({ seats: "admin" });
    for (const ours of [`Bearer ${valid}`, `bearer   ${valid}`, `BEARER ${valid} `]) {
      assert.equal(await ask("/boards/seats", ours), 200, ours);
    }
    for (const ours of ["Bearer", "bearer ", `Bearer ${valid} ${valid}`, "Bearer x"]) {
      assert.equal(await ask("/boards/seats", ours), 401, ours);
    }
  });

  test("the end of a token ends the right to write, not the view", async (t) => {
    wallMs = Date.now();
    const bearer = await token({ seats: "write" }, {}, wallMs / 1_000 + 60);
    const [early, writer] = await Promise.all([
      raw(t, instance.url, { token: bearer }),
      raw(t, instance.url, { token: await token({ seats: "write" }) }),
    ]);
    await Promise.all([early.open("seats"), writer.open("seats")]);
    await early.watch([0]);
    const session = newSession();
    assert.ok((await early.write(session, 1, [[10, 1]])).at);
    wallMs += 66_000;
    assert.equal((await early.write(session, 2, [[11, 1]])).error.code, "TOKEN_EXPIRED");
    assert.ok((await writer.write(newSession(), 1, [[12, 1]])).at);
    await until("the one whose token is over sees the other's change", () => early.replicas.get(0)?.get(12) === 1);
    assert.equal(early.replicas.get(0)?.get(11), 0);
    assert.equal(await codeOf(await raw(t, instance.url, { token: bearer }), "seats"), "open TOKEN_EXPIRED");
    assert.equal(await http("/boards/seats", "GET", bearer), "401 TOKEN_EXPIRED");
  });

  test("the library asks for a fresh token when one is over, and the change that met it goes through", async (t) => {
    wallMs = Date.now();
    let given = 0;
    const client = connect(instance.url, {
      token: () => {
        given++;
        return token({ seats: "write" }, {}, wallMs / 1_000 + 60);
      },
    });
    t.after(() => client.close());
    const board = client.board("seats");
    await board.watch({ start: 0, end: 240 }).ready;
    await board.set(20, true);
    assert.equal(given, 1);
    wallMs += 66_000;
    await board.set(21, true);
    assert.equal(board.get(21), true);
    assert.ok(given >= 2, `${given}`);
  });

  test("without a fresh token the library keeps the view and says TOKEN_EXPIRED; a token that is wrong ends it", async (t) => {
    wallMs = Date.now();
    const stale = await token({ seats: "write" }, {}, wallMs / 1_000 + 60);
    const client = connect(instance.url, { token: () => stale });
    t.after(() => client.close());
    const board = client.board("seats");
    await board.watch({ start: 0, end: 240 }).ready;
    wallMs += 66_000;
    await assert.rejects(board.set(30, true), { code: "TOKEN_EXPIRED" });
    assert.equal(board.get(30), false);
    assert.equal(client.state.connected, true);
    const wrong = connect(instance.url, { token: async () => "wrong" });
    t.after(() => wrong.close());
    await assert.rejects(wrong.board("seats").ready, { code: "UNAUTHORIZED" });
  });

  for (const [what, code, make] of [
    ["over", "TOKEN_EXPIRED", () => token({ "*": "admin" }, {}, wallMs / 1_000 - 60)],
    ["forged", "UNAUTHORIZED", async () => `${await token({ "*": "admin" })}x`],
    ["without rights", "UNAUTHORIZED", () => token(undefined)],
    ["not one", "UNAUTHORIZED", async () => 7],
  ] as [string, string, () => Promise<unknown>][]) {
    test(`a token that is ${what} takes nothing away: over the library, the protocol and HTTP, its bearer may do what everybody may`, async (t) => {
      wallMs = Date.now();
      const bad = await make();
      const client = await raw(t, instance.url, { token: bad });
      const opened = await client.ask("open", { board: "wall", protocol: 1 });
      assert.deepEqual([opened.right, opened.problem.code], ["view", code]);
      for (const [board, fate, status] of [
        ["main", "write written", "200"],
        ["wall", `write ${code}`, "200"],
        ["seats", `open ${code}`, `401 ${code}`],
      ] as const) {
        assert.equal(await codeOf(client, board), fate);
        if (typeof bad !== "string") continue;
        assert.equal(await http(`/boards/${board}`, "GET", bad), status);
        assert.equal(await http(`/boards/${board}/pages/0`, "GET", bad), status);
        const isWritten = fate.endsWith("written");
        assert.equal(await http(`/boards/${board}/cells/1`, "PUT", bad), isWritten ? "200" : `401 ${code}`);
      }
      const root = io(instance.url, { forceNew: true, reconnection: false, auth: { token: bad } });
      t.after(() => root.disconnect());
      assert.deepEqual(await root.emitWithAck("checkbox-update", { index: 5, value: true }), { ok: true });
      if (typeof bad !== "string") return;

      const shown = connect(instance.url, { token: () => bad });
      t.after(() => shown.close());
      const wall = shown.board("wall");
      await wall.watch({ start: 0, end: 100 }).ready;
      assert.deepEqual([wall.status, wall.right, shown.state.reason?.code], ["live", "view", code]);
      await assert.rejects(wall.set(3, true), { code });
      await shown.board("main").set(3, true);
      assert.equal(wall.get(3), false);
    });
  }
});

describe("access by the teaching protocol", () => {
  test("GET /state and the namespace / of a board that needs a token take one, and a read-only one takes no update", async (t) => {
    const store = await EmbeddedStore.open({ directory: temporaryFolder(t) });
    t.after(() => store.close());
    const closed = await startInstance({ ACCESS: "token", JWT_SECRET: SECRET }, store);
    t.after(() => closed.stop());
    const shown = await startInstance({ ACCESS: "read-only", JWT_SECRET: SECRET }, store);
    t.after(() => shown.stop());
    assert.equal((await fetch(`${closed.url}/state`)).status, 401);
    assert.equal((await fetch(`${shown.url}/state`)).status, 200);
    const bearer = await token({ main: "write" });
    assert.equal((await fetch(`${closed.url}/state`, { headers: { authorization: `Bearer ${bearer}` } })).status, 200);
    const plain = io(closed.url, { forceNew: true, reconnection: false, transports: ["websocket"] });
    const error = await onceRefused(plain);
    assert.equal(error.data?.code, "UNAUTHORIZED");
    const answers = async (auth: { token: string } | undefined, event: string, input: unknown) => {
      const options = { forceNew: true, reconnection: false, transports: ["websocket"], ...(auth ? { auth } : {}) };
      const socket = io(shown.url, options);
      t.after(() => socket.disconnect());
      return socket.timeout(10_000).emitWithAck(event, input);
    };
    for (const [event, input] of [
      ["checkbox-update", { index: 3, value: true }],
      ["message", "hello"],
    ] as const) {
      assert.equal((await answers(undefined, event, input)).error.code, "UNAUTHORIZED");
      assert.deepEqual(await answers({ token: bearer }, event, input), { ok: true });
    }
  });
});

describe("published keys", () => {
  test("a token of one of them is taken; one that uses a public key as a secret, or names no issuer, is not", async (t) => {
    const { publicKey, privateKey } = await generateKeyPair("ES256", { extractable: true });
    let isThere = false;
    const keys = { keys: [{ ...(await exportJWK(publicKey)), alg: "ES256", kid: "one" }] };
    const issuer = createServer((_, response) => {
      response.statusCode = isThere ? 200 : 503;
      response.end(JSON.stringify(keys));
    }).listen(0, "127.0.0.1");
    await once(issuer, "listening");
    t.after(() => issuer.close());
    const address = issuer.address();
    assert.ok(address && typeof address === "object");
    const instance = await startInstance({
      DATA_DIR: temporaryFolder(t),
      ACCESS: "token",
      JWKS_URL: `http://127.0.0.1:${address.port}/keys`,
      JWT_ISSUER: "https://id.example",
      JWT_AUDIENCE: "boards",
    });
    t.after(() => instance.stop());
    const sign = (claims: Record<string, unknown>) =>
      new SignJWT({ boards: { main: "write" }, ...claims })
        .setProtectedHeader({ alg: "ES256", kid: "one" })
        .setExpirationTime("1h")
        .sign(privateKey);
    const right = { iss: "https://id.example", aud: "boards" };
    const good = await sign(right);
    assert.equal(await refusedAt(instance.url, { token: good }), "KEYS_AWAY");
    const open = await startInstance({
      DATA_DIR: temporaryFolder(t),
      ACCESS: "read-only",
      JWKS_URL: `http://127.0.0.1:${address.port}/keys`,
    });
    t.after(() => open.stop());
    assert.equal(await codeOf(await raw(t, open.url, { token: good }), "main"), "write KEYS_AWAY");
    isThere = true;
    assert.equal(await codeOf(await raw(t, instance.url, { token: good }), "main"), "write written");
    const confused = await new SignJWT({ boards: { main: "write" }, ...right })
      .setProtectedHeader({ alg: "HS256", kid: "one" })
      .setExpirationTime("1h")
      .sign(new TextEncoder().encode(await exportSPKI(publicKey)));
    const strange = generateKeyPairSync("ec", { namedCurve: "P-256" }).privateKey;
    const forged = await new SignJWT({ boards: { main: "write" }, ...right })
      .setProtectedHeader({ alg: "ES256", kid: "one" })
      .setExpirationTime("1h")
      .sign(strange);
    const bad = {
      confused,
      forged,
      "no issuer": await sign({ aud: "boards" }),
      "another audience": await sign({ ...right, aud: "x" }),
    };
    for (const [name, each] of Object.entries(bad)) {
      assert.equal(await refusedAt(instance.url, { token: each }), "UNAUTHORIZED", name);
    }
  });
});

describe("the allow-list of origins", () => {
  test("refuses a page of another site over every transport; takes the instance's own pages, listed ones, and programs", async (t) => {
    const instance = await startInstance({ DATA_DIR: temporaryFolder(t), ORIGINS: "https://good.example" });
    t.after(() => instance.stop());
    for (const transport of ["websocket", "polling"] as const) {
      const outcome = async (origin: string | undefined) => {
        const client = new RawClient(instance.url, [transport], origin ? { extraHeaders: { origin } } : {});
        t.after(() => client.close());
        return client.connected().then(
          () => "connected",
          () => "refused",
        );
      };
      assert.equal(await outcome(undefined), "connected");
      assert.equal(await outcome("https://good.example"), "connected");
      assert.equal(await outcome(instance.url), "connected");
      for (const origin of [
        "https://evil.example",
        "https://good.example.evil.example",
        "null",
        "http://good.example",
      ]) {
        assert.equal(await outcome(origin), "refused", origin);
      }
    }
  });
});
