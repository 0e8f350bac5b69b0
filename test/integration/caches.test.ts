/* What shared caches may keep, and what nginx as in deploy/ makes of that. */

import assert from "node:assert/strict";
import { Agent, get as httpGet } from "node:http";
import { after, before, describe, test } from "node:test";
import session from "express-session";
import { SignJWT } from "jose";
import { EmbeddedStore } from "../../src/store/embedded/embedded-store.js";
import { startBalancer } from "../support/balancers.js";
import { storedBits, untilAllShow, watchBoard } from "../support/clients.js";
import { countRequests } from "../support/count-requests.js";
import { startApp } from "../support/embedded-app.js";
import { temporaryFolder } from "../support/folder.js";
import { startInstance } from "../support/instances.js";
import { rawRequest } from "../support/raw-answer.js";
import { until } from "../support/until.js";

const SECRET = "a secret of at least thirty-two bytes";
const PATHS = ["", "/pages/0", "/overview?pages=0", "/counts", "/pages/0/since/0.AAAAAAAA"] as const;
const FOR_A_SECOND = "public, max-age=0, s-maxage=1, stale-while-revalidate=5";

const tokenFor = (boards: Readonly<Record<string, string>>) =>
  new SignJWT({ boards })
    .setProtectedHeader({ alg: "HS256" })
    .setExpirationTime("1h")
    .sign(new TextEncoder().encode(SECRET));

const put = async (url: string, cell: number, value: boolean, headers: Readonly<Record<string, string>> = {}) => {
  const done = await fetch(`${url}/cells/${cell}`, {
    method: "PUT",
    headers: { "content-type": "application/json", ...headers },
    body: JSON.stringify({ value }),
  });
  assert.equal(done.status, 200);
};

