/*
 * Hostile peers of the lane. Whatever one of them sends, or leaves unread, the process lives, its memory stays bounded,
 * somebody else's click is answered, the peer is ended with a code that is counted, and nothing of it is left.
 */

import assert from "node:assert/strict";
import type { Socket as TcpSocket } from "node:net";
import { after, before, describe, type TestContext, test } from "node:test";
import v8 from "node:v8";
import { runInNewContext } from "node:vm";
import { encodeBeat, encodeRequest, encodeWrite, LANE_PATH } from "../../src/protocol/lane.js";
import { EmbeddedStore } from "../../src/store/embedded/embedded-store.js";
import { type TestClient, watchBoard } from "../support/clients.js";
import { temporaryFolder } from "../support/folder.js";
import { type LocalInstance, startInstance } from "../support/instances.js";
import { Random } from "../support/random.js";
import { newSession } from "../support/raw-client.js";
import {
  BINARY,
  CLOSE,
  frame,
  PING,
  PONG,
  type RawSocket,
  rawLane,
  rawSocket,
  TEXT,
  upgradeOf,
} from "../support/raw-socket.js";
import { until } from "../support/until.js";

const MESSAGE_BYTES = 65_536;
const BUFFER_BYTES = 65_536;
const FLOOD_BYTES = 4_000_000;
/** More than the instance may read of a flood: its budget in bytes, and some reads that are under way. */
const READ_BYTES_MAX = 3_000_000;
const CLICK_MS_MAX = 2_000;
const SILENT_MS_MAX = 1_000;

const HELLO = message(encodeRequest(0, "hello", { protocol: 2 }));
const OPEN = message(encodeRequest(1, "open", { board: "main", protocol: 2, session: newSession() }));
const WATCH = message(encodeRequest(2, "watch", { board: "main", pages: [0] }));
const JOIN = Buffer.concat([HELLO, OPEN, WATCH]);
const RSV1 = 0x40;

function message(bytes: Uint8Array): Buffer {
  return frame(BINARY, bytes);
}
function many(part: Uint8Array, bytes = FLOOD_BYTES): Buffer {
  return Buffer.concat(Array(Math.ceil(bytes / part.length)).fill(part));
}
function changed(bytes: Buffer, change: (bytes: Buffer) => void): Buffer {
  const copy = Buffer.from(bytes);
  change(copy);
  return copy;
}

let store: EmbeddedStore;
let instance: LocalInstance;
let other: TestClient;

before(async () => {
  store = await EmbeddedStore.open({ directory: temporaryFolder({ after }) });
  // Those who are ended for their errors come back at once: all here have one address.
  const flags = {
    BOARDS: "main=1000",
    CONNECTIONS_PER_ADDRESS: "10000",
    CLIENT_BUFFER_BYTES: String(BUFFER_BYTES),
    MESSAGE_BYTES: String(MESSAGE_BYTES),
    WRITE_WAIT_MS: "60000",
  };
  instance = await startInstance(flags, store, { silentMsMax: SILENT_MS_MAX });
  other = await watchBoard(instance.url);
});
after(async () => {
  other.close();
  // A connection that is still counted would keep it for a minute.
  const startMs = performance.now();
  await instance.drain();
  assert.ok(performance.now() - startMs < 10_000, "something of the peers was left for the drain to wait for");
  await instance.stop();
  await store.close();
});

async function refusals(code: string): Promise<number> {
  const text = await instance.instance.metrics.text();
  return Number(new RegExp(`^socketscaler_refusals_total\\{code="${code}"\\} (\\d+)`, "m").exec(text)?.[1] ?? 0);
}

async function peer(t: TestContext): Promise<RawSocket> {
  const socket = await rawLane(instance);
  const { client } = socket;
  t.after(() => client.destroy());
  return socket;
}

/** What a client has read so far. */
function reading(client: TcpSocket): () => string {
  let read = "";
  client.on("data", (chunk: Buffer) => {
    read += chunk.toString("latin1");
  });
  client.resume();
  return () => read;
}

