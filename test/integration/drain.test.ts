/* Drain: an instance that is to end sends its clients elsewhere one by one, and nothing acknowledged is lost. */

import assert from "node:assert/strict";
import { once } from "node:events";
import { after, before, describe, test } from "node:test";
import { io } from "socket.io-client";
import { EmbeddedStore } from "../../src/store/embedded/embedded-store.js";
import type { Store } from "../../src/store/store.js";
import { storedBits, untilAllShow, watchBoard } from "../support/clients.js";
import { temporaryFolder } from "../support/folder.js";
import { spawnInstance, startInstance } from "../support/instances.js";
import { newSession, rawClient } from "../support/raw-client.js";
import { until } from "../support/until.js";
import { startServer } from "../support/valkey-server.js";

const HANDSHAKE = "/socket.io/?EIO=4&transport=polling";

const isReady = async (url: string) => (await fetch(`${url}/ready`)).status === 200;

describe("SIGTERM to one of three instances under writes", () => {
  test("moves its clients to both others over DRAIN_MS, loses no acknowledged write, and ends with 0", async (t) => {
    const valkey = await startServer();
    t.after(() => valkey.stop());
    const size = 400;
    const flags = { VALKEY_URL: valkey.url, BOARDS: `main=${size}`, DRAIN_MS: "1000" };
    const [first, ...others] = await Promise.all([1, 2, 3].map(() => spawnInstance(flags)));
    assert.ok(first);
    t.after(() => Promise.all([first, ...others].map((instance) => instance.kill())));
    const urls = [first, ...others].map(({ url }) => url);
    const clients = await Promise.all(Array.from({ length: 16 }, () => watchBoard(urls)));
    t.after(() => clients.map(({ close }) => close()));
    for (const { client } of clients) assert.equal(client.state.url, first.url);

    let isOver = false;
    const acknowledged = new Map<number, boolean>();
    const writing = clients.slice(0, 8).map(async ({ board }, index) => {
      for (let round = 0; !isOver; round++) {
        const cell = index + 8 * (round % (size / 8));
        const value = Math.floor(round / (size / 8)) % 2 === 0;
        await board.set(cell, value);
        acknowledged.set(cell, value);
      }
    });
    await until("writes flow", () => acknowledged.size > 20);
    const ended = once(first.child, "exit");
    first.child.kill("SIGTERM");

    assert.deepEqual(await ended, [0, null]);
    await until("everybody is live elsewhere", () =>
      clients.every(({ client, board }) => client.state.connected && board.status === "live"),
    );
    const homes = new Set(clients.map(({ client }) => client.state.url));
    assert.deepEqual(homes, new Set(others.map(({ url }) => url)));
    isOver = true;
    await Promise.all(writing);
    const stored = await storedBits(others[0]?.url ?? "", size);
    for (const [cell, value] of acknowledged) assert.equal(stored[cell], value ? "1" : "0", `cell ${cell}`);
    await untilAllShow(
      clients.map(({ board }) => board),
      stored,
    );
  });

  test("ends also while Valkey hangs: what cannot be settled is answered so", async (t) => {
    const valkey = await startServer();
    t.after(() => valkey.stop());
    const flags = { VALKEY_URL: valkey.url, DRAIN_MS: "100", WRITE_WAIT_MS: "500" };
    const instance = await spawnInstance(flags);
    t.after(() => instance.kill());
    const client = await rawClient(instance.url);
    t.after(() => client.close());
    valkey.signal("SIGSTOP");
    t.after(() => valkey.signal("SIGCONT"));
    const underWay = client.write(newSession(), 1, [[7, 1]]);
    const ended = once(instance.child, "exit");
    instance.child.kill("SIGTERM");
    const answer = await underWay;
    assert.match(answer.error?.code ?? "", /^(STORE_AWAY|OUTCOME_UNKNOWN|GOING_AWAY)$/);
    assert.deepEqual(await ended, [0, null]);
  });

  test("a second signal ends it at once", async (t) => {
    const valkey = await startServer();
    t.after(() => valkey.stop());
    const instance = await spawnInstance({ VALKEY_URL: valkey.url, DRAIN_MS: "3600000" });
    t.after(() => instance.kill());
    const clients = await Promise.all([1, 2, 3].map(() => rawClient(instance.url)));
    t.after(() => clients.map((client) => client.close()));
    const ended = once(instance.child, "exit");
    instance.child.kill("SIGINT");
    await until("it drains", async () => !(await isReady(instance.url)));
    assert.ok(clients.filter(({ socket }) => socket.connected).length >= 2, "an hour is not over");
    instance.child.kill("SIGINT");
    assert.deepEqual(await ended, [1, null]);
  });
});

