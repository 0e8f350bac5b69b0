import assert from "node:assert/strict";
import { once } from "node:events";
import { get as httpGet, type IncomingMessage } from "node:http";
import { connect } from "node:net";
import { buffer } from "node:stream/consumers";
import { after, before, describe, test } from "node:test";
import { brotliDecompressSync, gunzipSync } from "node:zlib";
import { Replica } from "../../src/board/replica.js";
import { decodeSnapshot } from "../../src/protocol/codec.js";
import { decodeDelta } from "../../src/protocol/delta-text.js";
import { fromBase64url } from "../../src/protocol/from-base64url.js";
import type { ActivityBody, HistoryBody } from "../../src/server/http/reads/page-history.js";
import { EmbeddedStore } from "../../src/store/embedded/embedded-store.js";
import { ValkeyStore } from "../../src/store/valkey/valkey-store.js";
import { temporaryFolder } from "../support/folder.js";
import { type LocalInstance, startInstance } from "../support/instances.js";
import { NAMES, pageKeys } from "../support/keys.js";
import { newSession, RawClient } from "../support/raw-client.js";
import { until } from "../support/until.js";
import { startServer } from "../support/valkey-server.js";

const SIZE = 70_000;

describe("HTTP", () => {
  let store: EmbeddedStore;
  let instance: LocalInstance;
  before(async () => {
    store = await EmbeddedStore.open({ directory: temporaryFolder({ after }) });
    instance = await startInstance({ BOARDS: `main=${SIZE},other=10`, INSTANCE_NAME: "here" }, store);
  });
  after(async () => {
    await instance.stop();
    await store.close();
  });

  const get = (path: string, headers: Record<string, string> = {}) => fetch(`${instance.url}${path}`, { headers });
  const put = (path: string, body: string, type = "application/json") =>
    fetch(`${instance.url}${path}`, { method: "PUT", headers: { "content-type": type }, body });

  /** By hand, because `fetch` adds `Cache-Control: no-cache` to a conditional request, which asks for the body. */
  const conditionalStatus = async (etag: string, url = `${instance.url}/boards/main/pages/1`) => {
    const request = httpGet(url, { headers: { "if-none-match": etag } });
    const [response]: IncomingMessage[] = await once(request, "response");
    response?.resume();
    return response?.statusCode;
  };

  test("describes boards", async () => {
    assert.deepEqual(await (await get("/boards/main")).json(), {
      name: "main",
      size: SIZE,
      pages: 2,
      pageCells: 65_536,
      instance: "here",
      engine: "embedded",
      access: "open",
      durability: "applied",
      historyMs: 0,
    });
    const { boards }: { boards: { name: string }[] } = await (await get("/boards")).json();
    assert.deepEqual(
      boards.map(({ name }) => name),
      ["main", "other"],
    );
  });

  test("sets a cell, and gives the page with its position as ETag, or 304", async () => {
    const before = await get("/boards/main/pages/1");
    assert.equal(before.headers.get("etag"), 'W/"0.AAAAAAAA.4464"');
    assert.equal((await before.arrayBuffer()).byteLength, Math.ceil((SIZE - 65_536) / 8));
    const done = await put("/boards/main/cells/65537", JSON.stringify({ value: true }));
    assert.deepEqual(await done.json(), { ok: true, cell: 65_537, value: true, at: [[1, 1]] });
    const page = await get("/boards/main/pages/1");
    const etag = page.headers.get("etag") ?? "";
    assert.match(etag, /^W\/"1\.[\w-]{8}\.4464"$/);
    assert.equal(new Uint8Array(await page.arrayBuffer())[0], 0b0100_0000);
    assert.equal(await conditionalStatus(etag), 304);
    await put("/boards/main/cells/65537", JSON.stringify({ value: 0 }));
    assert.equal(await conditionalStatus(etag), 200);
    const cleared = await get("/boards/main/pages/1");
    assert.equal(new Uint8Array(await cleared.arrayBuffer())[0], 0);
  });

  for (const [accepted, whole] of [
    ["identity", (body: Buffer) => body],
    ["br", brotliDecompressSync],
  ] as const) {
    test(`gives the body, not 304, of a page that grew at the same position, to a client that takes ${accepted}`, async () => {
      const ask = async (size: number, headers: Record<string, string> = {}) => {
        const grown = await startInstance({ BOARDS: `growing-${accepted}=${size}` }, store);
        const page = `${grown.url}/boards/growing-${accepted}/pages/0`;
        if (size === 100) {
          await fetch(page.replace("pages/0", "cells/3"), {
            method: "PUT",
            headers: { "content-type": "application/json" },
            body: '{"value":true}',
          });
        }
        const request = httpGet(page, { headers: { "accept-encoding": accepted, ...headers } });
        const [response]: IncomingMessage[] = await once(request, "response");
        assert.ok(response);
        const body = await buffer(response);
        await grown.stop();
        const { etag = "" } = response.headers;
        return { status: response.statusCode, etag, bytes: body.length && whole(body).length };
      };
      const { etag } = await ask(100);
      assert.equal((await ask(100, { "if-none-match": etag })).status, 304);
      const grown = await ask(200, { "if-none-match": etag });
      assert.deepEqual([grown.status, grown.bytes], [200, 25]);
      assert.notEqual(grown.etag, etag);
    });
  }

  test("gives a page as the store has it to who will take no copy of it", async () => {
    const valkey = await startServer();
    after(() => valkey.stop());
    const following = await startInstance({ VALKEY_URL: valkey.url });
    after(() => following.stop());
    const client = new RawClient(following.url, ["websocket"]);
    after(() => client.close());
    await client.open();
    await client.watch([0]);
    assert.ok("at" in (await client.write(newSession(), 1, [[1, 1]])));
    // Behind the backs of all instances: the position stays as it is.
    const { bits } = pageKeys({ board: "main", page: 0 });
    assert.ok(following.store instanceof ValkeyStore);
    await following.store.command(bits, "SETBIT", bits, "99", "1");
    const bit = async (headers: Record<string, string>) => {
      const response = await fetch(`${following.url}/boards/main/pages/0`, { headers });
      return new Uint8Array(await response.arrayBuffer())[12];
    };
    assert.equal(await bit({}), 0);
    assert.equal(await bit({ "cache-control": "no-cache" }), 0b0001_0000);
    assert.equal(await bit({ "cache-control": "max-age=0, No-Cache" }), 0b0001_0000);
  });

  test("gives what happened on a page, where that is recorded, as frames to replay", async () => {
    const histories = { boards: new Map([["main", 3_600_000]]), others: 0, deltasMax: 20_000 };
    // The store's clock counts, which may differ from the instance's by a day.
    const now = () => Date.now() - 86_400_000;
    const recorded = await EmbeddedStore.open({ directory: temporaryFolder({ after }), histories, now });
    const recording = await startInstance({ BOARDS: "main=100", HISTORY: "main=1h" }, recorded);
    after(async () => {
      await recording.stop();
      await recorded.close();
    });
    const put = (cell: number, value: boolean) =>
      fetch(`${recording.url}/boards/main/cells/${cell}`, {
        method: "PUT",
        headers: { "content-type": "application/json" },
        body: JSON.stringify({ value }),
      });
    for (const [cell, value] of [
      [1, true],
      [2, true],
      [1, false],
    ] as const) {
      await put(cell, value);
    }
    const ask = async (query: string) => {
      const response = await fetch(`${recording.url}/boards/main/pages/0/history${query}`);
      assert.equal(response.status, 200);
      const body: HistoryBody = JSON.parse(await response.text());
      return body;
    };
    const { start, deltas, now: askedMs } = await ask("");
    const replica = new Replica(0, 100);
    replica.receive(decodeSnapshot(fromBase64url(start) ?? new Uint8Array(), () => 100)?.content ?? assert.fail());
    const states = deltas.map(([, frame]) => {
      assert.equal(replica.receive(decodeDelta(frame)?.content ?? assert.fail()), "applied");
      return [replica.get(1), replica.get(2)];
    });
    assert.deepEqual(states, [
      [1, 0],
      [1, 1],
      [0, 1],
    ]);
    const later = await ask(`?from=${askedMs + 1}`);
    assert.deepEqual(later.deltas, []);
    const { historyMs }: { historyMs: number } = JSON.parse(await (await fetch(`${recording.url}/boards/main`)).text());
    assert.equal(historyMs, 3_600_000);
    const activity = await fetch(`${recording.url}/boards/main/history?from=0&to=${askedMs}&pages=0`);
    const { from, to, counts }: ActivityBody = JSON.parse(await activity.text());
    assert.deepEqual([from, to], [deltas[0]?.[0], askedMs]);
    assert.equal(
      counts.reduce((sum, count) => sum + count, 0),
      3,
    );
    const none = await fetch(`${recording.url}/boards/main/history?from=${askedMs + 1}&to=${askedMs + 2}&pages=0`);
    assert.deepEqual(await none.json(), { from: askedMs + 2, to: askedMs + 2, counts: [] });
    for (const [query, status] of [
      ["from=0&to=1&pages=0,x", 400],
      ["from=0&to=1", 400],
      ["from=0&pages=0", 400],
      [`from=0&to=1&pages=${Array.from({ length: 65 }, (_, page) => page)}`, 400],
      ["from=0&to=1&pages=1", 404],
    ] as const) {
      assert.equal((await fetch(`${recording.url}/boards/main/history?${query}`)).status, status, query);
    }
    assert.equal((await get("/boards/main/history?from=0&to=1&pages=0")).status, 404);
    const picture = await fetch(`${recording.url}/boards/main/overview?pages=0`);
    const blocks = new Uint8Array(await picture.arrayBuffer());
    assert.deepEqual([picture.status, blocks.length, blocks[0], blocks[1]], [200, 256, 1, 0]);
    const etag = picture.headers.get("etag") ?? "";
    assert.equal(await conditionalStatus(etag, `${recording.url}/boards/main/overview?pages=0`), 304);
    await put(50, true);
    assert.equal(await conditionalStatus(etag, `${recording.url}/boards/main/overview?pages=0`), 200);
    await put(50, false);
    for (const [query, status] of [
      ["", 400],
      ["?pages=x", 400],
      ["?pages=1", 404],
    ] as const) {
      assert.equal((await fetch(`${recording.url}/boards/main/overview${query}`)).status, status, query);
    }
    assert.equal((await fetch(`${recording.url}/boards/main/pages/0/history?from=abc`)).status, 400);
    assert.equal((await get("/boards/main/pages/0/history")).status, 404);
  });

  for (const [accepted, coding, unpack] of [
    ["br, gzip", "br", brotliDecompressSync],
    ["gzip", "gzip", gunzipSync],
    ["gzip;q=1, br;q=0", "gzip", gunzipSync],
    ["identity", undefined, (body: Buffer) => body],
  ] as const) {
    test(`gives a page compressed for a client that takes ${accepted}, and 304 for its ETag`, async () => {
      await put("/boards/main/cells/70", JSON.stringify({ value: true }));
      const ask = async (headers: Record<string, string>) => {
        const request = httpGet(`${instance.url}/boards/main/pages/0`, { headers });
        const [response]: IncomingMessage[] = await once(request, "response");
        assert.ok(response);
        return { response, body: await buffer(response) };
      };
      const { response, body } = await ask({ "accept-encoding": accepted });
      assert.equal(response.headers["content-encoding"], coding);
      assert.match(response.headers.vary ?? "", /accept-encoding/i);
      const bits = unpack(body);
      assert.equal(bits.length, 8_192);
      assert.equal(bits[8], 0b0000_0010);
      assert.ok(coding === undefined || body.length < 100, `${body.length} bytes for one checkbox`);
      const { etag = "" } = response.headers;
      assert.match(etag, coding ? /^W\/"\d+\.[\w-]{8}\.65536"$/ : /^"\d+\.[\w-]{8}\.65536"$/);
      const again = await ask({ "accept-encoding": accepted, "if-none-match": etag });
      assert.deepEqual([again.response.statusCode, again.body.length], [304, 0]);
      const { body: same } = await ask({ "accept-encoding": accepted });
      assert.deepEqual(same, body);
    });
  }

  test("tells browsers to load and run nothing but its own, nothing inline, and to keep others' pages from framing it", async () => {
    const { headers } = await get("/boards");
    const policy = new Map(
      (headers.get("content-security-policy") ?? "").split(";").map((each) => {
        const [name = "", ...values] = each.split(" ");
        return [name, values.join(" ")];
      }),
    );
    assert.equal(policy.get("default-src"), "'none'");
    for (const name of ["script-src", "style-src", "connect-src"]) assert.equal(policy.get(name), "'self'", name);
    for (const name of ["base-uri", "form-action"]) assert.equal(policy.get(name), "'none'", name);
    assert.match(policy.get("frame-ancestors") ?? "", /^'self'/);
    assert.equal(headers.get("x-content-type-options"), "nosniff");
    assert.equal(headers.get("x-powered-by"), null);
  });

  test("says that it is alive, ready, and what it counts", async () => {
    assert.equal((await get("/health")).status, 200);
    assert.equal((await get("/ready")).status, 200);
    const metrics = await (await get("/metrics")).text();
    for (const name of [
      "socketscaler_connections",
      "socketscaler_changes_total",
      "socketscaler_store_available 1",
      "process_cpu_seconds_total",
    ]) {
      assert.ok(metrics.includes(name), name);
    }
  });

  for (const [path, status, code] of [
    ["/boards/nowhere", 404, "UNKNOWN_BOARD"],
    ["/boards/__proto__", 404, "UNKNOWN_BOARD"],
    ["/boards/main/pages/2", 404, "PAGE_OUT_OF_RANGE"],
    ["/boards/main/pages/-1", 404, "PAGE_OUT_OF_RANGE"],
    ["/boards/main/pages/1.5", 404, "PAGE_OUT_OF_RANGE"],
    ["/boards/main/pages/99999999999999999999", 404, "PAGE_OUT_OF_RANGE"],
    ["/boards/main/pages/0x1", 404, "PAGE_OUT_OF_RANGE"],
    ["/boards/main/nothing", 404, "NOT_FOUND"],
    ["/nothing", 404, "NOT_FOUND"],
    ["/boards/%", 400, "BAD_REQUEST"],
  ] as const) {
    test(`GET ${path} is answered with ${code}`, async () => {
      const response = await get(path);
      assert.equal(response.status, status);
      const body: { error: { code: string; message: string } } = await response.json();
      assert.equal(body.error.code, code);
      assert.ok(body.error.message.length > 10);
    });
  }

  for (const [index, body, status, code] of [
    ["-1", '{"value":true}', 400, "CELL_OUT_OF_RANGE"],
    [`${SIZE}`, '{"value":true}', 400, "CELL_OUT_OF_RANGE"],
    ["4294967295", '{"value":true}', 400, "CELL_OUT_OF_RANGE"],
    ["9007199254740992", '{"value":true}', 400, "CELL_OUT_OF_RANGE"],
    ["NaN", '{"value":true}', 400, "CELL_OUT_OF_RANGE"],
    ["1.5", '{"value":true}', 400, "CELL_OUT_OF_RANGE"],
    ["length", '{"value":true}', 400, "CELL_OUT_OF_RANGE"],
    ["__proto__", '{"value":true}', 400, "CELL_OUT_OF_RANGE"],
    ["1", "null", 400, "BAD_REQUEST"],
    ["1", "{}", 400, "BAD_REQUEST"],
    ["1", '{"value":"true"}', 400, "BAD_REQUEST"],
    ["1", '{"value":2}', 400, "BAD_REQUEST"],
    ["1", "{", 400, "BAD_REQUEST"],
    ["1", `"${"x".repeat(10_000_000)}"`, 413, "PAYLOAD_TOO_LARGE"],
  ] as const) {
    test(`PUT of cell ${index} with ${body.slice(0, 20)} is answered with ${code} and changes nothing`, async () => {
      const before = await store.heads([0, 1].map((page) => ({ board: "main", page })));
      const response = await put(`/boards/main/cells/${index}`, body);
      assert.equal(response.status, status);
      const answer: { error: { code: string } } = await response.json();
      assert.equal(answer.error.code, code);
      assert.deepEqual(await store.heads([0, 1].map((page) => ({ board: "main", page }))), before);
    });
  }

  test("a body of another type is refused", async () => {
    assert.equal((await put("/boards/main/cells/1", "value=true", "application/x-www-form-urlencoded")).status, 400);
  });
});

