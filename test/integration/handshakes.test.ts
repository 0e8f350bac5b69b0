/* Who may begin a socket, and go on with one, where cookies give rights: no page of another site, by whatever means. */

import assert from "node:assert/strict";
import type { IncomingMessage } from "node:http";
import { after, before, describe, type TestContext, test } from "node:test";
import { io } from "socket.io-client";
import { RefusedOrigins } from "../../src/server/access/refused-origins.js";
import { type EmbeddedApp, startApp } from "../support/embedded-app.js";
import { temporaryFolder } from "../support/folder.js";
import { startInstance } from "../support/instances.js";
import { RawLane } from "../support/raw-lane.js";
import { until } from "../support/until.js";

const POLLING = "/socket.io/?EIO=4&transport=polling";
const COOKIE = { cookie: "user=ann" };

/** A status and a body, of a request as a browser might send it. */
async function ask(url: string, headers: Record<string, string> = {}, method = "GET", body?: string) {
  const response = await fetch(url, { method, headers, ...(body === undefined ? {} : { body }) });
  return { status: response.status, text: await response.text(), headers: response.headers };
}

/** Opens a session as a program does, or a page of the app's own; its id. */
async function begin(url: string, headers: Record<string, string>): Promise<string> {
  const { text } = await ask(`${url}${POLLING}`, headers);
  return JSON.parse(text.slice(1)).sid;
}