describe("an instance that drains", () => {
  let store: EmbeddedStore;
  before(async () => {
    store = await EmbeddedStore.open({ directory: temporaryFolder({ after }) });
  });
  after(() => store.close());

  test("answers the commits under way of a client that it has told to move, before it lets it go", async (t) => {
    let letGo: () => void = () => undefined;
    const held = new Promise<void>((done) => {
      letGo = done;
    });
    const slow = new Proxy<Store>(store, {
      get: (target, name) => {
        const value: unknown = Reflect.get(target, name, target);
        if (typeof value !== "function") return value;
        if (name !== "commit") return value.bind(target);
        return async (...args: Parameters<Store["commit"]>) => {
          await held;
          return target.commit(...args);
        };
      },
    });
    const instance = await startInstance({ DRAIN_MS: "0", WRITE_WAIT_MS: "30000" }, slow);
    t.after(() => instance.stop());
    const client = await rawClient(instance.url);
    t.after(() => client.close());
    const session = newSession();
    const underWay = client.write(session, 1, [[7, 1]]);
    // A round trip: the write is there.
    await client.ask("unwatch", { handle: client.opened?.handle, pages: [] });
    const drained = instance.drain();
    await until("it is told", () => client.notices.some(({ kind }) => kind === "goodbye"));
    const goodbye = client.notices.find(({ kind }) => kind === "goodbye");
    assert.equal(goodbye.error.code, "GOING_AWAY");
    await until("new requests are refused", async () => {
      const answer = await client.ask("unwatch", { handle: client.opened?.handle, pages: [] });
      return answer.error?.code === "GOING_AWAY";
    });
    assert.ok(client.socket.connected);
    letGo();
    assert.deepEqual(Object.keys(await underWay), ["at"]);
    await drained;
    assert.equal((await storedBitsOf(store))[7], "1");
  });

  test("is not ready, refuses new sockets over either transport with 503, and takes requests of those that are there", async (t) => {
    const instance = await startInstance({ DRAIN_MS: "3600000" }, store);
    t.after(() => instance.stop());
    const clients = await Promise.all([1, 2].map(() => rawClient(instance.url)));
    t.after(() => clients.map((client) => client.close()));
    assert.ok(await isReady(instance.url));
    void instance.drain();
    assert.ok(!(await isReady(instance.url)));
    assert.equal((await fetch(`${instance.url}/health`)).status, 200);
    const refused = await fetch(instance.url + HANDSHAKE);
    assert.equal(refused.status, 503);
    assert.equal((await refused.json()).error.code, "GOING_AWAY");
    for (const transport of ["websocket", "polling"]) {
      const socket = io(`${instance.url}/boards`, { transports: [transport], forceNew: true, reconnection: false });
      const [error] = await once(socket as never, "connect_error");
      const { description, context } = error;
      // XHR gives the status as the description, `ws` an error whose message has it.
      assert.match(`${description?.message ?? description} ${context?.status ?? ""}`, /503/, transport);
    }
    await until("one of two is told at once, and gone", () => clients.some(({ socket }) => !socket.connected));
    const stays = clients.find(({ socket }) => socket.connected);
    assert.ok(stays);
    assert.ok("at" in (await stays.write(newSession(), 1, [[9, 1]])));
  });

  test("is taken by a stock Socket.IO client for a loss, so that it connects anew by itself", async (t) => {
    const instance = await startInstance({ DRAIN_MS: "0" }, store);
    t.after(() => instance.stop());
    const socket = io(instance.url, { transports: ["websocket"], forceNew: true });
    t.after(() => void socket.disconnect());
    await until("it is connected", () => socket.connected);
    const lost = new Promise<string>((done) => socket.once("disconnect", done));
    await instance.drain();
    assert.equal(await lost, "transport close");
    assert.ok(socket.active, "it will try again");
  });
});

async function storedBitsOf(store: Store): Promise<string> {
  const { bits } = await store.read({ board: "main", page: 0 });
  return Array.from(bits, (byte) => byte.toString(2).padStart(8, "0")).join("");
}
