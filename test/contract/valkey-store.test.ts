import assert from "node:assert/strict";
import { connect, createServer } from "node:net";
import { test } from "node:test";
import { packChanges } from "../../src/board/delta.js";
import type { PageRef } from "../../src/board/geometry.js";
import { GENESIS, type Position } from "../../src/board/position.js";
import { HISTORY_BYTES_MAX } from "../../src/store/history.js";
import { PAGE_BYTES, publishedBytes, SINCE_BYTES_MAX } from "../../src/store/logged.js";
import { encodeOps } from "../../src/store/ops.js";
import { BATCH_CHANGES_MAX, StoreAway, StoreUnusable } from "../../src/store/store.js";
import { newTag } from "../../src/store/tag.js";
import { commitCall, sinceCall } from "../../src/store/valkey/scripts/page-calls.js";
import { ValkeyStore } from "../../src/store/valkey/valkey-store.js";
import { NAMES, pageKeys } from "../support/keys.js";
import { ask } from "../support/resp.js";
import { bytesRead, runAt } from "../support/script-run.js";
import { until } from "../support/until.js";
import { freePort, SERVER, startServer } from "../support/valkey-server.js";
import { CONTRACT_HISTORIES, historyContract } from "./history-contract.js";
import { CONTRACT_LIMITS, storeContract } from "./store-contract.js";

for (const engine of ["valkey-server", "redis-server"] as const) {
  storeContract(engine, async () => {
    const server = await startServer(engine);
    const store = await ValkeyStore.open({ url: server.url, limits: CONTRACT_LIMITS });
    return {
      store,
      close: async () => {
        await store.close();
        await server.stop();
      },
    };
  });
}

historyContract("valkey", async () => {
  const server = await startServer();
  const store = await ValkeyStore.open({ url: server.url, histories: CONTRACT_HISTORIES });
  return {
    store,
    close: async () => {
      await store.close();
      await server.stop();
    },
  };
});

const page = { board: "main", page: 0 };

function commitOne(store: ValkeyStore, cell: number) {
  return store.commit(page, { tag: newTag(), writes: [{ session: "", seq: 1, changes: packChanges([[cell, 1]]) }] });
}

for (const [what, keyframes] of [
  ["", true],
  [" also if an older release recorded it, without keyframes", false],
] as const) {
  test(`a moment long ago is read in few bytes, whatever was recorded since${keyframes ? "" : ":"}${what}`, async (t) => {
    const server = await startServer();
    t.after(() => server.stop());
    const histories = { boards: new Map<string, number>(), others: 3_600_000, deltasMax: 100_000 };
    const store = await ValkeyStore.open({ url: server.url, histories });
    t.after(() => store.close());
    const { head } = pageKeys(page);
    await commitOne(store, 1);
    if (!keyframes) await store.command(head, "HSET", head, "hb", "-1000000000");
    await Promise.all(Array.from({ length: 3_000 }, (_, cell) => commitOne(store, cell + 2)));
    const present = await store.history(page, { fromMs: Number.MAX_SAFE_INTEGER, toMs: Number.MAX_SAFE_INTEGER });
    assert.ok(present);
    const sent = async () =>
      Number(/total_net_output_bytes:(\d+)/.exec(String(await store.command("", "INFO", "stats")))?.[1]);
    const before = await sent();
    const history = await store.history(page, { fromMs: 0, toMs: 1 });
    const bytes = (await sent()) - before;
    assert.deepEqual(history?.deltas, []);
    assert.ok(history.start.bits.every((byte) => byte === 0));
    if (keyframes) assert.ok(bytes <= 8 * PAGE_BYTES, `${bytes} bytes`);
    const all = await store.history(page, { fromMs: 0, toMs: present.nowMs });
    assert.ok(all && all.deltas.length > 100);
    const answered = sum(all.deltas.map(({ delta }) => publishedBytes(delta)));
    assert.ok(answered <= HISTORY_BYTES_MAX, `${answered} bytes`);
  });
}

test("a server that forgot the scripts gets them again", async (t) => {
  const server = await startServer();
  t.after(() => server.stop());
  const store = await ValkeyStore.open({ url: server.url });
  t.after(() => store.close());
  await commitOne(store, 1);
  await store.command("any", "SCRIPT", "FLUSH");
  assert.equal((await commitOne(store, 2)).position.version, 2);
});

