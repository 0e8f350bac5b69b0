/*
 * What comes in below the level of requests, and what a client that does not read has made for it. Everything has a price:
 * a flood is not read to its end, whatever it consists of, and nothing is made for nobody.
 */

import assert from "node:assert/strict";
import { EventEmitter, once } from "node:events";
import type { ServerResponse } from "node:http";
import { after, before, describe, type TestContext, test } from "node:test";
import { EmbeddedStore } from "../../src/store/embedded/embedded-store.js";
import { temporaryFolder } from "../support/folder.js";
import { heldBytes } from "../support/held-bytes.js";
import { type LocalInstance, startInstance } from "../support/instances.js";
import { newSession, rawClient } from "../support/raw-client.js";
import { BINARY, frame, PING, PONG, rawSocket, rawWebSocket, TEXT } from "../support/raw-socket.js";
import { until } from "../support/until.js";

const FLOOD_BYTES = 8_000_000;
/** More than the instance may read of a flood: its budget in bytes, and some reads that are under way. */
const READ_BYTES_MAX = 3_000_000;
const BUFFER_BYTES = 65_536;

let store: EmbeddedStore;
before(async () => {
  store = await EmbeddedStore.open({ directory: temporaryFolder({ after }) });
});
after(() => store.close());

async function start(t: TestContext): Promise<LocalInstance> {
  const instance = await startInstance({ BOARDS: "main=100", CLIENT_BUFFER_BYTES: String(BUFFER_BYTES) }, store);
  t.after(() => instance.stop());
  // The heartbeat would end a client that does not answer it, and be taken for what is tested.
  Object.assign(instance.io.engine, { opts: { ...instance.io.engine.opts, pingInterval: 120_000 } });
  return instance;
}

const repeated = (part: Buffer, bytes: number) => Buffer.concat(Array(Math.ceil(bytes / part.length)).fill(part));

const FLOODS: Readonly<Record<string, Buffer>> = {
  "empty pings": frame(PING),
  "full pings": frame(PING, "x".repeat(125)),
  "empty pongs": frame(PONG),
  "answers to pings that were not sent": frame(TEXT, "3"),
  "joins of a namespace that there is not": frame(TEXT, "40/nowhere,"),
  "joins of a namespace that it is in": frame(TEXT, "40/boards,"),
  "acknowledgements that nobody asked for": frame(TEXT, "43/boards,7[]"),
  "events that there are not": frame(TEXT, '42/boards,["x"]'),
  "requests without an acknowledgement": frame(TEXT, '42/boards,["open",{}]'),
  "messages in pieces of one byte": Buffer.concat([
    frame(TEXT, "4", false),
    ...Array(500).fill(frame(0, "x", false)),
    frame(0, "x"),
  ]),
  "large messages": frame(TEXT, `42/boards,["open","${"x".repeat(60_000)}"]`),
};

describe("a flood below the level of requests", () => {
  for (const [name, part] of Object.entries(FLOODS)) {
    test(`of ${name} is not read to its end, and a click of somebody else is answered`, async (t) => {
      const instance = await start(t);
      const other = await rawClient(instance.url);
      t.after(() => other.close());
      const { client, server, closed } = await rawWebSocket(instance);
      t.after(() => client.destroy());
      client.write(repeated(part, FLOOD_BYTES));
      await Promise.race([
        closed,
        until("it is not read any further, or too much was read", () => {
          return isPaused(instance) || server.bytesRead >= READ_BYTES_MAX;
        }),
      ]);
      assert.ok(server.bytesRead < READ_BYTES_MAX, `${server.bytesRead} bytes were read`);
      assert.ok(Math.max(...heldBytes(instance.io)) <= BUFFER_BYTES);
      const answer = await other.write(newSession(), 1, [[7, 1]]);
      assert.ok("at" in answer, JSON.stringify(answer));
    });
  }

  test("in one body of long-polling makes at most one socket of a namespace, and leaves nothing that a drain waits for", async (t) => {
    const instance = await start(t);
    const base = `${instance.url}/socket.io/?EIO=4&transport=polling`;
    for (const count of [2, 1_499]) {
      const { sid } = JSON.parse((await (await fetch(base)).text()).slice(1));
      await fetch(`${base}&sid=${sid}`, { method: "POST", body: Array(count).fill("40/boards,").join("\x1e") });
      assert.ok(instance.io.of("/boards").sockets.size <= 1);
      await fetch(`${base}&sid=${sid}`, { method: "POST", body: "41" }).catch(() => undefined);
    }
    await instance.drain();
  });

  test("of attachments whose last is kept back ends the connection, which holds no more than a message", async (t) => {
    const instance = await start(t);
    const { client, closed } = await rawWebSocket(instance);
    client.resume();
    const placeholders = Array.from({ length: 10 }, (_, num) => ({ _placeholder: true, num }));
    client.write(frame(TEXT, `4510-/boards,${JSON.stringify(["open", ...placeholders])}`));
    for (let count = 0; count < 9; count++) client.write(frame(BINARY, Buffer.alloc(60_000)));
    await closed;
  });

  test("of bad requests is counted on the connection, however often it leaves and joins", async (t) => {
    const instance = await start(t);
    const { client, closed } = await rawWebSocket(instance);
    const heard = new EventEmitter();
    client.on("data", (chunk: Buffer) => {
      if (chunk.includes("40/boards,")) heard.emit("joined");
      if (chunk.includes("TOO_MANY_ERRORS")) heard.emit("ended");
      if (chunk.includes("left")) heard.emit("left");
    });
    const ended = once(heard, "ended");
    client.resume();
    for (let round = 0; round < 3; round++) {
      await Promise.race([once(heard, "joined"), ended]);
      for (let count = 0; count < 40; count++) client.write(frame(TEXT, '42/boards,["nothing"]'));
      const left = once(heard, "left");
      client.write(frame(TEXT, "41/boards,"));
      client.write(frame(PING, "left"));
      await Promise.race([left, ended]);
      client.write(frame(TEXT, "40/boards,"));
    }
    await ended;
    await closed;
  });
});

