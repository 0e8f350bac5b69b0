/* Upgrades to the lane as no library makes them, and those that an instance refuses. */

import assert from "node:assert/strict";
import { once } from "node:events";
import { connect } from "node:net";
import { after, before, describe, type TestContext, test } from "node:test";
import { encodeBeat, encodeRequest } from "../../src/protocol/lane.js";
import { watchBoard } from "../support/clients.js";
import { temporaryFolder } from "../support/folder.js";
import { type LocalInstance, startInstance } from "../support/instances.js";
import { RawLane } from "../support/raw-lane.js";
import { BINARY, CLOSE, frame, PING, rawLane } from "../support/raw-socket.js";
import { until } from "../support/until.js";

const KEY = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
const UPGRADE = "Host: any\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n";
const hello = frame(BINARY, Buffer.from(encodeRequest(0, "hello", { protocol: 2 })));
const open = frame(BINARY, Buffer.from(encodeRequest(1, "open", { board: "main", protocol: 2 })));
const watch = frame(BINARY, Buffer.from(encodeRequest(2, "watch", { board: "main", pages: [0] })));

async function instanceWith(
  t: TestContext,
  flags: Record<string, string> = {},
  others: Parameters<typeof startInstance>[2] = {},
): Promise<LocalInstance> {
  const instance = await startInstance({ DATA_DIR: temporaryFolder(t), ...flags }, undefined, others);
  t.after(() => instance.stop());
  return instance;
}

/** A TCP connection on which `bytes` are sent at once, and all that is received on it. */
function raw(t: TestContext, { port }: LocalInstance, ...bytes: (string | Buffer)[]) {
  const socket = connect(port, "127.0.0.1");
  t.after(() => socket.destroy());
  const seen = { text: "", isClosed: false, socket };
  socket.on("error", () => undefined);
  socket.on("close", () => {
    seen.isClosed = true;
  });
  socket.on("data", (chunk) => {
    seen.text += chunk.toString("latin1");
  });
  socket.write(Buffer.concat(bytes.map((each) => Buffer.from(each))));
  return seen;
}

/** A connection by hand, and the frames that are received on it. */
async function byHand(t: TestContext, instance: LocalInstance) {
  const { client, server } = await rawLane(instance);
  t.after(() => client.destroy());
  const chunks: Buffer[] = [];
  client.on("data", (chunk: Buffer) => chunks.push(chunk)).resume();
  const closed = Promise.all([once(client, "close"), once(server, "close")]);
  return { client, server, closed, received: () => Buffer.concat(chunks) };
}

function lane(t: TestContext, url: string, options: ConstructorParameters<typeof RawLane>[1] = {}): RawLane {
  const client = new RawLane(url, options);
  t.after(() => client.close());
  return client;
}

test("messages that arrive with the upgrade are read after it", async (t) => {
  const instance = await instanceWith(t);
  const seen = raw(t, instance, `GET /socketscaler?x=1 HTTP/1.1\r\n${UPGRADE}${KEY}\r\n`, hello, open);
  await until("the board is open", () => seen.text.includes('"handle"'));
  assert.match(seen.text, /^HTTP\/1\.1 101 /);
});

test("a subprotocol need not be named, because hello states the version", async (t) => {
  const { url } = await instanceWith(t);
  for (const protocols of [[], ["socketscaler.3"], ["other", "socketscaler.2"]]) {
    const client = lane(t, url, { protocols });
    await client.upgraded();
    const isNamed = protocols.includes("socketscaler.2");
    // The library `ws` gives up a connection whose server names none of its subprotocols.
    if (isNamed || protocols.length === 0) assert.equal(await client.hello(), "in", String(protocols));
    assert.equal(client.headers["sec-websocket-protocol"], isNamed ? "socketscaler.2" : undefined);
  }
  const newer = lane(t, url);
  await newer.upgraded();
  assert.equal(await newer.hello({ protocol: 3 }), "UNSUPPORTED_PROTOCOL");
});

