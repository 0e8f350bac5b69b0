/* Requests that ask for a protocol that is not ours: ignored, as HTTP specifies, on every route and in every app. */

import assert from "node:assert/strict";
import { once } from "node:events";
import { request } from "node:http";
import { connect } from "node:net";
import { describe, type TestContext, test } from "node:test";
import { watchBoard } from "../support/clients.js";
import { startApp } from "../support/embedded-app.js";
import { temporaryFolder } from "../support/folder.js";
import { startInstance } from "../support/instances.js";
import { until } from "../support/until.js";

const H2C = "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n";
const upgradeTo = (protocol: string) => `Connection: Upgrade\r\nUpgrade: ${protocol}\r\n`;
const WEBSOCKET = `${upgradeTo("websocket")}Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n`;

/** One connection, on which each request is sent when the one before has its answer; the statuses. */
async function statuses(t: TestContext, url: string, requests: readonly string[]): Promise<string[]> {
  const { hostname, port } = new URL(url);
  const socket = connect(Number(port), hostname);
  t.after(() => socket.destroy());
  let text = "";
  let isEnded = false;
  socket.setEncoding("utf8").on("data", (chunk) => {
    text += chunk;
  });
  socket.on("close", () => {
    isEnded = true;
  });
  const found = () => [...text.matchAll(/HTTP\/1\.1 (\d+) /g)].map(([, status]) => String(status));
  for (const [index, each] of requests.entries()) {
    socket.write(each);
    await until(`answer ${index} to ${each}`, () => found().length > index || isEnded);
  }
  return found();
}

/** As Java's HttpClient asks on one connection, again and again. */
const asks = (path: string, headers: string) => `GET ${path} HTTP/1.1\r\nHost: any\r\n${headers}\r\n`;
const puts = (path: string, headers: string) =>
  `PUT ${path} HTTP/1.1\r\nHost: any\r\n${headers}Content-Type: application/json\r\nContent-Length: 11\r\n\r\n{"value":1}`;

const FOREIGN = [H2C, upgradeTo("foo"), upgradeTo("TLS/1.0, HTTP/1.1"), upgradeTo("h2c, websocket")];

describe("an upgrade that is not ours", () => {
  test("is ignored on every route of an instance, with the body and the connection", async (t) => {
    const instance = await startInstance({ DATA_DIR: temporaryFolder(t) });
    t.after(() => instance.stop());
    for (const headers of [...FOREIGN, WEBSOCKET]) {
      const requests = [
        asks("/health", headers),
        puts("/boards/main/cells/7", headers),
        asks("/boards/main", headers),
        asks("/", headers),
        asks("/metrics", headers),
        asks("/nowhere", headers),
        asks("/state", headers),
      ];
      const expected = ["200", "200", "200", "200", "200", "404", "200"];
      assert.deepEqual(await statuses(t, instance.url, requests), expected, headers);
    }
    for (const headers of FOREIGN) {
      const polling = asks("/socket.io/?EIO=4&transport=polling", headers);
      assert.deepEqual(await statuses(t, instance.url, [polling, asks("/health", headers)]), ["200", "200"], headers);
    }
    const opening = asks("/socket.io/?EIO=4&transport=websocket", WEBSOCKET);
    // On a connection on which others were ignored, as balancers keep them.
    assert.deepEqual(await statuses(t, instance.url, [asks("/health", H2C), opening]), ["200", "101"]);
  });

  test("is ignored by an app with boards in it, on its own routes too", async (t) => {
    const { url, app } = await startApp(t, { boards: { main: 64 }, dataDir: temporaryFolder(t) });
    app.get("/own", (_, response) => void response.send("of the app"));
    for (const headers of [...FOREIGN, WEBSOCKET]) {
      const requests = [asks("/own", headers), puts("/boards/main/cells/7", headers), asks("/boards/main", headers)];
      assert.deepEqual(await statuses(t, url, requests), ["200", "200", "200"], headers);
    }
  });

  test("leaves the app's own WebSockets to the app, whenever it began to listen", async (t) => {
    const { url, io } = await startApp(t, { boards: { main: 64 }, dataDir: temporaryFolder(t) });
    io.httpServer.on("upgrade", (message, socket) => {
      if (message.url === "/live") socket.end("HTTP/1.1 101 Switching Protocols\r\n\r\n");
    });
    assert.deepEqual(await statuses(t, url, [asks("/live", WEBSOCKET)]), ["101"]);
    assert.deepEqual(await statuses(t, url, [asks("/boards", H2C), asks("/boards", upgradeTo("foo"))]), ["200", "200"]);
    const client = await watchBoard(url);
    t.after(() => client.close());
    await client.board.set(7, true);
  });

  test("has its answer in turn, where one before it is still on its way", async (t) => {
    const { url, app } = await startApp(t, { boards: { main: 64 }, dataDir: temporaryFolder(t) });
    let release = () => {};
    app.get("/slow", (_, response) => {
      release = () => void response.send("slow");
    });
    app.get("/quick", (_, response) => {
      response.send("quick");
      release();
    });
    const { hostname, port } = new URL(url);
    const socket = connect(Number(port), hostname);
    t.after(() => socket.destroy());
    let text = "";
    socket.setEncoding("utf8").on("data", (chunk) => {
      text += chunk;
    });
    socket.write(asks("/slow", "") + asks("/quick", H2C));
    await until("both are answered", () => text.endsWith("quick"));
    assert.ok(text.indexOf("slow") < text.indexOf("quick"));
  });

  test("of a CONNECT is none of ours", async (t) => {
    const { url } = await startApp(t, { boards: { main: 64 }, dataDir: temporaryFolder(t) });
    const asked = request(url, { method: "CONNECT", path: "example.org:443" }).end();
    await once(asked, "error");
    assert.equal((await fetch(`${url}/health`)).status, 200);
  });
});