describe("answers", () => {
  let store: EmbeddedStore;
  before(async () => {
    store = await EmbeddedStore.open({ directory: temporaryFolder({ after }) });
  });
  after(() => store.close());

  test("about a board that everyone may view are for all alike, and those about others for nobody else", async (t) => {
    const flags = { BOARDS: "open=10,seen=10,closed=10", ACCESS: "seen=read-only,closed=token", JWT_SECRET: SECRET };
    const instance = await startInstance(flags, store);
    t.after(() => instance.stop());
    const admin = { authorization: `Bearer ${await tokenFor({ "*": "admin" })}` };
    for (const board of ["open", "seen", "closed"]) await put(`${instance.url}/boards/${board}`, 3, true, admin);
    for (const board of ["open", "seen", "closed"]) {
      for (const path of PATHS) {
        const url = `${instance.url}/boards/${board}${path}`;
        const own = await rawRequest(url, admin);
        assert.deepEqual([own.status, own.headers["cache-control"]], [200, "private, no-cache"], url);
        assert.match(own.headers.vary ?? "", /Authorization/, url);
        assert.equal(own.headers["access-control-allow-origin"], undefined);
        const seen = new Set<string>();
        // Somebody in front may have let the visitor in by it.
        const shown = await rawRequest(url, { authorization: "Basic YTpi" });
        if (board !== "closed") assert.equal(shown.headers["cache-control"], "private, no-cache", url);
        for (const asked of [{}, { origin: "https://a.example" }, { cookie: "a=b" }]) {
          const { status, headers } = await rawRequest(url, asked);
          const { date: _, ratelimit: __, ...others } = headers;
          assert.equal(status, board === "closed" ? 401 : 200, url);
          seen.add(JSON.stringify(others));
          if (board === "closed") assert.equal(headers["cache-control"], "no-store", url);
          else {
            assert.equal(headers["cache-control"], FOR_A_SECOND, url);
            assert.equal(headers.vary, path === "/pages/0" ? "Accept-Encoding" : undefined, url);
            assert.equal(headers["access-control-allow-origin"], "*");
            assert.ok(!("ratelimit" in headers) && !("set-cookie" in headers), url);
          }
        }
        assert.equal(seen.size, 1, url);
      }
    }
  });

  test("are the same for a copy that is still right, without a body", async (t) => {
    const instance = await startInstance({ BOARDS: "open=10" }, store);
    t.after(() => instance.stop());
    for (const path of ["", "/pages/0", "/overview?pages=0", "/counts"]) {
      const url = `${instance.url}/boards/open${path}`;
      const { etag = "" } = (await rawRequest(url)).headers;
      const { status, headers, body } = await rawRequest(url, { "if-none-match": etag });
      assert.deepEqual([status, headers["cache-control"], body.length], [304, FOR_A_SECOND, 0], url);
    }
  });

  test("may be read by scripts of other websites if all of them agree on one header", async () => {
    for (const [origins, allowed] of [
      ["*", "*"],
      ["https://a.example", "https://a.example"],
      ["https://a.example,https://b.example", undefined],
    ] as const) {
      const instance = await startInstance({ BOARDS: "open=10", ORIGINS: origins }, store);
      const { headers } = await rawRequest(`${instance.url}/boards/open`, { origin: "https://b.example" });
      assert.deepEqual([headers["access-control-allow-origin"], headers.vary], [allowed, undefined]);
      await instance.stop();
    }
  });

  test("of an app whose hook decides are for nobody else, and none with a cookie is", async (t) => {
    const options = { boards: { seats: 8 }, access: "open" as const };
    const hooked = await startApp(t, { ...options, dataDir: temporaryFolder(t), authorise: () => undefined });
    const withSessions = await startApp(t, { ...options, dataDir: temporaryFolder(t) }, (app) => {
      app.use(session({ secret: "s", resave: false, saveUninitialized: true }));
    });
    const plain = await startApp(t, { ...options, dataDir: temporaryFolder(t) });
    for (const [{ url }, caching, hasCookie] of [
      [hooked, "private, no-cache", false],
      [withSessions, "private, no-cache", true],
      [plain, FOR_A_SECOND, false],
    ] as const) {
      for (const path of ["", "/pages/0"]) {
        const { headers } = await rawRequest(`${url}/boards/seats${path}`);
        assert.deepEqual([headers["cache-control"], "set-cookie" in headers], [caching, hasCookie], url + path);
      }
    }
  });

  test("to trusted caches do not count against HTTP_PER_MINUTE, but what they write does", async (t) => {
    const flags = {
      BOARDS: "open=10",
      HTTP_PER_MINUTE: "2",
      TRUSTED_PROXIES: "127.0.0.1",
      TRUSTED_CACHES: "10.0.0.0/8",
    };
    const instance = await startInstance(flags, store);
    t.after(() => instance.stop());
    const ask = async (address: string, method = "GET") => {
      const headers = { "x-forwarded-for": address, "content-type": "application/json" };
      const path = `${instance.url}/boards/open${method === "PUT" ? "/cells/1" : ""}`;
      return (await fetch(path, { method, headers, ...(method === "PUT" ? { body: '{"value":true}' } : {}) })).status;
    };
    for (let count = 0; count < 5; count++) assert.equal(await ask("10.1.2.3"), 200);
    assert.deepEqual(
      [await ask("10.1.2.3", "PUT"), await ask("10.1.2.3", "PUT"), await ask("10.1.2.3", "PUT")],
      [200, 200, 429],
    );
    assert.deepEqual([await ask("192.0.2.1"), await ask("192.0.2.1"), await ask("192.0.2.1")], [200, 200, 429]);
    // What somebody claims to be is not believed of those who are no proxies.
    assert.equal(await ask("10.1.2.3, 192.0.2.1"), 429);
  });
});