function isPaused({ io }: LocalInstance): boolean {
  const { clients }: { clients: Record<string, { transport: { socket?: { isPaused: boolean } } }> } =
    io.engine as never;
  return Object.values(clients).some(({ transport }) => transport.socket?.isPaused);
}

describe("requests sent without waiting for answers", () => {
  const ROUTES = [
    "/health",
    "/ready",
    "/metrics",
    "/cluster",
    "/",
    "/demo",
    "/state",
    "/boards/main",
    "/boards/main/pages/0",
    "/nowhere",
    "/socket.io/?EIO=4&transport=polling",
    "/socket.io/?EIO=4&transport=websocket",
  ];
  for (const route of ROUTES) {
    test(`of ${route} are not answered to a client that does not read`, async (t) => {
      const instance = await start(t);
      const answers: ServerResponse[] = [];
      instance.io.httpServer.on("request", (_: unknown, response: ServerResponse) => answers.push(response));
      const { client, server, closed } = await rawSocket(instance);
      client.write(`GET ${route} HTTP/1.1\r\nHost: localhost\r\n\r\n`.repeat(1_700));
      await closed;
      // One at a time; the kernel takes some hundred kilobytes that nobody reads.
      const made = answers.filter(({ headersSent }) => headersSent).length;
      assert.ok(made < 50, `${made} answers were made`);
      assert.ok(answers.length < 50, `${answers.length} requests were taken`);
      assert.ok(server.writableLength < 500_000, `${server.writableLength} bytes were held`);
      const health = await fetch(`${instance.url}/health`);
      assert.equal(health.status, 200);
    });
  }

  test("with an expectation that there is not are not answered by Node alone, without end", async (t) => {
    const instance = await start(t);
    const { client, server, closed } = await rawSocket(instance);
    client.write("GET /health HTTP/1.1\r\nHost: localhost\r\nExpect: wonders\r\n\r\n".repeat(1_700));
    await closed;
    assert.ok(server.bytesWritten < 100_000, `${server.bytesWritten} bytes were written`);
  });

  test("are answered in order if the client reads, as many as may wait", async (t) => {
    const instance = await start(t);
    const { client } = await rawSocket(instance);
    t.after(() => client.destroy());
    const count = 30;
    for (let index = 0; index < count; index++) {
      client.write(
        `GET /boards/main?n=${index} HTTP/1.1\r\nHost: localhost\r\n${index === count - 1 ? "Connection: close\r\n" : ""}\r\n`,
      );
    }
    let text = "";
    for await (const chunk of client) text += chunk;
    assert.equal(text.match(/HTTP\/1\.1 200 /g)?.length, count);
  });

  for (const [name, head] of Object.entries({
    "a length beyond the bound": "Content-Length: 10000000000",
    "no length": "Transfer-Encoding: chunked",
  })) {
    for (const route of ["PUT /boards/main/cells/1", "POST /boards/main/clear", "GET /state", "POST /nowhere"]) {
      test(`with a body of ${name} to ${route} are refused, and the body is not read`, async (t) => {
        const instance = await start(t);
        const { client, server, closed } = await rawSocket(instance);
        client.resume();
        client.write(`${route} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n${head}\r\n\r\n`);
        client.write("fffffff\r\n");
        client.write(Buffer.alloc(20_000_000));
        await closed;
        assert.ok(server.bytesRead < 10_000_000, `${server.bytesRead} bytes were read`);
      });
    }
  }
});