let clicks = 0;
async function click(): Promise<void> {
  const startMs = performance.now();
  await other.board.set(clicks++ % 1_000, clicks % 2_000 < 1_000);
  const tookMs = performance.now() - startMs;
  assert.ok(tookMs < CLICK_MS_MAX, `a click took ${tookMs.toFixed(0)} ms`);
}

const random = new Random(Date.now());
const randomBytes = (length: number) => Uint8Array.from({ length }, () => random.whole(0, 255));
const write = encodeWrite(0, 1, [[5, 1]]);

/** What a peer that has joined sends without end, and reads nothing. */
const FLOODS: Readonly<Record<string, () => Buffer>> = {
  "random bytes": () => many(randomBytes(65_536)),
  "messages of random bytes": () => many(Buffer.concat(Array.from({ length: 1_000 }, () => message(randomBytes(20))))),
  "empty messages": () => many(message(new Uint8Array())),
  "writes that are cut short": () => many(message(write.subarray(0, 2))),
  "requests whose text is none": () => many(message(Uint8Array.of(1, 3, 91, 91))),
  "requests that there are not": () => many(message(encodeRequest(3, "clear", "main"))),
  "hello again": () => many(HELLO),
  "open again": () => many(OPEN),
  "watches of the same page": () => many(WATCH),
  "writes of one cell": () =>
    many(Buffer.concat(Array.from({ length: 1_000 }, (_, cell) => message(encodeWrite(0, cell + 1, [[cell, 1]]))))),
  "writes to a handle that is not open": () => many(message(encodeWrite(9, 1, [[1, 1]]))),
  "writes of all cells there can be": () =>
    many(
      message(
        encodeWrite(
          0,
          1,
          Array.from({ length: 60_000 }, (_, cell) => [cell, 1] as const),
        ),
      ),
    ),
  beats: () => many(message(encodeBeat())),
  "empty pings": () => many(frame(PING)),
  "full pings": () => many(frame(PING, "x".repeat(125))),
  pongs: () => many(frame(PONG)),
  "texts instead of bytes": () => many(frame(TEXT, "hello")),
  "compressed frames": () => many(changed(HELLO, (bytes) => (bytes[0] = (bytes[0] ?? 0) | RSV1))),
  "frames without a mask": () => many(changed(HELLO, (bytes) => (bytes[1] = (bytes[1] ?? 0) & 0x7f))),
  "empty fragments without end": () => Buffer.concat([frame(BINARY, "", false), many(frame(0, "", false))]),
  "fragments of one byte without end": () => Buffer.concat([frame(BINARY, "x", false), many(frame(0, "x", false))]),
  "large messages": () => many(message(encodeRequest(3, "open", "x".repeat(60_000)))),
  // The bytes of a message are charged when it ends, or with the next ping: never more than a message later.
  "large messages in fragments": () =>
    many(Buffer.concat([frame(BINARY, new Uint8Array(60_000), false), frame(0, new Uint8Array(5_000))])),
  "large fragments with pings between": () =>
    many(Buffer.concat([frame(BINARY, new Uint8Array(30_000), false), frame(PING), frame(0, new Uint8Array(30_000))])),
  "large fragments without end": () =>
    Buffer.concat([frame(BINARY, "x", false), many(frame(0, new Uint8Array(30_000), false))]),
  "a message that is too large": () => message(new Uint8Array(FLOOD_BYTES)),
  "anything after a close": () => Buffer.concat([frame(CLOSE), many(HELLO)]),
  "anything after a close with a code that there is not": () =>
    Buffer.concat([frame(CLOSE, Uint8Array.of(0, 1)), many(HELLO)]),
};

