/*
 * What keeps an instance from Valkey, at its start and while it runs: each is reported once, in
 * words, with what to do; nothing is acknowledged meanwhile, and all is well again by itself.
 */

import assert from "node:assert/strict";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { createServer, type Socket } from "node:net";
import { describe, type TestContext, test } from "node:test";
import { packChanges } from "../../src/board/delta.js";
import { StoreAway, StoreUnusable } from "../../src/store/store.js";
import { newTag } from "../../src/store/tag.js";
import type { ValkeyStoreOptions } from "../../src/store/valkey/address/options.js";
import { parseValkeyUrl } from "../../src/store/valkey/address/url.js";
import { ValkeyConnection } from "../../src/store/valkey/server/connection.js";
import { ValkeyStore } from "../../src/store/valkey/valkey-store.js";
import { makeCertificates } from "../support/certificates.js";
import { temporaryFolder } from "../support/folder.js";
import { startInstance } from "../support/instances.js";
import { ask, askAs, Resp } from "../support/resp.js";
import { startSentinel } from "../support/sentinel.js";
import { until } from "../support/until.js";
import { freePort, SERVER, type ServerProcess, startServer } from "../support/valkey-server.js";

const page = { board: "main", page: 0 };
let seq = 0;

function commitOne(store: ValkeyStore) {
  const write = { session: "s", seq: ++seq, changes: packChanges([[seq, 1]]) };
  return store.commit(page, { tag: newTag(), writes: [write] });
}

async function start(t: TestContext, ...settings: string[]): Promise<ServerProcess> {
  const server = await startServer(SERVER, settings);
  t.after(() => server.stop());
  return server;
}

/**
 * A server that is being started again, and takes four seconds to load its data: more than a
 * connection is waited for.
 */
async function startLoading(t: TestContext, before?: (server: ServerProcess) => Promise<void>) {
  const delay = ["--key-load-delay", "8000", "--loading-process-events-interval-bytes", "1024"];
  const server = await start(t, ...delay, "--rdbcompression", "no");
  await before?.(server);
  const direct = await Resp.connect(server.port);
  await Promise.all(Array.from({ length: 500 }, (_, key) => direct.command("SET", `k${key}`, "v".repeat(100))));
  await direct.command("SAVE");
  direct.close();
  const restarted = server.restart();
  await until("it loads", () =>
    ask(server.port, "PING").then(
      () => false,
      (error) => /LOADING/.test(String(error)),
    ),
  );
  return { server, restarted };
}

async function open(t: TestContext, url: string) {
  const told: string[] = [];
  const store = await ValkeyStore.open({ url, incident: (line) => told.push(line) });
  t.after(() => store.close());
  return { store, told };
}

async function assertRefused(options: ValkeyStoreOptions, message: RegExp): Promise<void> {
  await assert.rejects(
    async () => (await ValkeyStore.open(options)).close(),
    (error) => {
      assert.ok(error instanceof StoreUnusable, String(error));
      assert.match(error.message, message);
      assert.doesNotMatch(error.message, /secret/);
      return true;
    },
  );
}

/**
 * A server that answers every command, but INFO and those of a login, with one error, as one that
 * loads its data; `closes` before it is asked anything.
 */