describe("nginx as in deploy/ asks the instance", () => {
  let store: EmbeddedStore;
  before(async () => {
    store = await EmbeddedStore.open({ directory: temporaryFolder({ after }) });
  });
  after(() => store.close());

  const start = async (t: { after(end: () => unknown): void }, flags: Readonly<Record<string, string>>) => {
    const instance = await startInstance({ TRUSTED_PROXIES: "127.0.0.1", ...flags }, store);
    t.after(() => instance.stop());
    return { instance, url: await startBalancer(t, "nginx", [instance.port]), paths: countRequests(instance) };
  };

  test("about twice a second for a page that a crowd reads all the time", async (t) => {
    const { url, paths } = await start(t, { BOARDS: "read=10" });
    const agent = new Agent({ keepAlive: true });
    t.after(() => agent.destroy());
    const page = `${url}/boards/read/pages/0`;
    const statuses = new Set<number | undefined>();
    const read = () =>
      new Promise<void>((done, fail) => {
        httpGet(page, { agent }, (response) => {
          statuses.add(response.statusCode);
          response.resume().on("end", done);
        }).on("error", fail);
      });
    const startMs = performance.now();
    let count = 0;
    const reader = async () => {
      for (; performance.now() - startMs < 2_500; count++) await read();
    };
    await Promise.all(Array.from({ length: 100 }, reader));
    const asked = paths.filter((path) => path.endsWith("/pages/0")).length;
    const seconds = (performance.now() - startMs) / 1_000;
    assert.deepEqual([...statuses], [200]);
    assert.ok(count > 500, `only ${count} were read`);
    assert.ok(asked <= 2 * seconds, `${asked} requests in ${seconds} s for ${count} readers`);
  });

  test("at most twice in a second for a crowd that views by the feed, and all of it sees everything", async (t) => {
    const { instance, url, paths } = await start(t, { BOARDS: "fed=100" });
    const clients = await Promise.all(Array.from({ length: 60 }, () => watchBoard(url, "fed", { view: "feed" })));
    t.after(() => clients.map(({ close }) => close()));
    const before = paths.length;
    const startMs = performance.now();
    const writer = await watchBoard(instance.url, "fed");
    t.after(() => writer.close());
    for (let cell = 0; performance.now() - startMs < 3_000; cell = (cell + 1) % 100) {
      await writer.board.set(cell, !writer.board.get(cell));
      await until("some time has passed", () => true);
    }
    await untilAllShow(
      clients.map(({ board }) => board),
      await storedBits(instance.url, 100, "fed"),
    );
    const seconds = (performance.now() - startMs) / 1_000;
    const asked = paths.slice(before).filter((path) => path.includes("/pages/0/since/")).length;
    assert.ok(asked <= 2 * (seconds + 1), `${asked} requests in ${seconds} s`);
    assert.equal(instance.online(), 1);
    assert.ok(clients.every(({ client }) => client.state.connected));
  });

  test("once for a crowd of 2,100 that waits for the same change", async (t) => {
    const { instance, url, paths } = await start(t, { BOARDS: "vast=100" });
    const agent = new Agent({ keepAlive: true });
    t.after(() => agent.destroy());
    let sent = 0;
    const ask = () =>
      new Promise<number | undefined>((done, fail) => {
        const request = httpGet(`${url}/boards/vast/pages/0/since/0.AAAAAAAA.100`, { agent }, (response) => {
          response.resume().on("end", () => done(response.statusCode));
        });
        request.on("error", fail);
        request.on("finish", () => sent++);
      });
    const asked = Promise.all(Array.from({ length: 2_100 }, ask));
    await until("all are asked", () => sent === 2_100 && paths.some((path) => path.includes("/since/")));
    const writer = await watchBoard(instance.url, "vast");
    t.after(() => writer.close());
    await writer.board.set(1, true);
    assert.deepEqual([...new Set(await asked)], [200]);
    // The name of an entry changes every five seconds.
    const feed = paths.filter((path) => path.includes("/since/")).length;
    assert.ok(feed <= 2, `${feed} requests`);
  });

  test("once in a second for a crowd whose position was lost", async (t) => {
    const { url, paths } = await start(t, { BOARDS: "lost=100" });
    const startMs = performance.now();
    const ask = async () => (await fetch(`${url}/boards/lost/pages/0/since/7.AAAABBBB.100`)).status;
    const statuses = await Promise.all(Array.from({ length: 40 }, ask));
    assert.deepEqual([...new Set(statuses)], [410]);
    const seconds = (performance.now() - startMs) / 1_000;
    assert.ok(paths.length <= 2 + 2 * seconds, `${paths.length} requests in ${seconds} s`);
  });

  test("again for everybody who has no right to keep the answer of another", async (t) => {
    const { url } = await start(t, { BOARDS: "private=10", ACCESS: "token", JWT_SECRET: SECRET });
    const authorization = `Bearer ${await tokenFor({ private: "write" })}`;
    await put(`${url}/boards/private`, 3, true, { authorization });
    for (const path of PATHS) {
      for (const [headers, status] of [
        [{ authorization }, 200],
        [{}, 401],
        [{ authorization: "Bearer x" }, 401],
        [{ authorization }, 200],
        [{}, 401],
      ] as const) {
        assert.equal((await rawRequest(`${url}/boards/private${path}`, headers)).status, status, path);
      }
    }
  });
});
