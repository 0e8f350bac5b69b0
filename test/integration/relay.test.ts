/* Relays: instances whose store is another instance. Everything works through them, and nothing acknowledged is lost. */

import assert from "node:assert/strict";
import { once } from "node:events";
import { describe, type TestContext, test } from "node:test";
import { SignJWT } from "jose";
import { WebSocket } from "ws";
import { packChanges } from "../../src/board/delta.js";
import type { ConnectOptions } from "../../src/client/index.js";
import { BadOption, type Flags, readConfig } from "../../src/server/config.js";
import { StoreUnusable } from "../../src/store/store.js";
import { newTag } from "../../src/store/tag.js";
import { credential, RELAY_SUBPROTOCOL } from "../../src/store/upstream/calls.js";
import { pack } from "../../src/store/upstream/packed.js";
import { storedBits, untilAllShow, watchBoard } from "../support/clients.js";
import { temporaryFolder } from "../support/folder.js";
import { type LocalInstance, spawnInstance, startInstance } from "../support/instances.js";
import { outcome } from "../support/outcome.js";
import { Random } from "../support/random.js";
import { RELAY_SECRET } from "../support/relay.js";
import { TcpProxy } from "../support/tcp-proxy.js";
import { until } from "../support/until.js";
import { startServer } from "../support/valkey-server.js";

const JWT_SECRET = "a secret of at least thirty-two bytes";

async function startOrigin(t: TestContext, flags: Flags = {}): Promise<LocalInstance> {
  const origin = await startInstance({ DATA_DIR: temporaryFolder(t), RELAY_SECRET, ...flags });
  t.after(() => origin.stop());
  return origin;
}

async function startRelay(t: TestContext, upstreams: string, flags: Flags = {}): Promise<LocalInstance> {
  const relay = await startInstance({ UPSTREAM_URL: upstreams, RELAY_SECRET, ...flags });
  t.after(() => relay.stop());
  return relay;
}

async function watchOn(t: TestContext, url: string, name = "main", options: ConnectOptions = {}) {
  const client = await watchBoard(url, name, options);
  t.after(client.close);
  return client.board;
}

async function startValkey(t: TestContext) {
  const valkey = await startServer();
  t.after(() => valkey.stop());
  return valkey;
}

function adminToken(): Promise<string> {
  const claims = { boards: { main: "admin" }, sub: "ann" };
  return new SignJWT(claims)
    .setProtectedHeader({ alg: "HS256" })
    .setExpirationTime("1h")
    .sign(new TextEncoder().encode(JWT_SECRET));
}

/** The upstream that the only relay uses, and the other one. */
async function usedFirst<Upstream extends { readonly url: string }>(upstreams: readonly Upstream[]) {
  const counts = await Promise.all(
    upstreams.map(async ({ url }) => /^socketscaler_relays (\d)$/m.exec(await (await fetch(`${url}/metrics`)).text())),
  );
  const first = upstreams.find((_, index) => counts[index]?.[1] === "1");
  const second = upstreams.find((each) => each !== first);
  assert.ok(first && second);
  return [first, second] as const;
}

async function bodyOf(url: string, init: RequestInit = {}) {
  const response = await fetch(url, init);
  assert.ok(response.ok, `${url}: ${response.status}`);
  return response.json();
}