async function answering(t: TestContext, answer: string, closes = false) {
  const sockets: Socket[] = [];
  const info = answer.startsWith("-LOADING") ? "$9\r\nloading:1\r\n" : "$9\r\nloading:0\r\n";
  const server = createServer((socket) => {
    sockets.push(socket);
    socket.on("error", () => undefined);
    if (closes) return socket.end(answer);
    socket.on("data", (data) => {
      const commands = String(data).match(/\*\d+\r\n(?:\$\d+\r\n[^\r]*\r\n)+/g) ?? [];
      for (const command of commands) {
        const isLogin = /\r\n(auth|client|select)\r\n/i.test(command);
        const isInfo = /\r\ninfo\r\n/i.test(command);
        socket.write(isLogin ? "+OK\r\n" : isInfo ? info : answer);
      }
    });
    return socket;
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  assert.ok(address && typeof address === "object");
  t.after(() => server.close());
  return {
    url: `valkey://127.0.0.1:${address.port}`,
    endpoint: { host: "127.0.0.1", port: address.port },
    sockets,
  };
}

describe("a reply to no request", () => {
  test("says that channels moved if it is MOVED, and is a failure otherwise", async (t) => {
    const { endpoint, sockets } = await answering(t, "+OK\r\n");
    const cluster = parseValkeyUrl(`valkey+cluster://127.0.0.1:${endpoint.port}`);
    assert.ok(cluster);
    const heard: string[] = [];
    const connection = new ValkeyConnection(cluster, endpoint, "test", {
      channelsMoved: () => heard.push("moved"),
      failed: (error) => heard.push(String(error)),
      silent: () => heard.push("silent"),
    });
    t.after(() => connection.close());
    await connection.firstUp();
    sockets[0]?.write("-MOVED 5140 127.0.0.1:1\r\n-DENIED by a rule\r\n");
    await until("both are heard", () => heard.length === 2);
    assert.equal(heard[0], "moved");
    assert.match(heard[1] ?? "", /DENIED by a rule/);
  });
});

describe("a ping without an answer", () => {
  test("replaces the connection, unless the server still sends what was published", async (t) => {
    const { endpoint, sockets } = await answering(t, "");
    const single = parseValkeyUrl(`valkey://127.0.0.1:${endpoint.port}`);
    assert.ok(single);
    const heard: string[] = [];
    const connection = new ValkeyConnection(single, endpoint, "test", {
      message: () => undefined,
      failed: () => undefined,
      silent: () => heard.push("silent"),
    });
    t.after(() => connection.close());
    await connection.firstUp();
    const flood = setInterval(() => sockets[0]?.write("*3\r\n$7\r\nmessage\r\n$1\r\nc\r\n$1\r\nx\r\n"), 100);
    await connection.beat();
    clearInterval(flood);
    assert.deepEqual(heard, []);
    await connection.beat();
    assert.deepEqual(heard, ["silent"]);
  });
});

describe("at the start", { concurrency: true }, () => {
  for (const [answer, message] of [
    ["-LOADING Valkey is loading the dataset in memory", /it answers "LOADING .*"\. Wait until/],
    ["-MASTERDOWN Link with MASTER is down", /it answers "MASTERDOWN .*"\. It is a replica without/],
    ["-NOAUTH Authentication required.", /it answers "NOAUTH .*"\. Write the user and password/],
    ["-DENIED Valkey is running in protected mode", /it answers "DENIED .*"\. Give the server a password/],
    ["-ERR unknown command 'EVALSHA'", /it answers "ERR unknown command .*"\. Use Valkey 8/],
    ["-STRANGE as never seen", /it answers "STRANGE as never seen"\. Check its log/],
  ] as const) {
    test(`the answer ${answer} is reported in the server's words`, async (t) => {
      await assertRefused(await answering(t, `${answer}\r\n`), message);
    });
  }

  test("a server that is full says so, though it closes the connection at once", async (t) => {
    const { url } = await answering(t, "-ERR max number of clients reached\r\n", true);
    await assertRefused({ url }, /it answers "ERR max number of clients reached"\. Raise maxclients/);
  });

  test("a real server that is full, has another password, or lost its primary", async (t) => {
    const full = await start(t, "--maxclients", "1");
    const holding = await Resp.connect(full.port);
    t.after(() => holding.close());
    await holding.command("PING");
    await assertRefused({ url: full.url }, /ERR max number of clients reached"\. Raise maxclients/);
    const locked = await start(t, "--requirepass", "other");
    await assertRefused({ url: locked.url }, /it answers "NOAUTH .*Write the user and password/);
    await assertRefused(
      { url: locked.url.replace("//", "//:secret@") },
      /it answers "WRONGPASS .*Set the server's user/,
    );
    const replica = await start(
      t,
      "--replicaof",
      "127.0.0.1",
      String(await freePort()),
      "--replica-serve-stale-data",
      "no",
    );
    await assertRefused({ url: replica.url }, /it answers "MASTERDOWN /);
  });

  test("an address where nothing is, a name that is none, and a server that closes or says nothing", async (t) => {
    const port = await freePort();
    await assertRefused(
      { url: `valkey://127.0.0.1:${port}` },
      new RegExp(`nothing listens at 127.0.0.1:${port} .*Start it`),
    );
    await assertRefused({ url: "valkey://no.such.invalid" }, /the name no\.such\.invalid cannot be resolved .*DNS/);
    await assertRefused(await answering(t, "", true), /the connection failed .*Check the server's log/);
    await assertRefused(
      await answering(t, "HTTP/1.1 400 Bad Request\r\n\r\n", true),
      /is not a Valkey server\. Correct/,
    );
    await assertRefused(await answering(t, ""), /it does not answer .*whether the server hangs, and check the network/);
  });

  test("Sentinel that knows no such primary", async (t) => {
    const primary = await start(t, "--repl-diskless-sync-delay", "0");
    const replica = await start(t, "--replicaof", "127.0.0.1", String(primary.port), "--repl-ping-replica-period", "1");
    const sentinel = await startSentinel(primary);
    t.after(() => sentinel.stop());
    assert.ok(replica.port > 0);
    const url = sentinel.url.replace(/\w+$/, "others");
    await assertRefused({ url }, /does not know a primary called others\. Correct the name in VALKEY_URL/);
  });
});

describe("TLS", () => {
  test("each kind of mismatch is named, and a client certificate that is accepted works", async (t) => {
    const folder = temporaryFolder(t);
    const made = makeCertificates(folder);
    const others = makeCertificates(temporaryFolder(t));
    const [ca, cert, key] = [made.ca, made.cert, made.key].map((file) => readFileSync(file, "utf8"));
    const port = await freePort();
    const files = ["--tls-cert-file", made.cert, "--tls-key-file", made.key, "--tls-ca-cert-file", made.ca];
    const valkey = await start(t, "--tls-port", String(port), ...files, "--tls-auth-clients", "yes");
    const url = `valkeys://127.0.0.1:${port}`;
    await assertRefused({ url: url.replace("valkeys", "valkey") }, /speaks TLS\. Write valkeys:\/\/ instead/);
    await assertRefused({ url: `valkeys://127.0.0.1:${valkey.port}`, ca }, /does not speak TLS\. Write valkey:\/\//);
    await assertRefused({ url, ca }, /requires a client certificate .*Set VALKEY_CERT and VALKEY_KEY/);
    const strange = { cert: readFileSync(others.cert, "utf8"), key: readFileSync(others.key, "utf8") };
    await assertRefused({ url, ca, ...strange }, /does not accept the client certificate .*VALKEY_CERT/);
    await assertRefused(
      { url, ca: readFileSync(others.ca, "utf8"), cert, key },
      /certificate is not trusted .*VALKEY_CA/,
    );
    await assertRefused(
      { url, ca, cert, key: strange.key },
      /cannot use VALKEY_CA, VALKEY_CERT or VALKEY_KEY \(.*each must name a PEM file/,
    );
    const flags = { VALKEY_URL: url, VALKEY_CA: made.ca, VALKEY_CERT: made.cert, VALKEY_KEY: made.key };
    const instance = await startInstance(flags);
    t.after(() => instance.stop());
    assert.equal((await fetch(`${instance.url}/ready`)).status, 200);
    await assert.rejects(startInstance({ ...flags, VALKEY_KEY: "/nowhere.pem" }), /cannot read VALKEY_KEY \(\/nowhere/);
    await assert.rejects(
      startInstance({ ...flags, VALKEY_KEY: undefined }),
      /VALKEY_CERT is set without VALKEY_KEY: set both/,
    );
  });
});

describe("while it runs", () => {
  for (const [code, settings, undo, remedy] of [
    ["OOM", ["maxmemory", "1"], ["maxmemory", "0"], "Raise maxmemory"],
    ["NOREPLICAS", ["min-replicas-to-write", "3"], ["min-replicas-to-write", "0"], "Bring its replicas back"],
  ] as const) {
    test(`${code} is reported once, acknowledges nothing, and ends by itself`, async (t) => {
      const server = await start(t);
      const { store, told } = await open(t, server.url);
      await ask(server.port, "CONFIG", "SET", ...settings);
      for (let count = 0; count < 5; count++)
        await assert.rejects(commitOne(store), (error) => error instanceof StoreAway && !error.sent);
      assert.equal(told.length, 1, told.join("\n"));
      assert.match(told[0] ?? "", new RegExp(`it answers "${code} .*"\\. ${remedy}`));
      await ask(server.port, "CONFIG", "SET", ...undo);
      assert.equal((await commitOne(store)).position.version, 1);
    });
  }

  test("READONLY is reported once, however often the connections are made again", async (t) => {
    const server = await start(t);
    const { store, told } = await open(t, server.url);
    await ask(server.port, "REPLICAOF", "127.0.0.1", String(await freePort()));
    let refused = 0;
    await until("it was left twice", async () => {
      await commitOne(store).catch((error: unknown) => {
        assert.ok(error instanceof StoreAway && !error.sent, String(error));
        if (/READONLY/.test(error.message)) refused++;
      });
      const connections = String(await ask(server.port, "INFO", "stats"));
      return refused > 2 && Number(/total_connections_received:(\d+)/.exec(connections)?.[1]) > 10;
    });
    const lines = told.filter((line) => line.includes("READONLY"));
    assert.equal(lines.length, 1, told.join("\n"));
    assert.match(lines[0] ?? "", /It is a replica\. Name the primary/);
    await ask(server.port, "REPLICAOF", "NO", "ONE");
    await until("writes are taken", () => commitOne(store).then(Boolean, () => false));
    assert.equal(told.length, 1, told.join("\n"));
  });

  test("a primary that lost its own is MASTERDOWN: not ready, reported once, and back by itself", async (t) => {
    const server = await start(t, "--replica-serve-stale-data", "no");
    const { store, told } = await open(t, server.url);
    await ask(server.port, "REPLICAOF", "127.0.0.1", String(await freePort()));
    await assert.rejects(commitOne(store), (error) => error instanceof StoreAway && !error.sent);
    await until("it is told", () => !store.available && told.some((line) => line.includes("MASTERDOWN")));
    await ask(server.port, "REPLICAOF", "NO", "ONE");
    await until("it is back", () => store.available);
    await commitOne(store);
    assert.equal(told.filter((line) => line.includes("MASTERDOWN")).length, 1, told.join("\n"));
  });

  test("a password that was rotated is named when the connections are lost, once, and never shown", async (t) => {
    const server = await start(t, "--requirepass", "secret");
    const { store, told } = await open(t, server.url.replace("//", "//:secret@"));
    const login = ["default", "secret"] as const;
    await askAs(server.port, login, "CONFIG", "SET", "requirepass", "rotated");
    const direct = await Resp.connect(server.port);
    t.after(() => direct.close());
    await direct.command("AUTH", "rotated");
    await direct.command("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes");
    await direct.command("CLIENT", "KILL", "TYPE", "pubsub");
    await until("it is told", () => told.some((line) => line.includes("WRONGPASS")));
    await assert.rejects(commitOne(store), (error) => error instanceof StoreAway && !error.sent);
    await direct.command("CONFIG", "SET", "requirepass", "secret");
    await until("it is back", () => store.available);
    assert.equal(told.filter((line) => line.includes("WRONGPASS")).length, 1, told.join("\n"));
    assert.match(told.join("\n"), /Set the server's user and password in VALKEY_URL, and restart/);
    assert.doesNotMatch(told.join("\n"), /secret|rotated/);
  });

  test("a server that returns while loading is reported as loading, and used when it has loaded", async (t) => {
    let opened: Awaited<ReturnType<typeof open>> | undefined;
    const { restarted } = await startLoading(t, async ({ url }) => {
      opened = await open(t, url);
      await commitOne(opened.store);
    });
    assert.ok(opened);
    const { store, told } = opened;
    await until("it is told", () => told.some((line) => line.includes("LOADING")));
    await restarted;
    await until("it is back", () => store.available);
    await commitOne(store);
    assert.equal(told.filter((line) => line.includes("LOADING")).length, 1, told.join("\n"));
  });

  test("a server that is gone is told of in words, and no line is a bare code", async (t) => {
    const server = await start(t);
    const { store, told } = await open(t, server.url);
    await server.kill();
    await until("it is told why", () => told.some((line) => line.includes("nothing listens at")));
    assert.match(
      told[0] ?? "",
      /is unavailable: the connection was lost\. Writes wait, and are refused if it does not return in time/,
    );
    await server.restart();
    await until("it is back", () => store.available);
    assert.equal(told.length, 3, told.join("\n"));
    assert.match(told[2] ?? "", /is back after/);
  });
});
