/* Boards in someone else's app, whose hooks say who may do what. */

import assert from "node:assert/strict";
import { after, before, describe, type TestContext, test } from "node:test";
import session from "express-session";
import { connect } from "../../src/client/index.js";
import { type Permit, Refusal } from "../../src/server/index.js";
import { startApp } from "../support/embedded-app.js";
import { outcome } from "../support/outcome.js";
import { newSession, RawClient } from "../support/raw-client.js";
import { until } from "../support/until.js";
import { type ServerProcess, startServer } from "../support/valkey-server.js";

declare module "express-session" {
  interface SessionData {
    user: string;
  }
}

let valkey: ServerProcess;
before(async () => {
  valkey = await startServer();
});
after(() => valkey.stop());

let boardsMade = 0;
/** A board that no other test has. */
const newBoard = () => `board${boardsMade++}`;

type Others = ConstructorParameters<typeof RawClient>[2];

async function raw(t: TestContext, url: string, others: Others = {}): Promise<RawClient> {
  const client = new RawClient(url, ["websocket"], others);
  t.after(() => client.close());
  return client.connected();
}

const refusedWith = (client: Promise<unknown>) =>
  client.then(
    () => "let in",
    (error: Error & { data?: { code: string } }) => error.data?.code ?? error.message,
  );

/** What becomes of opening the board and writing `cell`. */
async function fateOf(client: RawClient, board: string, cell = 1): Promise<string> {
  const opened = await client.ask("open", { board, protocol: 1 });
  if (opened.error) return `open ${opened.error.code}`;
  const write = { handle: opened.handle, session: newSession(), seq: 1, changes: [[cell, 1]] };
  const answer = await client.ask("write", write);
  return answer.error ? `${opened.right} ${answer.error.code}` : `${opened.right} written`;
}