describe("relays", { concurrency: true }, () => {
  test("clicks at the origin and at two relays reach everyone, and each is in the store once", async (t) => {
    const origin = await startOrigin(t, { BOARDS: "main=400,big=200000" });
    const relays = await Promise.all([startRelay(t, origin.url), startRelay(t, origin.url)]);
    const boards = await Promise.all([origin, ...relays].map(({ url }) => watchOn(t, url)));
    await Promise.all(
      boards.flatMap((board, from) => Array.from({ length: 100 }, (_, at) => board.set(at * 4 + from, true))),
    );
    const stored = await storedBits(origin.url, 400);
    assert.equal(stored, "1110".repeat(100));
    await untilAllShow(boards, stored);
    const listed = await Promise.all(relays.map(({ url }) => bodyOf(`${url}/boards`)));
    for (const { boards: list } of listed) {
      assert.deepEqual(list.map(({ name, size }: { name: string; size: number }) => `${name} ${size}`).toSorted(), [
        "big 200000",
        "main 400",
      ]);
    }
    const metrics = await (await fetch(`${origin.url}/metrics`)).text();
    assert.match(metrics, /^socketscaler_relays 2$/m);
    assert.match(metrics, /^socketscaler_relay_calls_total\{call="commit"\} [1-9]\d*$/m);
  });

  test("rights, freezes, the overview, boards, people and the cluster are the same through a relay", async (t) => {
    const rights = { ACCESS: "read-only", JWT_SECRET };
    const origin = await startOrigin(t, { BOARDS: "main=200000", ...rights });
    const relay = await startRelay(t, origin.url, rights);
    const viewer = await watchOn(t, relay.url);
    assert.equal(await outcome(viewer.set(1, true)), "UNAUTHORIZED");
    const token = await adminToken();
    const admin = await watchOn(t, relay.url, "main", { token: async () => token });
    const overview = admin.watchOverview();
    await overview.ready;
    await admin.set(70_000, true);
    await until("the viewer sees it", () => viewer.get(70_000) === true);
    await until("the overview counts it", () => admin.overview?.count(1) === 1);
    const headers = { authorization: `Bearer ${token}`, "content-type": "application/json" };
    const region = { method: "POST", headers, body: JSON.stringify({ start: 0, end: 10 }) };
    await bodyOf(`${relay.url}/boards/main/freeze`, region);
    assert.equal(await outcome(admin.set(3, true)), "FROZEN");
    assert.deepEqual((await bodyOf(`${origin.url}/boards/main/frozen`, { headers })).frozen, [{ start: 0, end: 10 }]);
    await bodyOf(`${relay.url}/boards/main`, { method: "PUT", headers, body: JSON.stringify({ size: 300_000 }) });
    await until(
      "the origin has the new size",
      async () => (await bodyOf(`${origin.url}/boards/main`)).size === 300_000,
    );
    await until("each knows of the other", async () => {
      const states = await Promise.all([origin, relay].map(({ url }) => bodyOf(`${url}/cluster`)));
      return states.every(({ instances }) => instances.length === 2);
    });
  });

  test("seats have one owner each, whether they are taken at the origin or at relays, and holds end", async (t) => {
    const origin = await startOrigin(t, { BOARDS: "seats=50", CLAIMS: "seats=2s" });
    const relays = await Promise.all([startRelay(t, origin.url), startRelay(t, origin.url)]);
    const users = await Promise.all([origin, ...relays, ...relays].map(({ url }) => watchOn(t, url, "seats")));
    const outcomes = await Promise.all(
      Array.from({ length: 50 }, (_, seat) => Promise.all(users.map((user) => outcome(user.set(seat, true))))),
    );
    for (const each of outcomes) assert.equal(each.filter((one) => one === "TAKEN").length, users.length - 1);
    assert.equal(
      users.reduce((sum, { mine }) => sum + mine.size, 0),
      50,
    );
    await until("every hold has ended, for all", () => users.every((user) => user.mine.size === 0 && !user.get(0)));
  });

  test("an origin that is killed loses nothing acknowledged, and its relay goes on through the other", async (t) => {
    const valkey = await startValkey(t);
    const flags = { VALKEY_URL: valkey.url, RELAY_SECRET, BOARDS: "main=1000" };
    const origins = await Promise.all([spawnInstance(flags), spawnInstance(flags)]);
    t.after(() => Promise.all(origins.map((origin) => origin.kill())));
    const relay = await startRelay(t, origins.map(({ url }) => url).join());
    const [writer, viewer] = [await watchOn(t, relay.url), await watchOn(t, relay.url)];
    const [first, second] = await usedFirst(origins);
    let acknowledged = 0;
    const writes = Array.from({ length: 500 }, async (_, cell) => {
      await writer.set(cell, true);
      if (++acknowledged === 100) await first.kill();
    });
    await Promise.all(writes);
    assert.equal((await storedBits(second.url, 1_000)).slice(0, 500), "1".repeat(500));
    await untilAllShow([viewer, writer], `${"1".repeat(500)}${"0".repeat(500)}`);
    assert.equal(relay.store.available, true);
  });

  test("an upstream that drains hands its relay over to the other before it ends", async (t) => {
    const valkey = await startValkey(t);
    const flags = { VALKEY_URL: valkey.url, BOARDS: "main=100", DRAIN_MS: "0" };
    const origins = [await startOrigin(t, flags), await startOrigin(t, flags)];
    const relay = await startRelay(t, origins.map(({ url }) => url).join());
    const board = await watchOn(t, relay.url);
    const [first, second] = await usedFirst(origins);
    const changes: boolean[] = [];
    relay.store.onAvailable((available) => changes.push(available));
    await Promise.all([first.drain(), ...Array.from({ length: 100 }, (_, cell) => board.set(cell, true))]);
    assert.equal(await storedBits(second.url, 100), "1".repeat(100));
    assert.deepEqual(changes, [], "there was a link at every moment");
  });

  test("a link that is cut, or half-open, is replaced, and viewers get what they missed", async (t) => {
    const origin = await startOrigin(t);
    const proxy = await TcpProxy.start(Number(new URL(origin.url).port));
    t.after(() => proxy.close());
    const relay = await startRelay(t, `http://127.0.0.1:${proxy.port}`);
    const [here, there] = [await watchOn(t, origin.url), await watchOn(t, relay.url)];
    for (const [round, fault] of (["cut", "stall", "cut"] as const).entries()) {
      proxy[fault]();
      for (let cell = 0; cell < 10; cell++) await here.set(round * 10 + cell, true);
      await there.set(90 + round, true);
      const stored = await storedBits(origin.url, 100);
      await untilAllShow([here, there], stored);
    }
  });

  test("two hundred viewers join a page that the relay holds, and the upstream is asked nothing", async (t) => {
    const origin = await startOrigin(t, { BOARDS: "main=1000" });
    const relay = await startRelay(t, origin.url, { CONNECTIONS_PER_ADDRESS: "2000" });
    const first = await watchOn(t, relay.url);
    await first.set(5, true);
    let reads = 0;
    for (const name of ["read", "since", "subscribe"] as const) {
      const real = relay.store[name].bind(relay.store) as (...args: never[]) => never;
      relay.store[name] = ((...args: never[]) => {
        reads++;
        return real(...args);
      }) as never;
    }
    const joined = await Promise.all(Array.from({ length: 200 }, () => watchOn(t, relay.url)));
    assert.ok(joined.every((board) => board.get(5)));
    assert.equal(reads, 0);
  });

  test("a wrong secret opens no link, and a relay is no upstream", async (t) => {
    const origin = await startOrigin(t);
    const relay = await startRelay(t, origin.url);
    const startWith = (flags: Flags) => startInstance({ UPSTREAM_URL: origin.url, RELAY_SECRET, ...flags });
    await assert.rejects(startWith({ RELAY_SECRET: "another secret, of thirty-two bytes" }), (error) => {
      assert.ok(error instanceof StoreUnusable);
      assert.match(error.message, /the secret is wrong\. Set the same RELAY_SECRET/);
      return true;
    });
    await assert.rejects(startWith({ UPSTREAM_URL: relay.url }), /it is a relay itself/);
  });

  test("wrong secrets do not keep out the clients that share their address", async (t) => {
    const origin = await startOrigin(t, { CONNECTIONS_PER_ADDRESS: "10" });
    for (let attempt = 0; attempt < 10; attempt++) {
      const socket = new WebSocket(`${origin.url.replace("http", "ws")}/socketscaler`, [RELAY_SUBPROTOCOL]);
      await assert.rejects(once(socket, "open"), /401/);
    }
    origin.instance.admission.connect("127.0.0.1");
  });

  test("upstreams with different boards are refused", async (t) => {
    const [one, other] = [await startOrigin(t), await startOrigin(t)];
    await assert.rejects(startInstance({ UPSTREAM_URL: `${one.url},${other.url}`, RELAY_SECRET }), (error) => {
      assert.ok(error instanceof StoreUnusable);
      assert.match(error.message, /different boards/);
      assert.ok([one, other].some(({ url }) => error.message.includes(new URL(url).host)));
      return true;
    });
  });

  test("an instance without RELAY_SECRET takes no relays, and says so", async (t) => {
    const plain = await startInstance({ DATA_DIR: temporaryFolder(t) });
    t.after(() => plain.stop());
    await assert.rejects(startInstance({ UPSTREAM_URL: plain.url, RELAY_SECRET }), /it accepts no relays/);
  });

  test("nothing that is sent on a link harms the upstream, or changes more than a call may", async (t) => {
    const origin = await startOrigin(t);
    const random = new Random(7);
    const connectRelay = async () => {
      const socket = new WebSocket(`${origin.url.replace("http", "ws")}/socketscaler`, [RELAY_SUBPROTOCOL], {
        headers: { authorization: credential(RELAY_SECRET) },
      });
      t.after(() => socket.terminate());
      socket.on("error", () => undefined);
      await once(socket, "open");
      return socket;
    };
    const page = { board: "main", page: 0 };
    const write = { session: "s", seq: 1, changes: packChanges([[1, 1]]) };
    const whole = pack([0, "commit", [page, { tag: newTag(), writes: [write] }]]);
    for (let round = 0; round < 200; round++) {
      const socket = await connectRelay();
      const bytes = Uint8Array.from(whole);
      for (let flips = 0; flips < 3; flips++) bytes[random.whole(0, bytes.length - 1)] = random.whole(0, 255);
      socket.send(round % 2 ? bytes : bytes.subarray(0, random.whole(0, bytes.length)));
      socket.send(pack([round, "read", [{ board: "main", page: -1 }]]));
      socket.send(pack([round, ["x"], null]));
      // The last message is not valid, so the upstream ends the link after it has judged all.
      await once(socket, "close");
    }
    const board = await watchOn(t, origin.url);
    await board.set(9, true);
    assert.equal((await bodyOf(`${origin.url}/health`)).status ?? "ok", "ok");
  });
});

