/* What an ACL user lacks is found before a server counts, named as a rule, and never leaves half a write. */

import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, type TestContext, test } from "node:test";
import { fileURLToPath } from "node:url";
import { packChanges } from "../../src/board/delta.js";
import { parseDurabilities } from "../../src/store/durability.js";
import { StoreAway, StoreUnusable } from "../../src/store/store.js";
import { newTag } from "../../src/store/tag.js";
import { Names } from "../../src/store/valkey/scripts/keys.js";
import { needsOf } from "../../src/store/valkey/server/rights.js";
import { ValkeyStore } from "../../src/store/valkey/valkey-store.js";
import { startInstance } from "../support/instances.js";
import { ask } from "../support/resp.js";
import { until } from "../support/until.js";
import { startCluster } from "../support/valkey-cluster.js";
import { type Engine, type ServerProcess, startServer } from "../support/valkey-server.js";

const page = { board: "main", page: 0 };
/** As docs/configure.md gives it. */
const RULES =
  /^ {4}user boards (.*)$/m
    .exec(readFileSync(new URL("../../docs/configure.md", import.meta.url), "utf8"))?.[1]
    ?.replace(" +waitaof", "")
    .split(" ") ?? [];

async function start(t: TestContext, engine: Engine = "valkey-server"): Promise<ServerProcess> {
  const server = await startServer(engine);
  t.after(() => server.stop());
  await ask(server.port, "ACL", "SETUSER", "boards", ...RULES);
  return server;
}

const asBoards = (url: string) => url.replace("//", "//boards:secret@");
const allow = (server: ServerProcess, ...rules: string[]) => ask(server.port, "ACL", "SETUSER", "boards", ...rules);

function commitOne(store: ValkeyStore, cell = 1) {
  const write = { session: "s", seq: cell, changes: packChanges([[cell, 1]]) };
  return store.commit(page, { tag: newTag(), writes: [write] });
}

