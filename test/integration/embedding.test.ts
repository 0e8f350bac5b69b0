/* Boards in someone else's app: its hooks decide, hear and write, whatever they do otherwise. */

import assert from "node:assert/strict";
import { after, before, describe, type TestContext, test } from "node:test";
import session from "express-session";
import { type BoardChange, type Permit, Refusal } from "../../src/server/index.js";
import { watchBoard } from "../support/clients.js";
import { type EmbeddedApp, startApp } from "../support/embedded-app.js";
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
  test("says by cookie, header, auth or token what each socket and each HTTP request may do, and nobody may more", async (t) => {
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

  test("one that throws refuses with a code and logs one line; one that throws a Refusal refuses with that; others are served on", async (t) => {
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
    assert.equal(await refusedWith(raw(t, url, { auth: { user: "banned" } })), "UNAUTHORIZED");
    assert.deepEqual(
      logged.map(({ hook, err }) => [hook, err?.message]),
      [["authorise", "the directory is away"]],
    );
    assert.equal(await refusedWith(raw(t, url, { auth: { user: "odd" } })), "UNDECIDED");
    assert.equal(await fateOf(ann, board), "write written");
    const metrics = await (await fetch(`${url}/metrics`)).text();
    assert.match(metrics, /socketscaler_hook_failures_total\{hook="authorise"\} 2/);
  });

  test("what it permits may end: writing is over then, viewing is not", async (t) => {
    const board = newBoard();
    const expiresMs = Date.now() + 500;
    const permit: Permit = { boards: { [board]: "write" }, expiresMs };
    const options = { boards: { [board]: 64 }, valkeyUrl: valkey.url, authorise: () => permit };
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

  test("a page of another site is refused before the hook is asked, whatever cookies it brings", async (t) => {
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
    assert.equal(await refusedWith(raw(t, url, from("https://evil.example"))), "FORBIDDEN");
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
  test("is asked about each write, through every door; what it is against has no effect", async (t) => {
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

describe("a board in the app's own code", () => {
  async function twoApps(t: TestContext, board: string): Promise<[EmbeddedApp, EmbeddedApp]> {
    const options = { boards: { [board]: 70_000 }, valkeyUrl: valkey.url };
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
    await board.setAll([
      [7, false],
      [8, true],
      [69_999, true],
      [8, false],
      [9, true],
    ]);
    assert.deepEqual(
      [await board.get(7), await board.get(8), await board.get(9), await board.get(69_999)],
      [false, false, true, true],
    );
    assert.equal((await board.bitsOf(0)).length, 8_192);
    assert.equal((await board.bitsOf(1)).at(-1), 1);
    await until("the client sees that", () => client.board.get(69_999) === true && client.board.get(7) === false);
    await assert.rejects(board.set(70_000, true), { code: "CELL_OUT_OF_RANGE" });
    await assert.rejects(board.bitsOf(2), { code: "PAGE_OUT_OF_RANGE" });
    assert.throws(() => one.boards.board("another"), { code: "UNKNOWN_BOARD" });
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
    await board.setAll(Array.from({ length: 60_000 }, (_, cell): [number, boolean] => [cell, cell % 3 === 0]));
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
    await assert.rejects(two.boards.board(name).set(3, true), { code: "FROZEN" });
    await two.boards.board(name).set(10, true);
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

  test("a listener that throws, blocks or never comes back breaks nothing: clients are sent everything", async (t) => {
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
    assert.ok(one.logged.every(({ hook, msg }) => hook === "onChange" && msg === "a hook of the app failed"));
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