test("the options of the store belong to the upstream, and a mistake says what to do", () => {
  const relay = { UPSTREAM_URL: "https://origin.example/tools,http://other:8000", RELAY_SECRET };
  const read = (flags: Flags) => readConfig({ ...relay, ...flags }, {});
  assert.deepEqual(read({}).upstreamUrls, ["https://origin.example/tools", "http://other:8000"]);
  assert.deepEqual(read({}).boards, {});
  assert.equal(read({ WORKERS: "2", ACCESS: "open,seats=read-only" }).workers, 2);
  const mistakes: [Flags, RegExp][] = [
    [{ RELAY_SECRET: undefined }, /without RELAY_SECRET/],
    [{ BOARDS: "main=100" }, /cannot have BOARDS: set it on the upstream/],
    [{ VALKEY_URL: "valkey://localhost" }, /cannot have VALKEY_URL/],
    [{ DURABILITY: "fsynced" }, /cannot have DURABILITY/],
    [{ CLAIMS: "seats" }, /cannot have CLAIMS/],
    [{ HISTORY: "1h" }, /cannot have HISTORY/],
    [{ UPSTREAM_URL: "ftp://origin" }, /upstream-url is "ftp:/],
    [{ UPSTREAM_URL: "https://user:secret@origin" }, /without a password/],
    [{ RELAY_SECRET: "short" }, /at least 32 bytes/],
    [{ LANE_PATH: "off" }, /LANE_PATH/],
  ];
  for (const [flags, expected] of mistakes) {
    assert.throws(
      () => read(flags),
      (error) => error instanceof BadOption && expected.test(error.message),
      JSON.stringify(flags),
    );
  }
});
