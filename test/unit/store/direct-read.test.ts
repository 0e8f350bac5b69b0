/* Reading around a stream's queue must give what the stream would give. */

import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { connect, createServer, type Socket } from "node:net";
import { Readable } from "node:stream";
import { test } from "node:test";
import { readDirectly, readNoMore } from "../../../src/store/direct-read.js";

async function pair(): Promise<{ ours: Socket; theirs: Socket; close: () => void }> {
  const server = createServer();
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("no port");
  const theirs = connect(address.port, "127.0.0.1");
  const [ours]: [Socket] = (await once(server, "connection")) as [Socket];
  return {
    ours,
    theirs,
    close: () => {
      ours.destroy();
      theirs.destroy();
      server.close();
    },
  };
}

/** Resolves when `length` bytes were heard. */
function collector(length: number): { heard: (data: Buffer) => void; all: Promise<Buffer>; pieces: Buffer[] } {
  const pieces: Buffer[] = [];
  let done: (all: Buffer) => void = () => undefined;
  const all = new Promise<Buffer>((resolve) => {
    done = resolve;
  });
  let bytes = 0;
  const heard = (data: Buffer) => {
    pieces.push(data);
    bytes += data.length;
    if (bytes >= length) done(Buffer.concat(pieces));
  };
  return { heard, all, pieces };
}

test("all bytes arrive, in order", async (context) => {
  const { ours, theirs, close } = await pair();
  context.after(close);
  const sent = randomBytes(3_000_000);
  const { heard, all } = collector(sent.length);
  readDirectly(ours, { read: heard });
  for (let at = 0, size = 1; at < sent.length; at += size, size = (size * 7 + 3) % 100_000) {
    theirs.write(sent.subarray(at, at + size));
  }
  assert.deepEqual(await all, sent);
});

test("what is read while nothing waits does not enter the stream's queue", async (context) => {
  const { ours, theirs, close } = await pair();
  context.after(close);
  const { heard, all } = collector(5);
  const { push } = Readable.prototype;
  context.mock.method(Readable.prototype, "push", function (this: Readable, piece: unknown) {
    if (this === ours) assert.fail("the queue was used");
    return push.call(this, piece);
  });
  readDirectly(ours, { read: heard });
  theirs.write("hello");
  assert.equal(String(await all), "hello");
});

test("a paused socket waits, and goes on in order", async (context) => {
  const { ours, theirs, close } = await pair();
  context.after(close);
  const first = collector(1);
  const sent = randomBytes(1_000_000);
  const second = collector(sent.length + 1);
  readDirectly(ours, {
    read: (data) => {
      first.heard(data);
      second.heard(data);
    },
  });
  theirs.write("x");
  await first.all;
  ours.pause();
  theirs.write(sent.subarray(0, 500_000));
  // What a paused socket has read waits in its stream, up to a bound.
  while (ours.readableLength === 0) await new Promise((done) => setImmediate(done));
  assert.equal(second.pieces.length, 1);
  ours.resume();
  theirs.write(sent.subarray(500_000));
  assert.deepEqual((await second.all).subarray(1), sent);
});

test("the end of the connection is an event of the socket, as usual", async (context) => {
  const { ours, theirs, close } = await pair();
  context.after(close);
  const { heard, all } = collector(3);
  readDirectly(ours, { read: heard });
  const ended = once(ours, "end");
  theirs.end("bye");
  assert.equal(String(await all), "bye");
  await ended;
});

test("once ended, it hears nothing", async (context) => {
  const { ours, theirs, close } = await pair();
  context.after(close);
  readDirectly(ours, { read: () => assert.fail("it was ended") });
  readNoMore(ours);
  const { heard, all } = collector(1);
  ours.on("data", heard);
  theirs.write("x");
  assert.equal(String(await all), "x");
});
