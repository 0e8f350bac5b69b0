/*
 * The frames that an instance writes past Engine.IO, straight to the TCP connection: whole for every length, and only if
 * nothing that was queued earlier would be overtaken.
 */

import assert from "node:assert/strict";
import { EventEmitter, once } from "node:events";
import { createServer } from "node:http";
import { after, before, describe, test } from "node:test";
import type { Server, Socket } from "socket.io";
import { io as connect } from "socket.io-client";
import { toBase64url } from "../../src/protocol/base64url.js";
import { Backlog } from "../../src/server/connections/backlog.js";
import { FrameEncoder, SocketRecipient } from "../../src/server/sockets/frame-sender.js";
import { createSocketServer } from "../../src/server/sockets/sockets.js";

const ENDS = { giveUp: assert.fail, move: assert.fail };

let io: Server;
let url: string;
before(async () => {
  const http = createServer();
  io = createSocketServer(http, { origins: ["*"], messageBytesMax: 65_536, silentMsMax: 10_000 });
  http.listen(0, "127.0.0.1");
  await once(http, "listening");
  const address = http.address();
  url = `http://127.0.0.1:${typeof address === "object" ? address?.port : ""}`;
});
after(() => io.close());

describe("a frame written straight to the connection", () => {
  test("arrives whole, whatever its length", async (t) => {
    const arrived = once(io.of("/boards"), "connection");
    const client = connect(`${url}/boards`, { transports: ["websocket"], forceNew: true });
    t.after(() => client.disconnect());
    const [socket]: Socket[] = await arrived;
    assert.ok(socket);
    const direct: number[] = [];
    const backlog = new Backlog(socket.conn, 10_000_000, assert.fail);
    const recipient = new SocketRecipient(socket, new FrameEncoder(io), backlog, ENDS, (bytes) => direct.push(bytes));
    // The packet around it takes some 20 bytes: lengths on both sides of 126 and of 65,536.
    const lengths = [1, 90, 95, 100, 105, 110, 65_500, 65_505, 65_510, 65_515, 65_520, 70_000, 200_000];
    for (const length of lengths) {
      const heard = new Promise<string>((done) => client.once("counts", done));
      // Four characters of base64url stand for three bytes.
      const bytes = new Uint8Array(Math.ceil(length * 0.75)).fill(length);
      recipient.send({ kind: "counts", bytes });
      assert.equal(await heard, toBase64url(bytes));
    }
    assert.ok(direct.length > lengths.length / 2, "most took the short way");
    io.disconnectSockets(true);
  });

  test("waits its turn behind what the transport or the connection has not taken", () => {
    const written: string[] = [];
    const tcp = { destroyed: false, writableLength: 0, write: () => written.push("straight") };
    const transport = Object.assign(new EventEmitter(), {
      name: "websocket",
      writable: true,
      socket: { _socket: tcp, bufferedAmount: 0 },
    });
    const conn = Object.assign(new EventEmitter(), {
      transport,
      readyState: "open",
      write: () => written.push("queued"),
    });
    const socket: Socket = Object.create({ conn });
    const recipient = new SocketRecipient(
      socket,
      new FrameEncoder(io),
      new Backlog(conn, 1_000_000, assert.fail),
      ENDS,
      () => undefined,
    );
    const send = () => {
      written.length = 0;
      recipient.send({ kind: "counts", bytes: Uint8Array.of(1) });
      return written;
    };
    assert.deepEqual(send(), ["straight"]);
    transport.writable = false;
    assert.deepEqual(send(), ["queued"]);
    transport.writable = true;
    tcp.writableLength = 1;
    assert.deepEqual(send(), ["queued"]);
    tcp.writableLength = 0;
    conn.readyState = "closing";
    assert.deepEqual(send(), ["queued"]);
  });
});