describe("a socket of an app with a hook", () => {
  let app: EmbeddedApp;
  let asked = 0;
  const ends: (() => unknown)[] = [];
  const t = { after: (end: () => unknown) => ends.unshift(end) };
  after(async () => {
    for (const end of ends) await end();
  });
  before(async () => {
    app = await startApp(t, {
      boards: { main: 64 },
      dataDir: temporaryFolder(t),
      teaching: true,
      settings: { ORIGINS: "https://listed.example/" },
      authorise: () => {
        asked++;
        return { boards: { main: "admin" } };
      },
    });
    app.app.get("/own", (_, response) => void response.send("of the app"));
  });

  function outcome(t: TestContext, namespace: string, transport: string, extraHeaders: Record<string, string>) {
    const socket = io(`${app.url}${namespace}`, {
      transports: [transport],
      forceNew: true,
      reconnection: false,
      extraHeaders: { ...COOKIE, ...extraHeaders },
    });
    t.after(() => void socket.disconnect());
    return new Promise<string>((done) => {
      socket.once("connect", () => done("connected"));
      socket.once("connect_error", (error) => done("data" in error ? (error.data as { code: string }).code : "none"));
    });
  }

  for (const transport of ["websocket", "polling"]) {
    for (const namespace of ["/boards", "/"]) {
      test(`begins on no page of another site, by ${transport} in ${namespace}`, async (t) => {
        const before = asked;
        for (const headers of [
          { origin: "https://evil.example" },
          { origin: "http://127.0.0.1:1" },
          { origin: "null" },
          { "sec-fetch-site": "cross-site" },
          { "sec-fetch-site": "same-site" },
          { "sec-fetch-site": "same-site", origin: "https://evil.example" },
        ]) {
          assert.equal(await outcome(t, namespace, transport, headers), "ORIGIN_REFUSED", JSON.stringify(headers));
        }
        assert.equal(asked, before, "the hook is not asked about these");
        for (const headers of [
          {},
          { origin: app.url },
          { origin: "https://listed.example", "sec-fetch-site": "cross-site" },
          { "sec-fetch-site": "same-origin" },
          { "sec-fetch-site": "none" },
        ]) {
          assert.equal(await outcome(t, namespace, transport, headers), "connected", JSON.stringify(headers));
        }
      });
    }
  }

  test("is not begun, read or written to by a script tag", async () => {
    const sid = await begin(app.url, COOKIE);
    for (const query of ["&j=7", "&j=", "&%6a=7", `&sid=${sid}&j=7`, "&j=0&sid="]) {
      for (const method of ["GET", "POST"]) {
        const { status, text, headers } = await ask(
          `${app.url}${POLLING}${query}`,
          COOKIE,
          method,
          method === "POST" ? "d=40" : undefined,
        );
        assert.deepEqual([status, JSON.parse(text).code], [400, 3], `${method} ${query}`);
        assert.match(headers.get("content-type") ?? "", /^application\/json/);
        assert.equal(headers.get("x-content-type-options"), "nosniff");
      }
    }
  });

  test("continues only for pages that may begin one", async () => {
    for (const headers of [{ origin: "https://evil.example" }, { "sec-fetch-site": "same-site" }]) {
      const sid = await begin(app.url, { ...COOKIE, "sec-fetch-site": "same-origin" });
      const session = `${app.url}${POLLING}&sid=${sid}`;
      assert.equal((await ask(session, { ...COOKIE, ...headers }, "POST", "40/boards,")).status, 403);
      assert.equal((await ask(session, { ...COOKIE, ...headers })).status, 403);
      assert.equal((await ask(session, { ...COOKIE, origin: app.url }, "POST", "40/boards,")).status, 200);
      assert.match((await ask(session, COOKIE)).text, /^40\/boards,\{"sid"/);
    }
    for (const sid of ["constructor", "__proto__", ""]) {
      assert.equal((await ask(`${app.url}${POLLING}&sid=${sid}`, COOKIE, "POST", "40")).status, 400, sid);
    }
  });

  test("and all our answers let no type be guessed, and the app's own are left alone", async () => {
    const told = async (path: string) => (await ask(`${app.url}${path}`, COOKIE)).headers.get("x-content-type-options");
    const sid = await begin(app.url, COOKIE);
    // So that there is something to answer with at once.
    await ask(`${app.url}${POLLING}&sid=${sid}`, COOKIE, "POST", "40/boards,");
    for (const path of [
      "/boards",
      "/boards/main/pages/0",
      "/boards/none",
      "/health",
      "/ready",
      "/metrics",
      "/cluster",
    ]) {
      assert.equal(await told(path), "nosniff", path);
    }
    for (const path of ["/state", POLLING, `${POLLING}&sid=${sid}`, "/socket.io/?transport=none"]) {
      assert.equal(await told(path), "nosniff", path);
    }
    assert.equal(await told("/own"), null);
  });
});

test("an instance that drains takes no first request, however its query is written", async (t) => {
  const instance = await startInstance({ DATA_DIR: temporaryFolder(t) });
  t.after(() => instance.stop());
  instance.instance.departures.begin();
  for (const query of ["", "&sid=", "&sid=abc&sid=", "&x=?sid=1"]) {
    assert.equal((await ask(`${instance.url}${POLLING}${query}`)).status, 503, query);
  }
});

test("an open instance goes on with sessions whose pages it knows under another host", async (t) => {
  const instance = await startInstance({ DATA_DIR: temporaryFolder(t) });
  t.after(() => instance.stop());
  const sid = await begin(instance.url, {});
  const { status } = await ask(
    `${instance.url}${POLLING}&sid=${sid}`,
    { origin: "https://public.example" },
    "POST",
    "40/boards,",
  );
  assert.equal(status, 200);
  assert.equal((await ask(`${instance.url}${POLLING}&j=7`)).status, 400);
});

test("every handshake that is refused is counted, once and with its code", async (t) => {
  const flags = { ORIGINS: "https://listed.example", CONNECTIONS_PER_ADDRESS: "2" };
  const instance = await startInstance({ ...flags, DATA_DIR: temporaryFolder(t) });
  t.after(() => instance.stop());
  const counted = async () => {
    const lines = (await instance.instance.metrics.text()).matchAll(
      /^socketscaler_refusals_total\{code="(\w+)"\} (\d+)$/gm,
    );
    return Object.fromEntries(Array.from(lines, ([, code = "", times]) => [code, Number(times)]));
  };
  const handshake = `${instance.url}${POLLING}`;
  const statuses = async (...requests: [url: string, headers?: Record<string, string>][]) => {
    const all: number[] = [];
    for (const [url, headers = {}] of requests) all.push((await ask(url, headers)).status);
    return all;
  };
  const evil = { origin: "https://evil.example" };
  assert.deepEqual(await statuses([handshake, evil], [`${handshake}&j=7`], [`${handshake}&sid=gone`]), [403, 400, 400]);
  assert.deepEqual(await counted(), { ORIGIN_REFUSED: 1, BAD_REQUEST: 1 }, "a session that has ended is no handshake");

  const joining = await begin(instance.url, {});
  assert.deepEqual(await statuses([`${handshake}&sid=${joining}`, evil]), [403]);
  assert.equal((await counted()).ORIGIN_REFUSED, 2);
  await Promise.all([begin(instance.url, {}), begin(instance.url, {})]);
  assert.equal((await counted()).TOO_MANY_CONNECTIONS, 1);

  instance.instance.departures.begin();
  assert.deepEqual(await statuses([handshake]), [503]);
  assert.equal((await counted()).GOING_AWAY, 1);
  await ask(`${handshake}&sid=${joining}`, {}, "POST", "40/boards,");
  await until("the refusal to join is counted", async () => (await counted()).GOING_AWAY === 2);
});

test("a page of another origin is refused with the reason, which is logged once for each origin", async (t) => {
  const ORIGINS = "https://listed.example";
  const instance = await startInstance({ DATA_DIR: temporaryFolder(t), ORIGINS });
  t.after(() => instance.stop());
  const logged: unknown[] = [];
  t.mock.method(instance.instance.log, "warn", (line: unknown, text: string) => {
    if (/another origin was refused.* ORIGINS/.test(text)) logged.push(line);
  });
  const origin = "https://evil.example";
  for (let time = 0; time < 2; time++) {
    const { status, text, headers } = await ask(`${instance.url}${POLLING}`, { origin });
    assert.equal(status, 403);
    const { code, message } = JSON.parse(text).error;
    assert.equal(code, "ORIGIN_REFUSED");
    assert.match(message, /\(https:\/\/evil\.example\).* the ORIGINS option\.$/);
    assert.equal(headers.get("access-control-allow-origin"), origin, "the page may read why");
  }
  const onLane = async (from: string) => {
    const lane = new RawLane(instance.url, { headers: { origin: from } });
    t.after(() => lane.close());
    assert.equal(await lane.upgraded(), "open");
    return lane.hello();
  };
  assert.equal(await onLane(origin), "ORIGIN_REFUSED");
  assert.equal(await onLane("https://worse.example"), "ORIGIN_REFUSED");
  assert.equal(await onLane(ORIGINS), "in");
  const { headers } = await ask(`${instance.url}/boards`, { origin });
  assert.equal(headers.get("access-control-allow-origin"), null, "of a refusal alone");
  assert.deepEqual(logged, [{ origin }, { origin: "https://worse.example" }]);
});

test("no more than 100 refused origins are logged", () => {
  let logged = 0;
  const refused = new RefusedOrigins(() => logged++);
  for (let count = 0; count < 200; count++) {
    const origin = `https://${count}.example`;
    assert.match(refused.refusal({ headers: { origin } } as IncomingMessage).message, new RegExp(origin));
  }
  assert.equal(logged, 100);
});