test("an upgrade that is no WebSocket's is refused with 400, and a reset during one harms nobody", async (t) => {
  const instance = await instanceWith(t);
  const handshakes = [
    `GET /socketscaler HTTP/1.1\r\n${UPGRADE}Sec-WebSocket-Key: short\r\n\r\n`,
    `GET /socketscaler HTTP/1.1\r\n${UPGRADE}\r\n`,
    `GET /socketscaler HTTP/1.1\r\n${UPGRADE.replace("13", "7")}${KEY}\r\n`,
  ];
  for (const handshake of handshakes) {
    const seen = raw(t, instance, handshake);
    await until("it is answered", () => seen.isClosed);
    assert.match(seen.text, /^HTTP\/1\.1 400 /, handshake);
    assert.match(seen.text, /\r\nSec-WebSocket-Version: 13\r\n/, handshake);
  }
  const post = raw(t, instance, `POST /socketscaler HTTP/1.1\r\nContent-Length: 0\r\n${UPGRADE}${KEY}\r\n`);
  await until("POST is answered", () => post.text.startsWith("HTTP/1.1 405 "));
  const old = raw(t, instance, `GET /socketscaler HTTP/1.0\r\n${UPGRADE}${KEY}\r\n`);
  await until("HTTP/1.0 is answered", () => /^HTTP\/1\.1 \d+ /.test(old.text));
  const huge = raw(t, instance, `GET /socketscaler HTTP/1.1\r\nX: ${"x".repeat(20_000)}\r\n${UPGRADE}${KEY}\r\n`);
  await until("huge headers are refused", () => huge.isClosed);
  assert.match(huge.text, /^HTTP\/1\.1 431 /);
  for (let count = 0; count < 20; count++) {
    const { socket } = raw(t, instance, `GET /socketscaler HTTP/1.1\r\n${UPGRADE}${KEY}\r\n`, hello);
    socket.on("connect", () => socket.resetAndDestroy());
  }
  const client = await watchBoard(instance.url);
  t.after(client.close);
  await client.board.set(3, true);
});

test("a connection that says nothing, or not hello first, is closed", async (t) => {
  const instance = await instanceWith(t, {}, { silentMsMax: 300 });
  const silent = raw(t, instance, `GET /socketscaler HTTP/1.1\r\n${UPGRADE}${KEY}\r\n`);
  const beating = raw(
    t,
    instance,
    `GET /socketscaler HTTP/1.1\r\n${UPGRADE}${KEY}\r\n`,
    frame(BINARY, Buffer.from(encodeBeat())),
  );
  await until("both are closed", () => silent.isClosed && beating.isClosed);
  const client = lane(t, instance.url);
  await client.upgraded();
  client.ask("open", { board: "main", protocol: 2 });
  await until("it is closed", () => client.socket.readyState === client.socket.CLOSED);
});