test("a server that forgets a script as soon as it has it gets it again", async (t) => {
  const server = await startServer();
  t.after(() => server.stop());
  let isForgetting = false;
  const proxy = createServer((client) => {
    const upstream = connect(server.port, "127.0.0.1");
    client.on("data", (bytes) => {
      upstream.write(bytes);
      if (!isForgetting || !bytes.includes("LOAD")) return;
      isForgetting = false;
      upstream.pause();
      // The script is there, which the store does not know yet.
      void untilLoaded().then(() => upstream.resume());
    });
    upstream.on("data", (bytes) => client.write(bytes));
    for (const end of [client, upstream]) end.on("close", () => [client, upstream].map((each) => each.destroy()));
    for (const end of [client, upstream]) end.on("error", () => undefined);
  });
  const memory = async () =>
    /number_of_cached_scripts:(\d+)/.exec(String(await ask(server.port, "INFO", "memory")))?.[1];
  const untilLoaded = async () => {
    await until("the script is loaded", async () => (await memory()) !== "0");
    await ask(server.port, "SCRIPT", "FLUSH");
  };
  await new Promise<void>((done) => proxy.listen(0, "127.0.0.1", done));
  t.after(() => proxy.close());
  const address = proxy.address();
  assert.ok(address && typeof address === "object", "the proxy has a port");
  const store = await ValkeyStore.open({ url: `valkey://127.0.0.1:${address.port}` });
  t.after(() => store.close());
  await commitOne(store, 1);
  await ask(server.port, "SCRIPT", "FLUSH");
  isForgetting = true;
  assert.equal((await commitOne(store, 2)).position.version, 2);
  assert.equal(isForgetting, false, "the script was forgotten twice");
});

test("changes since a position cost no more than a few snapshots, and a made-up position no more than one", async (t) => {
  const server = await startServer();
  t.after(() => server.stop());
  const store = await ValkeyStore.open({ url: server.url });
  t.after(() => store.close());
  const read = (ref: PageRef, position: Position) => bytesRead(store, sinceCall(NAMES, ref, position));
  const sent = async () =>
    Number(/total_net_output_bytes:(\d+)/.exec(String(await store.command("", "INFO", "stats")))?.[1]);
  const cells = Array.from({ length: BATCH_CHANGES_MAX }, (_, cell) => cell);
  for (const [size, count] of [
    [1, 2_000],
    [200, 130],
    [BATCH_CHANGES_MAX, 40],
  ] as const) {
    const ref = { board: `entries-of-${size}`, page: 0 };
    const positions = [GENESIS];
    for (let at = 0; at < count; at++) {
      const changes = packChanges(cells.slice(0, size).map((cell) => [cell, at % 2 ? 0 : 1] as const));
      const { position } = await store.commit(ref, {
        tag: newTag(),
        writes: [{ session: "", seq: 1, changes }],
      });
      positions.push(position);
    }
    for (const version of [0, 1, Math.floor(count / 2), count - 2, count, count + 1]) {
      const bytes = await read(ref, { version, tag: newTag() });
      assert.ok(bytes <= PAGE_BYTES + 3 * BATCH_CHANGES_MAX, `made up, ${version} of ${size} changes: ${bytes} bytes`);
    }
    const kinds = new Set<string>();
    for (let version = 0; version <= count; version += Math.ceil(count / 40)) {
      const position = positions[version] ?? GENESIS;
      assert.ok((await read(ref, position)) <= PAGE_BYTES + 3 * BATCH_CHANGES_MAX);
      const before = await sent();
      const answer = await store.since(ref, position);
      kinds.add(answer.kind);
      const bytes = answer.kind === "deltas" ? sum(answer.deltas.map(publishedBytes)) : answer.bits.length;
      assert.ok(bytes <= SINCE_BYTES_MAX, `from ${version} by ${answer.kind}: ${bytes} bytes`);
      // Names and lengths of the fields are more than small deltas themselves.
      const onTheWire = (await sent()) - before;
      assert.ok(onTheWire <= 4 * SINCE_BYTES_MAX, `from ${version}: ${onTheWire} bytes`);
    }
    assert.deepEqual([...kinds].toSorted(), ["deltas", "snapshot"]);
  }
});

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, each) => total + each, 0);
}