describe("METRICS_PORT", () => {
  test("serves the routes for operators and no boards, and PORT no longer serves them", async (t) => {
    const instance = await startInstance({ DATA_DIR: temporaryFolder(t), METRICS_PORT: "0" });
    t.after(() => instance.stop());
    const metricsUrl = instance.metricsUrl?.replace("localhost", "127.0.0.1");
    assert.equal((await fetch(`${instance.url}/metrics`)).status, 404);
    assert.equal((await fetch(`${metricsUrl}/metrics`)).status, 200);
    for (const path of ["/state", "/boards", "/socket.io/?EIO=4&transport=polling"]) {
      assert.equal((await fetch(`${metricsUrl}${path}`)).status, 404, path);
    }
  });
});

describe("the HTTP limit", () => {
  test("counts an address over all instances on one Valkey, says how long to wait, and leaves sockets alone", async (t) => {
    const valkey = await startServer();
    t.after(() => valkey.stop());
    const flags = { VALKEY_URL: valkey.url, HTTP_PER_MINUTE: "20" };
    const instances = await Promise.all([1, 2].map(() => startInstance(flags)));
    t.after(() => Promise.all(instances.map((instance) => instance.stop())));
    const statuses: number[] = [];
    for (let count = 0; count < 24; count++) {
      statuses.push((await fetch(`${instances[count % 2]?.url}/boards`)).status);
    }
    assert.deepEqual(statuses, [...Array(20).fill(200), ...Array(4).fill(429)]);
    const refused = await fetch(`${instances[0]?.url}/state`);
    const { error }: { error: { code: string; retryAfterMs: number } } = await refused.json();
    assert.equal(error.code, "RATE_LIMITED");
    assert.ok(error.retryAfterMs > 0 && error.retryAfterMs <= 60_000);
    assert.ok(Number(refused.headers.get("retry-after")) > 0);
    assert.equal(refused.headers.get("ratelimit-policy"), "20;w=60");
    assert.match(refused.headers.get("ratelimit") ?? "", /^limit=20, remaining=0, reset=([1-9]|[1-5]\d|60)$/);
    assert.equal((await fetch(`${instances[0]?.url}/health`)).status, 200);
  });

  test("is counted by one script at a time, and no key of it is ever without an expiry", async (t) => {
    const valkey = await startServer();
    t.after(() => valkey.stop());
    const instance = await startInstance({ VALKEY_URL: valkey.url });
    const probe = await ValkeyStore.open({ url: valkey.url });
    const monitor = connect(valkey.port, "127.0.0.1");
    t.after(async () => {
      monitor.destroy();
      await instance.stop();
      await probe.close();
    });
    let seen = "";
    monitor.on("data", (data) => {
      seen += String(data);
    });
    monitor.write("MONITOR\r\n");
    await until("the monitor listens", () => seen.includes("+OK"));
    for (const left of [2_999, 2_998, 2_997]) {
      const { headers } = await fetch(`${instance.url}/boards`);
      assert.match(headers.get("ratelimit") ?? "", new RegExp(`remaining=${left}, `));
      // Like a restarted server, which has no scripts.
      await probe.command("any", "SCRIPT", "FLUSH");
    }
    await until("all three are counted", () => commandsOn(seen, NAMES.limits).length >= 3);
    // What is called from within a script is marked "lua": it cannot be cut in two.
    for (const line of commandsOn(seen, NAMES.limits)) assert.match(line, / lua\]|\] "EVAL(SHA)?"/i, line);
    const keys: unknown = await probe.command("any", "KEYS", `${NAMES.limits}*`);
    assert.ok(Array.isArray(keys) && keys.length > 0);
    for (const key of keys.map(String)) assert.ok(Number(await probe.command(key, "PTTL", key)) > 0, key);
  });
});

function commandsOn(monitored: string, prefix: string): string[] {
  return monitored
    .split("\r\n")
    .filter((line) => line.includes(prefix) && !line.includes('"PTTL"') && !line.includes('"KEYS"'));
}
