/* A board of 1,000,000,000 checkboxes costs what one of 100 costs, until its pages are used. */

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { cellsInPage } from "../../src/board/geometry.js";
import { connect } from "../../src/client/index.js";
import { ValkeyStore } from "../../src/store/valkey/valkey-store.js";
import { startInstance } from "../support/instances.js";
import { NAMES, pageKeys } from "../support/keys.js";
import { newSession, rawClient } from "../support/raw-client.js";
import { until } from "../support/until.js";
import { startServer } from "../support/valkey-server.js";

const BILLION = 1_000_000_000;
const PAGES = 15_259;

/** Counts the calls of every method of an object, and of those inside it. */
function counting<Target extends object>(target: Target, calls: Map<string, number>, prefix = ""): Target {
  return new Proxy(target, {
    get: (_, key) => {
      const value: unknown = Reflect.get(target, key);
      const name = `${prefix}${String(key)}`;
      if (typeof value === "object" && value !== null) return counting(value, calls, `${name}.`);
      if (typeof value !== "function") return value;
      return (...args: unknown[]) => {
        calls.set(name, (calls.get(name) ?? 0) + 1);
        return value.apply(target, args);
      };
    },
  });
}

describe("a giant board", () => {
  test("an untouched page costs no key, no frame and, when nobody watches, nothing in the instance", async (t) => {
    const server = await startServer();
    t.after(() => server.stop());
    const store = await ValkeyStore.open({ url: server.url });
    t.after(() => store.close());
    const instance = await startInstance({ BOARDS: `main=${BILLION}` }, store);
    t.after(() => instance.stop());
    const keys = async () => {
      const all: unknown = await store.command("any", "KEYS", "*");
      const instancesOwn: readonly string[] = [...Object.values(NAMES.roll), NAMES.boards.records];
      const shared = (key: string) => instancesOwn.includes(key) || key.startsWith(NAMES.limits);
      return (Array.isArray(all) ? all.map(String) : []).filter((key) => !shared(key)).toSorted();
    };
    const client = await rawClient(instance.url);
    t.after(() => client.close());
    const wanted = Array.from({ length: 200 }, (_, index) => index * 76);
    await client.watch(wanted);
    await client.ask("overview", { handle: client.opened?.handle, watch: true });
    for (const page of [0, 4, PAGES - 1]) {
      const response = await fetch(`${instance.url}/boards/main/pages/${page}`);
      assert.equal(response.headers.get("etag"), `W/"0.AAAAAAAA.${cellsInPage(BILLION, page)}"`);
    }
    assert.equal(client.frames.length, 0);
    assert.equal(instance.instance.pages.size, wanted.length);
    assert.deepEqual(await keys(), []);
    await client.write(newSession(), 1, [[76 * 65_536 + 3, 1]]);
    const { bits, head, log, seen } = pageKeys({ board: "main", page: 76 });
    const { list } = NAMES.overview("main");
    await until("the count is reported", async () => (await keys()).includes(list));
    const made = await keys();
    assert.deepEqual(
      made.filter((key) => !seen.includes(key)),
      [bits, head, log, list].toSorted(),
    );
    assert.equal(client.frames.length, 1);
    assert.ok((client.frames[0]?.bytes ?? 0) < 60);
  });

  test("start, first look and first click ask the store the same of a billion as of a hundred", async (t) => {
    const server = await startServer();
    t.after(() => server.stop());
    const asked = [];
    for (const size of [100, BILLION]) {
      const calls = new Map<string, number>();
      const store = await ValkeyStore.open({ url: server.url });
      t.after(() => store.close());
      const instance = await startInstance({ BOARDS: `b${size}=${size}` }, counting(store, calls));
      t.after(() => instance.stop());
      assert.equal(instance.instance.pages.size, 0);
      const client = connect(instance.url);
      t.after(() => client.close());
      const board = client.board(`b${size}`);
      await board.watch({ start: 0, end: 100 }).ready;
      await board.set(7, true);
      await until("the count is reported", () => calls.has("overview.report"));
      // Told by the clock, or of the world outside.
      for (const name of ["enroll", "heads", "wake", "available", "command", "boards.list"]) calls.delete(name);
      asked.push(Object.fromEntries(calls));
    }
    assert.deepEqual(asked[0], asked[1]);
    const start = { onAvailable: 1, "boards.change": 1, "boards.subscribe": 1 };
    assert.deepEqual(asked[1], { ...start, subscribe: 1, since: 1, commit: 1, "overview.report": 1 });
  });

  test("any page of a billion is read by one request to the store, or none, while writes continue", async (t) => {
    const server = await startServer();
    t.after(() => server.stop());
    const calls = new Map<string, number>();
    const store = await ValkeyStore.open({ url: server.url });
    t.after(() => store.close());
    const flags = { BOARDS: `main=${BILLION}`, WRITES_PER_SECOND: "100000", WRITE_BURST: "100000" };
    const instance = await startInstance({ ...flags, HTTP_PER_MINUTE: "100000" }, counting(store, calls));
    t.after(() => instance.stop());
    const client = await rawClient(instance.url);
    t.after(() => client.close());
    await client.watch([0]);
    const session = newSession();
    const took: number[] = [];
    for (let seq = 1; seq <= 200; seq++) {
      const page = seq % 4 === 0 ? 0 : (seq * 7_919) % PAGES;
      const written = client.write(session, seq, [[page * 65_536 + 8, 1]]);
      const before = performance.now();
      const response = await fetch(`${instance.url}/boards/main/pages/${page}`);
      took.push(performance.now() - before);
      assert.equal(response.status, 200);
      assert.ok(!("error" in (await written)));
      const again = await fetch(`${instance.url}/boards/main/pages/${page}`, {
        headers: { "Cache-Control": "no-cache" },
      });
      assert.equal(new Uint8Array(await again.arrayBuffer())[1], 128);
    }
    const [p50, p99] = [0.5, 0.99].map((part) => took.toSorted((a, b) => a - b)[Math.floor(part * took.length)]);
    t.diagnostic(`p50 ${p50} ms, p99 ${p99} ms`);
    // Of the page that is watched only those who want it as the store has it ask.
    assert.equal(calls.get("read"), 150 + 200);
  });
});