describe("a user that lacks a right", () => {
  for (const engine of ["valkey-server", "redis-server"] as const) {
    for (const [rules, named] of [
      [["-evalsha"], "+evalsha"],
      [["-script"], "+script|load"],
      [["-subscribe"], "+subscribe"],
      [["-publish"], "+publish"],
      [["-xadd"], "+xadd"],
      [["-incr"], "+incr"],
      [["-publish", "-hset", "-zadd"], "+hset +zadd +publish"],
      [["resetchannels"], "&server:broker:*"],
      [["resetchannels", "&server:broker:{main:*"], "&server:broker:*"],
      [["resetkeys", "~other:*"], "~ss:*"],
      [["resetkeys", "resetchannels"], "~ss:* &server:broker:*"],
      [["resetkeys", "%R~ss:*"], "~ss:*"],
    ] as const) {
      test(`${engine}: ${rules.join(" ")} ends the start with the rule ${named}`, async (t) => {
        const server = await start(t, engine);
        // A channel pattern that leaves out the overview.
        await allow(server, ...rules.map((rule) => rule.replace("{main:*", "{main:0}")));
        await assert.rejects(ValkeyStore.open({ url: asBoards(server.url) }), (error) => {
          assert.ok(error instanceof StoreUnusable, String(error));
          assert.ok(error.message.endsWith(`: ACL SETUSER boards ${named}`), error.message);
          assert.doesNotMatch(error.message, /secret/);
          return true;
        });
      });
    }

    test(`${engine}: a write that could not be published or recorded has no effect, and is accepted when the right is back`, async (t) => {
      const server = await start(t, engine);
      const told: string[] = [];
      const store = await ValkeyStore.open({ url: asBoards(server.url), incident: (line) => told.push(line) });
      t.after(() => store.close());
      for (const [taken, given] of [
        ["-publish", "+publish"],
        ["-xadd", "+xadd"],
        ["-hset", "+hset"],
      ] as const) {
        await allow(server, taken);
        await assert.rejects(commitOne(store), (error) => error instanceof StoreAway && !error.sent);
        // Without history it needs no XADD.
        if (taken !== "-xadd") await assert.rejects(store.replace(page, newTag(), new Uint8Array([1])), StoreAway);
        await until("it is unavailable", () => !store.available);
        assert.equal(await ask(server.port, "EXISTS", "ss:{main:0}:bits", "ss:{main:0}:head"), 0, taken);
        await allow(server, given);
        await until("it is available", () => store.available);
      }
      assert.equal((await commitOne(store)).position.version, 1);
      for (const rule of ["publish", "xadd", "hset"])
        assert.equal(told.filter((line) => line.endsWith(`ACL SETUSER boards +${rule}`)).length, 1, told.join("\n"));
    });

    test(`${engine}: a repair that nobody would hear of has no effect, and is made when the right is back`, async (t) => {
      const server = await start(t, engine);
      const store = await ValkeyStore.open({ url: asBoards(server.url) });
      t.after(() => store.close());
      await commitOne(store);
      await ask(server.port, "DEL", "ss:{main:0}:bits");
      const stored = async () => [
        await ask(server.port, "HGETALL", "ss:{main:0}:head"),
        await ask(server.port, "EXISTS", "ss:{main:0}:log"),
      ];
      const before = await stored();
      for (const right of ["publish", "hset", "del"]) {
        await allow(server, `-${right}`);
        await assert.rejects(store.read(page), StoreAway);
        assert.deepEqual(await stored(), before, right);
        await until("it is unavailable", () => !store.available);
        await allow(server, `+${right}`);
        await until("it is available", () => store.available);
      }
      assert.equal((await store.read(page)).position.version, 2);
    });
  }

  test("makes /ready answer 503 while the right is missing, even without a write", async (t) => {
    const server = await start(t);
    const instance = await startInstance({ VALKEY_URL: asBoards(server.url) });
    t.after(() => instance.stop());
    const ready = async () => (await fetch(`${instance.url}/ready`)).status;
    assert.equal(await ready(), 200);
    for (const [taken, given] of [
      ["-setbit", "+setbit"],
      ["resetchannels", "&server:broker:*"],
    ] as const) {
      await allow(server, taken);
      await until("it is not ready", async () => (await ready()) === 503);
      await allow(server, given);
      await until("it is ready", async () => (await ready()) === 200);
    }
  });

  test("on one primary of a cluster ends the start", async (t) => {
    const cluster = await startCluster({ replicasEach: 0 });
    t.after(() => cluster.stop());
    for (const node of cluster.nodes) await node.command("ACL", "SETUSER", "boards", ...RULES);
    await (await ValkeyStore.open({ url: asBoards(cluster.url) })).close();
    await cluster.nodes[2]?.command("ACL", "SETUSER", "boards", "-spublish");
    await assert.rejects(ValkeyStore.open({ url: asBoards(cluster.url) }), /ACL SETUSER boards \+spublish$/);
  });

  test("need have no more than the boards that there are", async (t) => {
    const server = await start(t);
    await allow(server, "resetkeys", "~ss:{seats:*", "~ss:{instances}*", "~ss:{roll}*", "~ss:{boards}*", "~ss:limit:*");
    await allow(server, "resetchannels", "&server:broker:{seats:*", "&server:broker:{boards}");
    await (await ValkeyStore.open({ url: asBoards(server.url), boards: ["seats"] })).close();
    await assert.rejects(ValkeyStore.open({ url: asBoards(server.url), boards: ["main"] }), StoreUnusable);
  });
});

test("the list of rights has every command that scripts and links use", () => {
  const durabilities = parseDurabilities("fsynced,main=replicated");
  assert.ok(durabilities);
  const histories = { boards: new Map(), others: 1, deltasMax: 1 };
  const claims = { boards: new Map(), others: { ms: 1, isLease: true } };
  const listed = new Set(
    (["PUBLISH", "SPUBLISH"] as const).flatMap((publish) =>
      needsOf(new Names(), { boards: ["main"], publish, durabilities, histories, claims }).commands.map(
        ([name]) => name,
      ),
    ),
  );
  const store = fileURLToPath(new URL("../../src/store", import.meta.url));
  const texts = readdirSync(store, { recursive: true, encoding: "utf8" })
    // The doctor asks for more, and says so if it may not.
    .filter((name) => /\.(lua|ts)$/.test(name) && !/valkey-checkup|durability-check|rights/.test(name))
    .map((name) => readFileSync(join(store, name), "utf8"));
  const used = texts.flatMap((text) =>
    Array.from(text.matchAll(/call\(["']([A-Z]+)["']|command\((?:\w+, |\[)"([A-Z]+)"|#copies\("([A-Z]+)"/g), (found) =>
      String(found[1] ?? found[2] ?? found[3]),
    ),
  );
  assert.ok(new Set(used).size > 20, used.join());
  // On the way to a server, not on boards.
  const ofConnections = ["ASKING", "SELECT"];
  for (const name of used) assert.ok(listed.has(name) || ofConnections.includes(name), name);
});