describe("the hook `authorise`", () => {
  test("decides by cookie, header, auth or token what each socket and each HTTP request may do, and nobody may do more", async (t) => {
    const board = newBoard();
    const permits: Record<string, Permit> = {
      ann: { subject: "ann", boards: { [board]: "write" } },
      eve: { subject: "eve", boards: { "*": "view" } },
    };
    const { url, io } = await startApp(t, {
      boards: { [board]: 64 },
      valkeyUrl: valkey.url,
      authorise: async ({ cookies, request, auth, token }) =>
        permits[cookies.user ?? String(request.headers["x-user"] ?? auth.user ?? token)],
    });
    const cookie = (user: string) => ({ extraHeaders: { cookie: `theme=dark; user=${user}` } });
    assert.equal(await fateOf(await raw(t, url, cookie("ann")), board), "write written");
    assert.equal(await fateOf(await raw(t, url, { extraHeaders: { "x-user": "ann" } }), board), "write written");
    assert.equal(await fateOf(await raw(t, url, { auth: { user: "ann" } }), board), "write written");
    assert.equal(await fateOf(await raw(t, url, { auth: { token: "eve" } }), board), "view FORBIDDEN");
    assert.equal(await fateOf(await raw(t, url), board), "open FORBIDDEN");
    const subjects = (await io.of("/boards").fetchSockets()).map(({ data }) => String(data.subject));
    assert.deepEqual(subjects.sort(), ["ann", "ann", "ann", "eve", "undefined"]);

    const put = async (headers: Record<string, string>) => {
      const init = {
        method: "PUT",
        body: '{"value":true}',
        headers: { "content-type": "application/json", ...headers },
      };
      return (await fetch(`${url}/boards/${board}/cells/3`, init)).status;
    };
    assert.equal(await put({ cookie: "user=ann" }), 200);
    assert.equal(await put({ authorization: "Bearer ann" }), 200);
    assert.equal(await put({ cookie: "user=eve" }), 403);
    assert.equal(await put({}), 403);
    assert.equal((await fetch(`${url}/boards/${board}`)).status, 403);
  });

  test("sees the Express session, in sockets and over HTTP", async (t) => {
    const board = newBoard();
    const sessions = session({ secret: "of the test alone", resave: false, saveUninitialized: false });
    const options = {
      boards: { [board]: 64 },
      valkeyUrl: valkey.url,
      authorise: ({ request }: { request: object }): Permit | undefined => {
        const known = "session" in request ? (request.session as session.SessionData) : undefined;
        return known?.user === undefined ? undefined : { subject: known.user, boards: { [board]: "write" } };
      },
    };
    const { url } = await startApp(t, options, (app, io) => {
      app.use(sessions);
      io.engine.use(sessions);
      app.get("/login", (request, response) => {
        request.session.user = "ann";
        response.send("welcome");
      });
    });
    const [cookie = ""] = (await fetch(`${url}/login`)).headers.getSetCookie();
    const client = await raw(t, url, { extraHeaders: { cookie } });
    assert.equal(await fateOf(client, board), "write written");
    assert.equal((await fetch(`${url}/boards/${board}`, { headers: { cookie } })).status, 200);
    assert.equal(await fateOf(await raw(t, url), board), "open FORBIDDEN");
  });

  test("one that throws refuses with a code and logs one line; one that throws a Refusal refuses with that; others are still served", async (t) => {
    const board = newBoard();
    const { url, logged } = await startApp(t, {
      boards: { [board]: 64 },
      valkeyUrl: valkey.url,
      authorise: ({ auth }) => {
        if (auth.user === "broken") throw new Error("the directory is away");
        if (auth.user === "banned") throw new Refusal("UNAUTHORIZED");
        return { boards: { [board]: auth.user === "odd" ? ("own" as "write") : "write" } };
      },
    });
    const ann = await raw(t, url, { auth: { user: "ann" } });
    assert.equal(await refusedWith(raw(t, url, { auth: { user: "broken" } })), "UNDECIDED");
    assert.equal(await refusedWith(raw(t, url, { auth: { user: "broken" } })), "UNDECIDED");
    assert.equal(await refusedWith(raw(t, url, { auth: { user: "banned" } })), "UNAUTHORIZED");
    // Told once while it lasts.
    assert.deepEqual(
      logged.map(({ hook, err }) => [hook, err?.message]),
      [["authorise", "the directory is away"]],
    );
    assert.equal(await refusedWith(raw(t, url, { auth: { user: "odd" } })), "UNDECIDED");
    assert.equal(await fateOf(ann, board), "write written");
    const metrics = await (await fetch(`${url}/metrics`)).text();
    assert.match(metrics, /socketscaler_hook_failures_total\{hook="authorise"\} 3/);
  });

  test("what it permits may end: writing is over then, viewing is not", async (t) => {
    const board = newBoard();
    let expiresMs = 0;
    const authorise = (): Permit => {
      // From the first time that the hook is called, however long the app took to start.
      expiresMs ||= Date.now() + 1_000;
      return { boards: { [board]: "write" }, expiresMs };
    };
    const options = { boards: { [board]: 64 }, valkeyUrl: valkey.url, authorise };
    const { url, boards } = await startApp(t, options);
    const client = await raw(t, url);
    await client.open(board);
    await client.watch([0]);
    const session = newSession();
    let seq = 0;
    const write = async () => (await client.write(session, ++seq, [[1, seq % 2 ? 1 : 0]])).error?.code;
    assert.equal(await write(), undefined);
    await until("a write is refused", async () => (await write()) === "TOKEN_EXPIRED");
    assert.ok(Date.now() >= expiresMs);
    await boards.board(board).set(9, true);
    await until("the view goes on", () => client.replicas.get(0)?.get(9) === 1);
    assert.equal(await fateOf(await raw(t, url), board), "open TOKEN_EXPIRED");
  });

  test("a page of another site is refused before the hook is called, whatever cookies it brings", async (t) => {
    const board = newBoard();
    let asked = 0;
    const { url, boards } = await startApp(t, {
      boards: { [board]: 64 },
      valkeyUrl: valkey.url,
      settings: { ORIGINS: "https://shop.example" },
      authorise: () => {
        asked++;
        return { boards: { [board]: "admin" } };
      },
    });
    await boards.board(board).set(1, true);
    const from = (origin: string) => ({ extraHeaders: { origin, cookie: "user=ann" } });
    assert.equal(await refusedWith(raw(t, url, from("https://evil.example"))), "ORIGIN_REFUSED");
    const clear = (origin: string) => fetch(`${url}/boards/${board}/clear`, { method: "POST", headers: { origin } });
    assert.equal((await clear("https://evil.example")).status, 403);
    assert.equal(asked, 0);
    assert.equal(await boards.board(board).get(1), true);
    assert.equal(await refusedWith(raw(t, url, from("https://shop.example"))), "let in");
    assert.equal(await refusedWith(raw(t, url, from(url))), "let in");
    assert.equal((await clear(url)).status, 200);
    assert.equal(await boards.board(board).get(1), false);
  });
});