describe("a client that closes", () => {
  let instance: LocalInstance;
  before(async () => {
    instance = await startInstance({ DATA_DIR: temporaryFolder({ after }), CLIENT_BUFFER_BYTES: "100000000" });
  });
  after(() => instance.stop());
  const ping = frame(PING, "heard");
  const pong = Buffer.from([0x8a, 5, ...Buffer.from("heard")]);

  for (const [what, sent, answered] of [
    ["with no code", frame(CLOSE), [0x88, 0]],
    ["with a code and a reason", frame(CLOSE, Uint8Array.of(0x0f, 0xa0, 33)), [0x88, 2, 0x0f, 0xa0]],
    ["with the code that stands for none", frame(CLOSE, Uint8Array.of(0x03, 0xed)), [0x88, 2, 0x03, 0xea]],
    ["with a frame that is not masked", Buffer.of(0x82, 0), [0x88, 2, 0x03, 0xea]],
  ] as const) {
    test(`${what} is answered once, after all it sent before, and then ended in order`, async (t) => {
      const { client, server, closed, received } = await byHand(t, instance);
      client.write(Buffer.concat([ping, sent, ping, frame(CLOSE), ping]));
      await closed;
      assert.deepEqual(received(), Buffer.concat([pong, Buffer.from(answered)]));
      assert.ok(server.writableFinished, "it was cut");
    });
  }

  test("only its direction of TCP still gets what waits for it, and nothing is written after that", async (t) => {
    const { client, server, closed } = await rawLane(instance);
    t.after(() => client.destroy());
    const errors: unknown[] = [];
    server.on("error", (error) => errors.push(error));
    client.write(Buffer.concat([hello, open, watch]));
    await until("it watches", () => [...instance.instance.pages.hubs()].some(({ watchers }) => watchers > 0));
    const earlier = server.bytesWritten;
    // More than both ends of TCP hold, so that some of it waits in the instance.
    const waiting = Buffer.alloc(20_000_000);
    server.write(waiting);
    client.end();
    await until("the instance knows", () => server.writableEnded);
    const other = await watchBoard(instance.url);
    t.after(other.close);
    for (const cell of [1, 2, 3]) await other.board.set(cell, true);
    client.resume();
    await closed;
    assert.deepEqual(errors, []);
    await until("all has come", () => client.bytesRead >= earlier + waiting.length);
    assert.equal(client.bytesRead, earlier + waiting.length);
  });

  test("only its direction of TCP, and does not read, is cut", async (t) => {
    const { client, server, closed } = await rawLane(instance);
    t.after(() => client.destroy());
    server.write(Buffer.alloc(20_000_000));
    client.end();
    const startMs = performance.now();
    await closed;
    assert.ok(performance.now() - startMs < 10_000, "it was kept until its beats were missed");
  });
});

test("an instance that closes says so first, ends a client that answers, and cuts one that does not", async (t) => {
  const instance = await instanceWith(t, { DRAIN_MS: "0" });
  const [answers, doesNot] = [await byHand(t, instance), await byHand(t, instance)];
  const isAsked = ({ received }: typeof answers) => received().subarray(-2).equals(Buffer.of(0x88, 0));
  for (const { client, received } of [answers, doesNot]) {
    client.write(hello);
    await until("it is in", () => received().includes("{}"));
  }
  const drained = instance.drain();
  await until("both are asked to close", () => [answers, doesNot].every(isAsked));
  const asked = [answers.received(), doesNot.received()];
  answers.client.write(frame(CLOSE));
  await Promise.all([answers.closed, doesNot.closed, drained]);
  assert.deepEqual([answers.server.writableFinished, doesNot.server.writableFinished], [true, false]);
  assert.deepEqual([answers.received(), doesNot.received()], asked, "nothing came after it");
});

test("one address's connections are counted at both doors, and one too many is told why", async (t) => {
  const { url } = await instanceWith(t, { CONNECTIONS_PER_ADDRESS: "2" });
  const clients = [lane(t, url), lane(t, url)];
  for (const client of clients) {
    await client.upgraded();
    assert.equal(await client.hello(), "in");
  }
  const third = lane(t, url);
  assert.equal(await third.upgraded(), "open");
  assert.equal(await third.hello(), "TOO_MANY_CONNECTIONS");
  clients[0]?.close();
  await until("there is room again", async () => {
    const next = lane(t, url);
    await next.upgraded();
    return (await next.hello()) === "in";
  });
});

test("an instance that drains answers an upgrade with 503, also one that names a connection of Engine.IO", async (t) => {
  const instance = await instanceWith(t, { DRAIN_MS: "100" });
  instance.instance.departures.begin();
  for (const path of ["/socketscaler", "/socketscaler?sid=x"]) {
    const seen = raw(t, instance, `GET ${path} HTTP/1.1\r\n${UPGRADE}${KEY}\r\n`);
    await until("it is answered", () => seen.text.includes("}}"));
    assert.match(seen.text, /^HTTP\/1\.1 503 [\s\S]*"GOING_AWAY"/, path);
  }
});
