/* Limits by address behind a proxy: the client's address counts, but only if the proxy is one that is trusted. */

import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:http";
import { after, before, describe, test } from "node:test";
import express from "express";
import { Server } from "socket.io";
import { io } from "socket.io-client";
import { attachBoards } from "../../src/server/index.js";
import { EmbeddedStore } from "../../src/store/embedded/embedded-store.js";
import { temporaryFolder } from "../support/folder.js";
import { startInstance } from "../support/instances.js";

type Transport = "websocket" | "polling";

/** Opens a socket as a proxy would for `address`; gives why it was refused, if it was. */
async function open(t: { after(end: () => void): void }, url: string, address: string, transport: Transport) {
  const extraHeaders = { "X-Forwarded-For": address };
  const socket = io(`${url}/boards`, { transports: [transport], forceNew: true, reconnection: false, extraHeaders });
  t.after(() => void socket.disconnect());
  return new Promise<string | undefined>((done) => {
    socket.once("connect", () => done(undefined));
    socket.once("connect_error", (error) => done("data" in error ? (error.data as { code: string }).code : "none"));
  });
}

async function get(url: string, address: string): Promise<number> {
  return (await fetch(`${url}/boards`, { headers: { "X-Forwarded-For": address } })).status;
}

describe("limits behind a proxy", () => {
  let store: EmbeddedStore;
  before(async () => {
    store = await EmbeddedStore.open({ directory: temporaryFolder({ after }) });
  });
  after(() => store.close());

  test("count each client for itself where the proxy is trusted, sockets of both transports and HTTP alike", async (t) => {
    const flags = { TRUSTED_PROXIES: "10.0.0.0/8, loopback", CONNECTIONS_PER_ADDRESS: "1", HTTP_PER_MINUTE: "1" };
    const instance = await startInstance(flags, store);
    t.after(() => instance.stop());
    for (const [transport, network] of [
      ["websocket", "203.0.113"],
      ["polling", "198.51.100"],
    ] as const) {
      assert.equal(await open(t, instance.url, `${network}.1`, transport), undefined);
      assert.equal(await open(t, instance.url, `6.6.6.6, ${network}.2, 10.0.0.9`, transport), undefined);
      assert.equal(await open(t, instance.url, `7.7.7.7, ${network}.2`, transport), "TOO_MANY_CONNECTIONS");
      assert.equal(await open(t, instance.url, `::ffff:${network}.1`, transport), "TOO_MANY_CONNECTIONS");
    }
    assert.equal(await get(instance.url, "203.0.113.1"), 200);
    assert.equal(await get(instance.url, "203.0.113.2"), 200);
    assert.equal(await get(instance.url, "6.6.6.6, 203.0.113.2"), 429);
  });

  test("count one household's IPv6 network as one address over HTTP, and read ports and Forwarded there too", async (t) => {
    const flags = { TRUSTED_PROXIES: "loopback", HTTP_PER_MINUTE: "2" };
    const instance = await startInstance(flags, store);
    t.after(() => instance.stop());
    assert.equal(await get(instance.url, "2001:db8:0:7::1"), 200);
    assert.equal(await get(instance.url, "[2001:db8:0:7:ffff::2]:443"), 200);
    assert.equal(await get(instance.url, "2001:db8:0:7:1:2:3:4"), 429);
    const headers = { Forwarded: 'for="[2001:db8:0:7::5]:4711";proto=https' };
    assert.equal((await fetch(`${instance.url}/boards`, { headers })).status, 429);
    assert.equal(await get(instance.url, "2001:db8:0:8::1"), 200);
    assert.equal(await get(instance.url, "198.51.100.1:5123"), 200);
    assert.equal(await get(instance.url, "198.51.100.1:5124"), 200);
    assert.equal(await get(instance.url, "198.51.100.1:5125"), 429);
    assert.equal(await get(instance.url, "198.51.100.2:5123"), 200);
  });

  test("do not believe the header of a peer that is not trusted", async (t) => {
    const flags = { TRUSTED_PROXIES: "10.0.0.0/8", CONNECTIONS_PER_ADDRESS: "1", HTTP_PER_MINUTE: "1" };
    const instance = await startInstance(flags, store);
    t.after(() => instance.stop());
    assert.equal(await open(t, instance.url, "203.0.113.1", "websocket"), undefined);
    assert.equal(await open(t, instance.url, "203.0.113.2", "websocket"), "TOO_MANY_CONNECTIONS");
    assert.equal(await open(t, instance.url, "203.0.113.3", "polling"), "TOO_MANY_CONNECTIONS");
    assert.equal(await get(instance.url, "203.0.113.1"), 200);
    assert.equal(await get(instance.url, "203.0.113.2"), 429);
  });

  test("of boards in an app of one's own follow that app's setting", async (t) => {
    const app = express();
    app.set("trust proxy", "loopback");
    const http = createServer(app);
    const server = new Server(http);
    const boards = await attachBoards(server, app, { boards: { seats: 8 }, dataDir: temporaryFolder(t) });
    http.listen(0, "127.0.0.1");
    await once(http, "listening");
    t.after(async () => {
      await server.close();
      await boards.close();
    });
    const connected: string[] = [];
    const { admission } = boards.instance;
    const connect = admission.connect.bind(admission);
    admission.connect = (address) => {
      connected.push(address);
      connect(address);
    };
    const bound = http.address();
    assert.ok(bound !== null && typeof bound === "object");
    assert.equal(await open(t, `http://127.0.0.1:${bound.port}`, "203.0.113.7", "websocket"), undefined);
    assert.deepEqual(connected, ["203.0.113.7"]);
  });
});