describe("the hook `mayWrite`", () => {
  test("is called for each write, through every door; a change that it refuses has no effect", async (t) => {
    const asked: number[][] = [];
    const { url, boards, logged } = await startApp(t, {
      boards: { main: 64 },
      valkeyUrl: valkey.url,
      teaching: true,
      authorise: () => ({
        boards: { main: "write" },
        mayWrite: async ({ changes }) => {
          asked.push(changes.map(({ cell }) => cell));
          if (changes.some(({ cell }) => cell === 13)) throw new Error("no idea");
          return changes.every(({ cell }) => cell % 2 === 0);
        },
      }),
    });
    const fates = [];
    for (const cell of [1, 2, 13]) fates.push(await fateOf(await raw(t, url), "main", cell));
    assert.deepEqual(fates, ["write FORBIDDEN", "write written", "write UNDECIDED"]);
    const put = (cell: number) =>
      fetch(`${url}/boards/main/cells/${cell}`, {
        method: "PUT",
        body: '{"value":true}',
        headers: { "content-type": "application/json" },
      });
    assert.deepEqual([(await put(3)).status, (await put(4)).status], [403, 200]);
    const old = new RawClient(url);
    const root = old.socket.io.socket("/");
    t.after(() => old.close());
    const update = (index: number) => root.emitWithAck("checkbox-update", { index, value: true });
    assert.equal((await update(5)).error.code, "FORBIDDEN");
    assert.deepEqual(await update(6), { ok: true });
    assert.deepEqual(asked, [[1], [2], [13], [3], [4], [5], [6]]);
    const checked = [];
    for (let cell = 0; cell < 16; cell++) if (await boards.board("main").get(cell)) checked.push(cell);
    assert.deepEqual(checked, [2, 4, 6]);
    assert.equal(logged.length, 1);
  });

  for (const [how, mayWrite] of [
    ["says only whether", ({ changes }) => changes.every(({ cell }) => cell % 5 !== 3)],
    ["names the cells", ({ changes }) => ({ refused: changes.flatMap(({ cell }) => (cell % 5 === 3 ? cell : [])) })],
    [
      "fails",
      ({ changes }) => {
        if (changes.some(({ cell }) => cell % 5 === 3)) throw new Error("no idea");
        return true;
      },
    ],
  ] as [string, NonNullable<Permit["mayWrite"]>][]) {
    test(`what was set at the same time has its own outcome if the hook ${how}`, async (t) => {
      const name = newBoard();
      const { url } = await startApp(t, {
        boards: { [name]: 64 },
        valkeyUrl: valkey.url,
        authorise: () => ({ boards: { [name]: "write" }, mayWrite }),
      });
      const client = connect(url);
      t.after(() => client.close());
      const board = client.board(name);
      await board.watch({ start: 0, end: 64 }).ready;
      const sets = Array.from({ length: 20 }, (_, cell) => board.set(cell, true));
      const refused = [3, 8, 13, 18];
      const code = how === "fails" ? "CLOSED" : "FORBIDDEN";
      const told = Promise.all(sets.map(outcome));
      await Promise.all(sets.filter((_, cell) => !refused.includes(cell)));
      const all = outcome(
        board.setAll([
          [20, true],
          [23, true],
        ]),
      );
      // A write that is not decided is tried again by itself, and holds up no other.
      if (how === "fails") client.close();
      else await until("the screen shows it", () => board.checked === 16);
      assert.deepEqual(
        await told,
        sets.map((_, cell) => (refused.includes(cell) ? code : "done")),
      );
      assert.equal(await all, code);
    });
  }

  test("a write that it lets wait does not hold up those of others", async (t) => {
    const board = newBoard();
    let decide: (verdict: boolean) => void = () => undefined;
    const { url } = await startApp(t, {
      boards: { [board]: 64 },
      valkeyUrl: valkey.url,
      authorise: ({ auth }) => ({
        boards: { [board]: "write" },
        mayWrite: () =>
          auth.user === "slow"
            ? new Promise<boolean>((done) => {
                decide = done;
              })
            : true,
      }),
    });
    const slow = fateOf(await raw(t, url, { auth: { user: "slow" } }), board, 7);
    assert.equal(await fateOf(await raw(t, url), board, 8), "write written");
    decide(false);
    assert.equal(await slow, "write FORBIDDEN");
  });
});
