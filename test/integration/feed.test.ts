/* The feed over HTTP, and the client library that reads boards by it. */

import assert from "node:assert/strict";
import { once } from "node:events";
import { Agent, createServer, get as httpGet, type IncomingMessage, request } from "node:http";
import type { AddressInfo } from "node:net";
import { after, before, describe, type TestContext, test } from "node:test";
import { SignJWT } from "jose";
import { formatPosition } from "../../src/board/position.js";
import { type ConnectOptions, connect } from "../../src/client/index.js";
import { decodeDown } from "../../src/protocol/lane.js";
import { EmbeddedStore } from "../../src/store/embedded/embedded-store.js";
import { newTag } from "../../src/store/tag.js";
import { bitsOf, storedBits, untilAllShow, watchBoard } from "../support/clients.js";
import { countRequests } from "../support/count-requests.js";
import { FaultyStore } from "../support/faulty-store.js";
import { temporaryFolder } from "../support/folder.js";
import { type LocalInstance, startInstance } from "../support/instances.js";
import { rawRequest } from "../support/raw-answer.js";
import { until } from "../support/until.js";

const SIZE = 100;
const SECRET = "a secret of at least thirty-two bytes";
const FEED: ConnectOptions = { view: "feed" };

let store: EmbeddedStore;
before(async () => {
  store = await EmbeddedStore.open({ directory: temporaryFolder({ after }) });
});
after(() => store.close());

let boardsMade = 0;

/** An instance with a board that no other test has. */
async function start(t: TestContext, flags: Readonly<Record<string, string>> = {}, over = store) {
  const board = `board${boardsMade++}`;
  const named = Object.fromEntries(Object.entries(flags).map(([name, value]) => [name, value.replace("BOARD", board)]));
  const instance = await startInstance({ BOARDS: `main=10,${board}=${SIZE}`, ...named }, over);
  t.after(() => instance.stop());
  const url = `${instance.url}/boards/${board}`;
  const put = async (cell: number, value: boolean) => {
    const headers = { "content-type": "application/json" };
    const body = JSON.stringify({ value });
    assert.equal((await fetch(`${url}/cells/${cell}`, { method: "PUT", headers, body })).status, 200);
  };
  /** As in the page's ETag. */
  const position = async (page = 0) => {
    const { headers } = await rawRequest(`${url}/pages/${page}`, { "accept-encoding": "identity" });
    return headers.etag?.slice(1, -1) ?? "";
  };
  return { instance, board, url, put, position, since: (at: string) => `${url}/pages/0/since/${at}` };
}

/** A client that reads by the feed, once it is live. */
async function viewer(t: TestContext, url: string | readonly string[], board: string, options = FEED) {
  const made = await watchBoard(url, board, options);
  t.after(() => made.close());
  return made;
}