test("a version that an older release logged without counting bytes is answered with a snapshot, and the next ones by deltas", async (t) => {
  const server = await startServer();
  t.after(() => server.stop());
  const store = await ValkeyStore.open({ url: server.url });
  t.after(() => store.close());
  const { head } = pageKeys(page);
  const first = await commitOne(store, 1);
  // An older release moves v and leaves l as it is.
  await store.command(head, "HSET", head, "l", "0 0");
  await commitOne(store, 2);
  assert.equal((await store.since(page, GENESIS)).kind, "snapshot");
  assert.equal((await store.since(page, first.position)).kind, "deltas");
});

test("sessions are remembered for the promised time however the server's clock jumps, and then forgotten", async (t) => {
  const server = await startServer();
  t.after(() => server.stop());
  const store = await ValkeyStore.open({ url: server.url });
  t.after(() => store.close());
  const mode = { publish: "PUBLISH", isMarked: false, history: { ms: 0, deltasMax: 0 } } as const;
  let nowMs = Date.now();
  const { seenMs } = CONTRACT_LIMITS;
  const outcome = async (session: string) => {
    const batch = { tag: newTag(), writes: [{ session, seq: 1, changes: packChanges([[1, 1]]) }] };
    const call = commitCall(NAMES, page, batch, CONTRACT_LIMITS, mode);
    return (await runAt(store, call, nowMs)).outcomes[0];
  };
  assert.equal(await outcome("retried"), "accepted");
  for (const [at, jumpMs] of [
    seenMs * 1.1,
    -seenMs * 1.1,
    seenMs * 100,
    -seenMs * 200,
    seenMs * 1.1,
    seenMs * 1.1,
  ].entries()) {
    nowMs += jumpMs;
    assert.equal(await outcome(`other ${at}`), "accepted");
    nowMs += 1_000;
    assert.equal(await outcome("retried"), "duplicate", `after a jump of ${jumpMs} ms`);
  }
  // Time that passes, in steps that nobody would call jumps.
  for (let passedMs = 0; passedMs <= 2.2 * seenMs; passedMs += 1_000) {
    nowMs += 1_000;
    await outcome(`later ${passedMs}`);
  }
  assert.equal(await outcome("retried"), "accepted");
});

test("each generation of remembered sessions expires by itself, even one that has just begun", async (t) => {
  const server = await startServer();
  t.after(() => server.stop());
  const store = await ValkeyStore.open({ url: server.url, limits: CONTRACT_LIMITS });
  t.after(() => store.close());
  const { seen } = pageKeys(page);
  for (let session = 0; session < 3 * CONTRACT_LIMITS.seenSessionsMax; session++) {
    const writes = [{ session: `s${session}`, seq: 1, changes: packChanges([[1, 1]]) }];
    await store.commit(page, { tag: newTag(), writes });
    for (const key of seen) {
      const ttlMs = Number(await store.command(key, "PTTL", key));
      assert.ok(
        ttlMs === -2 || ttlMs > CONTRACT_LIMITS.seenMs,
        `${key} expires in ${ttlMs} ms after ${session} sessions`,
      );
    }
  }
});

test("clearing where nothing is checked makes no bitmap, and the last cell cleared takes it away", async (t) => {
  const server = await startServer();
  t.after(() => server.stop());
  const store = await ValkeyStore.open({ url: server.url });
  t.after(() => store.close());
  const set = (value: 0 | 1) =>
    store.commit(page, { tag: newTag(), writes: [{ session: "", seq: 1, changes: packChanges([[65_535, value]]) }] });
  const { bits } = pageKeys(page);
  const bitmaps = () => store.command(bits, "EXISTS", bits);
  await set(0);
  assert.equal(await bitmaps(), 0);
  await set(1);
  assert.equal(await bitmaps(), 1);
  assert.equal((await set(0)).checked, 0);
  assert.equal(await bitmaps(), 0);
  assert.equal((await store.read(page)).bits.length, 0);
});

