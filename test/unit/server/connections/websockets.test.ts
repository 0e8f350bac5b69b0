/* WebSockets by hand: what their meters do, and what an answer to a ping may have waiting. */

import assert from "node:assert/strict";
import { EventEmitter } from "node:events";
import { describe, test } from "node:test";
import { WebSockets } from "../../../../src/server/connections/websockets.js";
import { VirtualClock } from "../../../support/virtual-clock.js";

const LIMITS = {
  inflow: { messages: { perSecond: 10, burst: 20 }, bytes: { perSecond: 1_000, burst: 2_000 } },
  messageBytesMax: 10_000_000,
  bufferBytesMax: 5_000,
};

function setUp() {
  const ended: string[] = [];
  const socket = Object.assign(new EventEmitter(), {
    bufferedAmount: 0,
    pause: () => undefined,
    resume: () => undefined,
    terminate: () => ended.push("ended"),
  });
  const server = {
    options: { maxFragments: 0, maxBufferedChunks: 0 },
    handleUpgrade: (_request: unknown, _tcp: unknown, _head: unknown, done: (given: typeof socket) => void) =>
      done(socket),
  };
  const webSockets = new WebSockets(LIMITS, new VirtualClock());
  webSockets.guard(server);
  server.handleUpgrade({}, new EventEmitter(), Buffer.alloc(0), () => undefined);
  return { socket, server, webSockets, ended };
}

describe("a WebSocket below Engine.IO", () => {
  test("has a meter before anybody knows what it carries", () => {
    const { socket, webSockets, ended } = setUp();
    assert.ok(webSockets.of(socket));
    assert.equal(webSockets.of({}), undefined);
    for (let count = 0; count < 39; count++) socket.emit("ping", Buffer.alloc(0));
    assert.deepEqual(ended, []);
    socket.emit("pong", Buffer.alloc(0));
    assert.ok(ended.length > 0);
  });

  test("is ended when the answers to its pings wait, whether or not it ever joins a namespace of ours", () => {
    const { socket, ended } = setUp();
    socket.bufferedAmount = 5_000;
    socket.emit("ping", Buffer.alloc(0));
    assert.deepEqual(ended, []);
    socket.bufferedAmount = 5_001;
    socket.emit("ping", Buffer.alloc(0));
    assert.deepEqual(ended, ["ended"]);
  });

  test("may have a large message come in as many pieces as a slow network makes of it", () => {
    const { server } = setUp();
    const ETHERNET_BYTES = 1_400;
    assert.ok(server.options.maxBufferedChunks > LIMITS.messageBytesMax / ETHERNET_BYTES);
  });
});