describe("a flood at the lane", () => {
  for (const [name, make] of Object.entries(FLOODS)) {
    test(`of ${name} is not read to its end, after joining or instead of hello`, async (t) => {
      const flood = make();
      const joined = await peer(t);
      joined.client.write(JOIN);
      const peers = [joined, await peer(t)];
      let most = 0;
      await Promise.all(
        peers.map(async ({ client, server, closed }) => {
          client.write(flood);
          await Promise.race([
            closed,
            until("it is not read any further, or too much was read", () => {
              most = Math.max(most, server.writableLength);
              return server.isPaused() || server.bytesRead >= READ_BYTES_MAX;
            }),
          ]);
        }),
      );
      await click();
      for (const { server } of peers)
        assert.ok(server.bytesRead < READ_BYTES_MAX, `${server.bytesRead} bytes were read`);
      assert.ok(most <= 2 * BUFFER_BYTES, `${most} bytes waited`);
    });
  }
});

describe("a peer of the lane", () => {
  test("that never ends a message is held no more of than a message, and not for long", async (t) => {
    const { client, server, closed } = await peer(t);
    client.write(Buffer.concat([JOIN, frame(BINARY, new Uint8Array(MESSAGE_BYTES - 1), false)]));
    await until("it is read", () => server.bytesRead > MESSAGE_BYTES);
    assert.ok(!server.isPaused());
    client.write(frame(0, new Uint8Array(2), false));
    await closed;
  });

  test("that sends no hello is cut, whatever else it sends", async (t) => {
    const { client, closed } = await peer(t);
    const sending = setInterval(() => client.write(Buffer.concat([message(encodeBeat()), frame(PING)])), 50);
    t.after(() => clearInterval(sending));
    await closed;
  });

  test("that sends hello twice is told so, and is served", async (t) => {
    const { client } = await peer(t);
    const texts = reading(client);
    client.write(Buffer.concat([HELLO, HELLO, OPEN]));
    await until("both are answered", () => /BAD_REQUEST.*"name":"main"|"name":"main".*BAD_REQUEST/s.test(texts()));
  });

  test("that does not read what it asks for is cut, which is counted once", async (t) => {
    const before = await refusals("TOO_SLOW");
    const { client, server, closed } = await peer(t);
    client.write(JOIN);
    let isClosed = false;
    void closed.then(() => {
      isClosed = true;
    });
    let most = 0;
    // Requests that are refused cost nothing but their answers.
    const asking = many(message(encodeRequest(3, "watch", { handle: 0, pages: [9] })), 20_000);
    await until("it is ended", () => {
      most = Math.max(most, server.writableLength);
      if (client.writableLength === 0) client.write(asking);
      return isClosed;
    });
    assert.ok(most <= 2 * BUFFER_BYTES, `${most} bytes waited`);
    assert.ok((await refusals("TOO_SLOW")) - before <= 1);
    await click();
  });

  test("that sends a message which is too large reads why its connection ends", async (t) => {
    const { client, closed } = await peer(t);
    const bytes: Buffer[] = [];
    client.on("data", (chunk: Buffer) => bytes.push(chunk)).resume();
    client.write(Buffer.concat([HELLO, message(new Uint8Array(MESSAGE_BYTES + 1))]));
    await closed;
    const MESSAGE_TOO_BIG = 1_009;
    assert.equal(Buffer.concat(bytes).subarray(-2).readUInt16BE(), MESSAGE_TOO_BIG);
  });

  test("that floods is not answered any more once it is cut, because each such write would cost an error", async (t) => {
    const { client, server, closed } = await peer(t);
    const { write } = server;
    let [answers, late] = [0, 0];
    const counted = (...args: unknown[]): unknown => {
      answers++;
      if (server.destroyed) late++;
      return Reflect.apply(write, server, args);
    };
    Reflect.set(server, "write", counted);
    client.write(many(frame(PING)));
    await closed;
    assert.ok(answers > 0);
    assert.equal(late, 0);
  });

  test("that closes, and then neither reads nor ends, is cut", async (t) => {
    const { client, closed } = await peer(t);
    client.write(Buffer.concat([JOIN, frame(CLOSE)]));
    const startMs = performance.now();
    await closed;
    assert.ok(performance.now() - startMs < 10_000, "it was kept for as long as `ws` waits");
  });

  for (const [what, request] of Object.entries({
    "a refused request": upgradeOf(`${LANE_PATH}?j=1`),
    "another version of WebSocket": upgradeOf(LANE_PATH).replace("Version: 13", "Version: 7"),
    "a key that is none": upgradeOf(LANE_PATH).replace(/Key: .*\r/, "Key: 1\r"),
    "half of a request": upgradeOf(LANE_PATH).slice(0, -10),
    "half of a request behind a whole one": `GET /health HTTP/1.1\r\nHost: a\r\n\r\n${upgradeOf(LANE_PATH).slice(0, -10)}`,
  })) {
    test(`that upgrades with ${what}, and never ends, is cut`, async (t) => {
      const { client, closed } = await rawSocket(instance);
      t.after(() => client.destroy());
      client.write(request);
      const startMs = performance.now();
      await closed;
      assert.ok(performance.now() - startMs < 10_000, "it was kept");
    });
  }

  test("that upgrades behind requests without answers gets no more than it asked for", async (t) => {
    const { client, server } = await rawSocket(instance);
    t.after(() => client.destroy());
    const texts = reading(client);
    client.write(`${"GET /boards/main/pages/0 HTTP/1.1\r\nHost: a\r\n\r\n".repeat(5)}${upgradeOf(LANE_PATH)}`);
    client.write(JOIN);
    await Promise.race([
      until("it is upgraded", () => texts().includes("101 Switching Protocols")),
      until("it is ended", () => server.destroyed),
    ]);
    await click();
  });
});