test("a commit reports the server's clock, also with a refusal for a freeze", async (t) => {
  const server = await startServer();
  t.after(() => server.stop());
  const store = await ValkeyStore.open({ url: server.url });
  t.after(() => store.close());
  const commit = () =>
    store.commit(page, { tag: newTag(), writes: [{ session: "", seq: 1, changes: packChanges([[7, 1]]) }] });
  const isNow = (ms: number | undefined) => ms !== undefined && Math.abs(ms - Date.now()) < 10_000;
  assert.ok(isNow((await commit()).storeMs));
  await store.freeze(page, { start: 7, end: 8 }, true);
  const { storeMs, frozen, outcomes } = await commit();
  assert.ok(isNow(storeMs));
  assert.deepEqual([outcomes, frozen], [["frozen"], [{ start: 7, end: 8 }]]);
});

test("an unreachable server is one clear error", async () => {
  const url = `valkey://:secret@127.0.0.1:${await freePort()}`;
  await assert.rejects(ValkeyStore.open({ url }), (error) => {
    assert.ok(error instanceof StoreUnusable);
    assert.match(error.message, /cannot reach Valkey at valkey:\/\/\*\*\*@127\.0\.0\.1/);
    assert.doesNotMatch(error.message, /secret/);
    return true;
  });
});

test("while the server is gone every call fails as StoreAway; after its return subscribers are told and hear again", async (t) => {
  const server = await startServer();
  t.after(() => server.stop());
  const store = await ValkeyStore.open({ url: server.url });
  t.after(() => store.close());
  let deltas = 0;
  let resumed = 0;
  await store.subscribe(page, { delta: () => deltas++, resumed: () => resumed++ });
  await server.kill();
  await until("the loss is noticed", () => !store.available);
  for (const call of [commitOne(store, 1), store.read(page), store.since(page, { version: 0, tag: "AAAAAAAA" })]) {
    await assert.rejects(call, (error) => error instanceof StoreAway && !error.sent);
  }
  await server.restart();
  await until("the store is back and subscribed", () => store.available && resumed === 1);
  await commitOne(store, 1);
  await until("the delta arrives", () => deltas === 1);
});

test("a server that answers and refuses is told of in one line, and in one more when it is over", async (t) => {
  const server = await startServer();
  t.after(() => server.stop());
  const told: string[] = [];
  const incident = (message: string) => void told.push(message);
  const store = await ValkeyStore.open({ url: server.url, incident });
  t.after(() => store.close());
  await store.command("any", "CONFIG", "SET", "maxmemory", "1");
  for (let cell = 0; cell < 5; cell++) {
    await assert.rejects(commitOne(store, cell), (error) => error instanceof StoreAway && !error.sent);
  }
  assert.equal(told.length, 1, told.join("\n"));
  assert.match(told[0] ?? "", /answers "OOM .*"\. Raise maxmemory/);
  assert.ok(store.available);
  await store.command("any", "CONFIG", "SET", "maxmemory", "0");
  await commitOne(store, 1);
  await until("it is told to be over", () => told.length === 2);
  assert.match(told[1] ?? "", /accepts requests again after 5 refusals/);
});

test("what is published during a doze is told at its end, all together", async (t) => {
  const server = await startServer();
  t.after(() => server.stop());
  const store = await ValkeyStore.open({ url: server.url });
  t.after(() => store.close());
  let deltas = 0;
  await store.subscribe(page, { delta: () => deltas++, resumed: () => undefined });
  store.doze(60_000);
  for (let cell = 0; cell < 20; cell++) await commitOne(store, cell);
  assert.equal(deltas, 0);
  // The last may be on their way still.
  const heard = await new Promise<number>((done) => store.wake(() => done(deltas)));
  assert.ok(heard > 0, "none was told at the end of the doze");
  await until("the last is told", () => deltas === 20);
});