describe("the feed over HTTP", () => {
  test("gives what has changed since a position, to be kept for a minute, or waits for it", async (t) => {
    const { put, position, since } = await start(t);
    await put(1, true);
    const before = await position();
    const waiting = rawRequest(since(before));
    await put(2, true);
    await put(1, false);
    const answer = await waiting;
    assert.deepEqual(
      [answer.status, answer.headers["cache-control"], answer.headers["content-type"], answer.headers.vary],
      [200, "public, max-age=0, s-maxage=60", "application/octet-stream", undefined],
    );
    assert.equal(answer.headers["access-control-allow-origin"], "*");
    const message = decodeDown(answer.body, undefined);
    assert.ok(message?.kind === "delta");
    assert.equal(`${formatPosition(message.delta.from)}.${SIZE}`, before);
    // Both changes were committed within the second, or the feed has the second one in its next answer.
    const rest = `${formatPosition(message.delta.to)}.${SIZE}`;
    if (rest !== (await position())) assert.equal((await rawRequest(since(rest))).status, 200);
    const again = await rawRequest(since(before.replace(/\.\d+$/, "")));
    assert.equal(decodeDown(again.body, undefined)?.kind, "delta");
  });

  test("says where to begin again if a position is unknown or the page has another size", async (t) => {
    const { url, put, position, since } = await start(t);
    await put(1, true);
    const at = await position();
    const { status, headers, body } = await rawRequest(since(`1.AAAABBBB.${SIZE}`));
    assert.deepEqual([status, headers["cache-control"]], [410, "public, max-age=0, s-maxage=1"]);
    const answer: { error: { code: string }; position: string } = JSON.parse(String(body));
    assert.deepEqual([answer.error.code, answer.position], ["UNKNOWN_POSITION", at]);
    assert.equal((await rawRequest(since(at.replace(/\d+$/, "99")))).status, 410);
    for (const [path, expected] of [
      [since("nonsense"), 400],
      [since(`${at}.1`), 400],
      [`${since(at)}?1`, 400],
      [`${since(at)}/`, 400],
      [since(at).replace("/since/", "/Since/"), 400],
      [since(at).replace(/(\d+)$/, "0$1"), 400],
      [`${url}/pages/1/since/${at}`, 404],
      [`${url}nowhere/pages/0/since/${at}`, 404],
    ] as const) {
      assert.equal((await rawRequest(path)).status, expected, path);
    }
  });

  test("ends a wait if the board is removed or resized, and tells of a board that is cleared", async (t) => {
    const token = await new SignJWT({ boards: { "*": "admin" } })
      .setProtectedHeader({ alg: "HS256" })
      .setExpirationTime("1h")
      .sign(new TextEncoder().encode(SECRET));
    const { url, put, position, since } = await start(t, { JWT_SECRET: SECRET });
    await put(1, true);
    const headers = { authorization: `Bearer ${token}`, "content-type": "application/json" };
    const act = async (method: string, path: string, body?: unknown) => {
      const done = await fetch(`${url}${path}`, { method, headers, ...(body ? { body: JSON.stringify(body) } : {}) });
      assert.equal(done.status, 200);
    };
    const clearing = rawRequest(since(await position()));
    await act("POST", "/clear", {});
    const message = decodeDown((await clearing).body, undefined);
    assert.deepEqual(message?.kind === "delta" && [...message.delta.changes], [2]);
    const resizing = rawRequest(since(await position()));
    await act("PUT", "", { size: SIZE + 1 });
    assert.equal((await resizing).status, 410);
    const removing = rawRequest(since(await position()));
    await act("DELETE", "");
    assert.equal((await removing).status, 404);
  });

  test("has a number of places for each address, which a client that goes gives back, and trusted caches need none", async (t) => {
    const flags = { CONNECTIONS_PER_ADDRESS: "2", TRUSTED_PROXIES: "127.0.0.1", TRUSTED_CACHES: "10.0.0.0/8" };
    const { instance, position, since, put } = await start(t, flags);
    const at = await position();
    const paths = countRequests(instance);
    const ask = (address: string) => {
      const asked = request(since(at), { headers: { "x-forwarded-for": address }, agent: false });
      asked.end();
      const status = once(asked, "response").then(([response]) => (response as IncomingMessage).statusCode);
      status.catch(() => undefined);
      asked.on("error", () => undefined);
      return { asked, status };
    };
    const waiting = [ask("192.0.2.1"), ask("192.0.2.1"), ask("192.0.2.2"), ...[1, 2, 3].map(() => ask("10.1.1.1"))];
    await until("all wait", () => paths.length === waiting.length);
    assert.equal(await ask("192.0.2.1").status, 429);
    waiting[0]?.asked.destroy();
    let next = ask("192.0.2.1");
    await until("there is a place again", async () => {
      const [first] = await Promise.race([next.status.then((status) => [status]), put(3, false).then(() => [])]);
      if (first === 429) next = ask("192.0.2.1");
      return first !== 429;
    });
    await put(3, true);
    const statuses = await Promise.all([...waiting.slice(1), next].map(({ status }) => status));
    assert.deepEqual([...new Set(statuses)], [200]);
  });

  test("lets a connection be used again, and ends all waits when the instance closes", async (t) => {
    const { instance, put, position, since } = await start(t);
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    t.after(() => agent.destroy());
    const ask = async (path: string) => {
      const asked = httpGet(path, { agent });
      const [response] = (await once(asked, "response")) as [IncomingMessage];
      response.resume();
      await once(response, "end");
      return { status: response.statusCode, retry: response.headers["cache-control"], isReused: asked.reusedSocket };
    };
    const first = ask(since(await position()));
    await put(1, true);
    assert.deepEqual(await first, {
      status: 200,
      retry: "public, max-age=0, s-maxage=1, stale-while-revalidate=5",
      isReused: false,
    });
    const at = await position();
    const second = ask(since(at));
    await put(2, true);
    assert.deepEqual(await second, { status: 200, retry: "public, max-age=0, s-maxage=60", isReused: true });
    const paths = countRequests(instance);
    const last = ask(since(await position()));
    await until("it waits", () => paths.some((path) => path.includes("/since/")));
    const startMs = performance.now();
    await instance.stop();
    assert.deepEqual(await last, { status: 503, retry: "no-store", isReused: true });
    assert.ok(performance.now() - startMs < 1_500, "it did not wait for those who wait");
  });

  test("drains those who wait, and sends those who come elsewhere", async (t) => {
    const { instance, position, since } = await start(t, { DRAIN_MS: "100" });
    const at = await position();
    const paths = countRequests(instance);
    const waiting = rawRequest(since(at));
    await until("it waits", () => paths.length > 0);
    const held = new Agent({ keepAlive: true });
    t.after(() => held.destroy());
    const drained = instance.drain();
    const late = rawRequest(since(at));
    for (const { status, body } of await Promise.all([waiting, late])) {
      assert.equal(status, 503);
      assert.match(String(body), /GOING_AWAY/);
    }
    await drained;
  });
});