describe("many peers of the lane from one address", () => {
  test("that come and go are bounded in number and rate, each is told why, and nothing of them is left", async (t) => {
    const small = await startInstance({ BOARDS: "main=1000", CONNECTIONS_PER_ADDRESS: "20" }, store);
    t.after(() => small.stop());
    // Whatever is kept for a connection keeps the instance's end of it too.
    const ends: WeakRef<TcpSocket>[] = [];
    small.io.httpServer.on("connection", (socket: TcpSocket) => ends.push(new WeakRef(socket)));
    const codes: string[] = [];
    const join = async () => {
      const { client } = await rawLane(small);
      const texts = reading(client);
      client.write(JOIN);
      await until("it is answered", () => /"watching":1|goodbye/.test(texts()));
      codes.push(/"code":"(\w+)"/.exec(texts())?.[1] ?? "served");
      return client;
    };
    const come = async (index: number) => {
      // Some leave when they have joined, some before the answer, and some at once.
      const hasJoined = index % 3 > 1;
      const client = hasJoined ? await join() : (await rawLane(small)).client;
      if (!hasJoined && index % 3 > 0) client.write(JOIN);
      client.destroy();
    };
    // Nobody leaves before all are answered, so more than 20 are there at once.
    const crowd = async () => {
      for (const client of await Promise.all(Array.from({ length: 30 }, join))) client.destroy();
    };
    for (let round = 0; round < 3; round++) {
      await crowd();
      await Promise.all(Array.from({ length: 30 }, (_, index) => come(index)));
    }
    assert.deepEqual(new Set(codes), new Set(["served", "TOO_MANY_CONNECTIONS"]));
    const metrics = () => small.instance.metrics.text();
    assert.match(await metrics(), /^socketscaler_refusals_total\{code="TOO_MANY_CONNECTIONS"\} [1-9]/m);
    await until("none is counted", async () => /^socketscaler_connections 0$/m.test(await metrics()));
    await until("no page is watched", () => [...small.instance.pages.hubs()].every(({ watchers }) => watchers === 0));
    assert.ok(ends.length >= 120);
    v8.setFlagsFromString("--expose-gc");
    const collect: () => void = runInNewContext("gc");
    await until("their memory is free", () => {
      collect();
      return ends.every((end) => end.deref() === undefined);
    });
    await until("others are admitted as before", async () => {
      const { client, closed } = await rawLane(small);
      const texts = reading(client);
      client.write(JOIN);
      await until("it is answered", () => /"watching":1|goodbye/.test(texts()));
      client.destroy();
      await closed;
      return texts().includes("watching");
    });
    // No connection is left that a drain would wait for.
    await small.drain();
  });
});