test("a doze ends by itself, and where an answer is waited for", async (t) => {
  const server = await startServer();
  t.after(() => server.stop());
  const store = await ValkeyStore.open({ url: server.url });
  t.after(() => store.close());
  let deltas = 0;
  const listener = { delta: () => deltas++, resumed: () => undefined };
  await store.subscribe(page, listener);
  store.doze(5);
  await commitOne(store, 1);
  await until("the delta arrives", () => deltas === 1);
  store.doze(60_000);
  const subscribing = store.subscribe({ board: "main", page: 1 }, listener);
  store.doze(60_000);
  await subscribing;
  await commitOne(store, 2);
  await until("the next delta arrives", () => deltas === 2);
});

test("a server that went away during a doze is told of when it is back", async (t) => {
  const server = await startServer();
  t.after(() => server.stop());
  const store = await ValkeyStore.open({ url: server.url });
  t.after(() => store.close());
  let resumed = 0;
  await store.subscribe(page, { delta: () => undefined, resumed: () => resumed++ });
  store.doze(60_000);
  await server.kill();
  await server.restart();
  await until("the store is back and subscribed", () => store.available && resumed === 1);
});

test("a flood is not held back by dozes", async (t) => {
  // A slow machine would otherwise be cut off with 8 MB unread for a minute, and miss the rest.
  const server = await startServer(SERVER, ["--client-output-buffer-limit", "pubsub", "0", "0", "0"]);
  t.after(() => server.stop());
  const store = await ValkeyStore.open({ url: server.url });
  t.after(() => store.close());
  let deltas = 0;
  const listener = {
    delta: () => {
      deltas++;
      // As an instance does whose pages are all busy: each delta finds one that waits for its next flush.
      store.doze(60);
    },
    resumed: () => undefined,
  };
  await store.subscribe(page, listener);
  const ops = encodeOps(packChanges(Array.from({ length: 1_000 }, (_, cell) => [cell, 1] as const)));
  const { channel } = pageKeys(page);
  const count = 10_000;
  for (let version = 1; version <= count; version++) {
    const told = store.command(channel, "PUBLISH", channel, `${version}:AAAAAAAA:BBBBBBBB:${ops}`);
    if (version % 100 === 0) await told;
  }
  await until("all of 30 MB are told", () => deltas === count, 120_000);
});

test("a server that hangs is given up and found again", async (t) => {
  const server = await startServer();
  t.after(() => server.stop());
  const store = await ValkeyStore.open({ url: server.url });
  t.after(() => store.close());
  server.signal("SIGSTOP");
  await assert.rejects(commitOne(store, 1), (error) => error instanceof StoreAway && error.sent);
  assert.equal(store.available, false);
  server.signal("SIGCONT");
  await until("the store is back", () => store.available);
  await commitOne(store, 2);
});

test("a page that new sessions keep writing to takes no more memory and no longer log than at first", async (t) => {
  const server = await startServer();
  t.after(() => server.stop());
  const limits = { logDeltasMax: 200, logMs: 60_000, seenMs: 60_000, seenSessionsMax: 200 };
  const store = await ValkeyStore.open({ url: server.url, limits, histories: CONTRACT_HISTORIES });
  t.after(() => store.close());
  const keys = pageKeys(page);
  let session = 0;
  const held = async () => {
    const sizes = [keys.bits, keys.head, keys.log, ...keys.seen, keys.history].map((key) =>
      store.command(key, "MEMORY", "USAGE", key, "SAMPLES", "0"),
    );
    return (await Promise.all(sizes)).reduce((sum: number, bytes) => sum + Number(bytes ?? 0), 0);
  };
  const round = async () => {
    for (let count = 0; count < 100; count++) {
      const writes = Array.from({ length: 20 }, (_, index) => ({
        session: `soak-${session++}`,
        seq: 1,
        changes: packChanges([[index, count % 2 === 0 ? 1 : 0]]),
      }));
      await store.commit(page, { tag: newTag(), writes });
    }
    return held();
  };
  for (let warm = 0; warm < 6; warm++) await round();
  const before = await held();
  for (let soak = 0; soak < 10; soak++) {
    const bytes = await round();
    assert.ok(bytes < 1.5 * before, `${bytes} bytes, ${before} before`);
  }
  // Streams are cut in whole nodes, of 100 entries.
  const length = Number(await store.command(keys.log, "XLEN", keys.log));
  assert.ok(length <= limits.logDeltasMax + 100, `${length} deltas in the log`);
});