describe("a client that views by the feed", () => {
  test("holds no socket until it sets a cell, and sees everything before and after that", async (t) => {
    const { instance, board, put } = await start(t);
    const { client, board: seen } = await viewer(t, instance.url, board);
    const changes: number[] = [];
    seen.on("change", (some) => changes.push(...some.map(({ cell }) => cell)));
    assert.deepEqual([instance.online(), client.state.connected, seen.status, seen.right], [0, true, "live", "write"]);
    await put(3, true);
    await until("it sees the change", () => seen.get(3) === true);
    assert.deepEqual([changes, instance.online()], [[3], 0]);
    await seen.set(4, true);
    assert.equal(instance.online(), 1);
    await put(5, true);
    await untilAllShow([seen], await storedBits(instance.url, SIZE, board));
    assert.deepEqual([client.state.connected, seen.status, changes.toSorted()], [true, "live", [3, 4, 5]]);
  });

  test("sees the counts of all pages without a socket", async (t) => {
    const instance = await startInstance({ BOARDS: "wide=200000" }, store);
    t.after(() => instance.stop());
    const writer = await watchBoard(instance.url, "wide");
    t.after(() => writer.close());
    await writer.board.setAll(
      [
        [1, true],
        [150_000, true],
        [150_001, true],
      ],
      { split: true },
    );
    const client = connect(instance.url, FEED);
    t.after(() => client.close());
    const board = client.board("wide");
    await board.watchOverview().ready;
    await until("the counts are there", () => board.overview?.total === 3);
    assert.deepEqual(
      [0, 1, 2].map((page) => board.overview?.count(page)),
      [1, 0, 2],
    );
    // One is the writer's.
    assert.equal(instance.online(), 1);
  });

  test("takes a socket for what the feed cannot give: a private board, a token, claims, many pages", async (t) => {
    const { instance, board } = await start(t, { ACCESS: "BOARD=token", JWT_SECRET: SECRET });
    const token = await new SignJWT({ boards: { [board]: "view" } })
      .setProtectedHeader({ alg: "HS256" })
      .setExpirationTime("1h")
      .sign(new TextEncoder().encode(SECRET));
    const paths = countRequests(instance);
    const holder = await viewer(t, instance.url, board, { ...FEED, token: () => token });
    assert.deepEqual([holder.board.right, instance.online(), paths], ["view", 1, []]);
    const stranger = connect(instance.url, FEED);
    t.after(() => stranger.close());
    await assert.rejects(stranger.board(board).ready, { code: "UNAUTHORIZED" });
    const seats = await startInstance({ BOARDS: "seats=10", CLAIMS: "seats" }, store);
    t.after(() => seats.stop());
    const claimer = await viewer(t, seats.url, "seats");
    assert.deepEqual([claimer.board.claims?.ms, seats.online()], [0, 1]);
    const mistaken = connect(instance.url, FEED);
    t.after(() => mistaken.close());
    await assert.rejects(mistaken.board("nowhere").ready, { code: "UNKNOWN_BOARD" });

    const large = await startInstance({ BOARDS: `large=${6 * 65_536}` }, store);
    t.after(() => large.stop());
    const wide = await viewer(t, large.url, "large");
    assert.deepEqual([wide.board.status, large.online()], ["live", 1]);
  });

  test("takes a socket if the feed is refused, fails, or does not answer in time", async (t) => {
    const { instance, board, put } = await start(t);
    for (const answer of [404, 502, "nothing", "other"] as const) {
      const front = createServer((asked, response) => {
        const { url: path = "" } = asked;
        if (!path.includes("/since/")) {
          httpGet(`${instance.url}${path}`, { headers: asked.headers }, (back) => {
            back.pipe(response.writeHead(back.statusCode ?? 500, back.headers));
          }).on("error", () => response.destroy());
        } else if (answer === "other") response.end("<html>");
        else if (answer === "nothing") asked.socket.destroy();
        else response.writeHead(answer).end();
      });
      front.on("upgrade", (asked, socket, head) => {
        const passed = request(`${instance.url}${asked.url}`, { headers: asked.headers });
        passed.on("upgrade", (back, behind) => {
          const lines = Object.entries(back.headers).map(([name, value]) => `${name}: ${value}`);
          socket.write(`HTTP/1.1 101 Switching Protocols\r\n${lines.join("\r\n")}\r\n\r\n`);
          behind.unshift(head);
          behind.pipe(socket).pipe(behind);
          for (const each of [socket, behind]) each.on("error", () => undefined);
        });
        passed.on("error", () => socket.destroy());
        passed.end();
      });
      await once(front.listen(0, "127.0.0.1"), "listening");
      t.after(() => void front.close().closeAllConnections());
      const client = connect(`http://127.0.0.1:${(front.address() as AddressInfo).port}`, FEED);
      t.after(() => client.close());
      const seen = client.board(board);
      seen.watch({ start: 0, end: SIZE });
      await until(`a socket is opened after ${answer}`, () => instance.online() === 1 && seen.status === "live");
      await put(7, answer !== 502);
      await until("it sees the change", () => seen.get(7) === (answer !== 502));
      client.close();
      await until("the socket is closed", () => instance.online() === 0);
    }
  });

  test("is right in the end, whichever instance answers, if one hears nothing", async (t) => {
    const deaf = new FaultyStore(store);
    deaf.lose = () => true;
    const hearing = await start(t);
    const other = await startInstance({ BOARDS: `main=10,${hearing.board}=${SIZE}` }, deaf);
    t.after(() => other.stop());
    let turn = 0;
    const balancer = createServer((asked, response) => {
      const to = [hearing.instance, other][turn++ % 2]?.url;
      const passed = httpGet(`${to}${asked.url}`, { headers: asked.headers }, (back) => {
        back.pipe(response.writeHead(back.statusCode ?? 500, back.headers));
      });
      passed.on("error", () => response.destroy());
    });
    await once(balancer.listen(0, "127.0.0.1"), "listening");
    t.after(() => void balancer.close().closeAllConnections());
    const url = `http://127.0.0.1:${(balancer.address() as AddressInfo).port}`;
    const viewers = await Promise.all([1, 2, 3].map(() => viewer(t, url, hearing.board)));
    const shown: number[] = [];
    viewers[0]?.board.on("change", () => shown.push(viewers[0]?.board.checked ?? 0));
    for (let cell = 0; cell < 12; cell++) await hearing.put(cell, true);
    await untilAllShow(
      viewers.map(({ board }) => board),
      await storedBits(hearing.instance.url, SIZE, hearing.board),
    );
    assert.deepEqual(
      shown,
      shown.toSorted((one, two) => one - two),
      "it went back",
    );
    assert.ok(viewers.every(({ client }) => client.state.connected));
    assert.equal(hearing.instance.online() + other.online(), 0);
  });

  test("waits for the page that fits the board, if a cache has one from before a resize", async (t) => {
    const { instance, board, put } = await start(t);
    await put(5, true);
    let stale: Buffer | undefined;
    let staleLeft = 2;
    const front = createServer((asked, response) => {
      const forward = httpGet(`${instance.url}${asked.url}`, { headers: asked.headers }, (answer) => {
        const isPage = asked.url?.endsWith("/pages/0") === true;
        if (!isPage || staleLeft-- <= 0) {
          response.writeHead(answer.statusCode ?? 500, answer.headers);
          answer.pipe(response);
          return;
        }
        // As a cache would: the page of a board with half as many cells.
        answer.resume();
        stale ??= Buffer.alloc(1);
        response.writeHead(200, { etag: '"1.AAAAAAAB.50"', "content-length": stale.length });
        response.end(stale);
      });
      forward.on("error", () => response.destroy());
    });
    await once(front.listen(0, "127.0.0.1"), "listening");
    t.after(() => void front.close().closeAllConnections());
    const made = await viewer(t, `http://127.0.0.1:${(front.address() as AddressInfo).port}`, board);
    await until("it shows the page of the present size", () => made.board.get(5) === true);
    assert.ok(staleLeft < 0);
  });

  test("follows a page that was restored, and a board that is cleared, resized and removed", async (t) => {
    const { instance, board, put } = await start(t);
    const { board: seen } = await viewer(t, instance.url, board);
    await put(1, true);
    await until("it sees the change", () => seen.get(1) === true);
    // No delta leads to what is restored.
    await store.replace({ board, page: 0 }, newTag(), Uint8Array.of(0b0010_0001));
    await until("it shows what was restored", () => bitsOf(seen).startsWith("00100001"));
    await instance.instance.keeper.change(board, (record) => record && { ...record, size: SIZE + 20 });
    await until("it has the new size", () => seen.size === SIZE + 20 && seen.status === "live");
    await put(SIZE + 3, true);
    await until("it sees a cell that is new", () => seen.get(SIZE + 3) === true);
    assert.equal(instance.online(), 0);
    await instance.instance.keeper.change(board, () => undefined);
    await until("it is told that the board is gone", () => seen.failure?.code === "UNKNOWN_BOARD");
  });

  test("loses the view of a board that is made private", async (t) => {
    const { instance, board } = await start(t, { JWT_SECRET: SECRET });
    const { board: seen, client } = await viewer(t, instance.url, board);
    await instance.stop();
    const flags = { PORT: String(instance.port), ACCESS: "token", JWT_SECRET: SECRET };
    const closed: LocalInstance = await startInstance({ BOARDS: `main=10,${board}=${SIZE}`, ...flags }, store);
    t.after(() => closed.stop());
    await until("it is refused", () => client.state.reason?.code === "UNAUTHORIZED" || seen.failure !== undefined);
    assert.notEqual(seen.status, "live");
  });
});
