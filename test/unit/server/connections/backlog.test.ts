/* What counts as waiting for a client, by hand: an Engine.IO connection that does what the test says. */

import assert from "node:assert/strict";
import { EventEmitter } from "node:events";
import { describe, test } from "node:test";
import { Backlog } from "../../../../src/server/connections/backlog.js";

const PACKET_BYTES = 1_000;

function setUp(name: "websocket" | "polling") {
  const socket = { bufferedAmount: 0 };
  const transport = Object.assign(new EventEmitter(), { name, writable: true, socket });
  const connection = Object.assign(new EventEmitter(), { transport });
  let overflows = 0;
  const backlog = new Backlog(connection, 10_000, () => {
    overflows++;
  });
  /** As Engine.IO does: everything queued goes to the transport as soon as that takes something. */
  const flush = () => {
    if (!transport.writable) return;
    connection.emit("flush");
    transport.writable = false;
  };
  const send = (count: number, character = "x") => {
    for (let sent = 0; sent < count; sent++) {
      connection.emit("packetCreate", { data: character.repeat(PACKET_BYTES) });
      flush();
    }
  };
  return { transport, socket, backlog, send, flush, overflows: () => overflows };
}

describe("a backlog", () => {
  test("is high from half of its bound on, and asks to end the connection past the whole bound", () => {
    const { backlog, send, overflows } = setUp("websocket");
    send(3);
    assert.ok(backlog.bytes >= 3 * PACKET_BYTES && !backlog.isHigh);
    send(1);
    assert.ok(backlog.isHigh);
    assert.equal(overflows(), 0);
    send(4);
    assert.ok(overflows() > 0);
  });

  test("counts what the transport has until it takes more", () => {
    const { transport, backlog, send, flush } = setUp("websocket");
    send(2);
    assert.ok(backlog.bytes >= 2 * PACKET_BYTES);
    transport.writable = true;
    flush();
    assert.ok(backlog.bytes >= PACKET_BYTES && backlog.bytes < 2 * PACKET_BYTES, "the first has left");
    transport.writable = true;
    assert.equal(backlog.bytes, 0);
  });

  test("counts what the WebSocket holds, from any source, and calls for an end when asked to look", () => {
    const { socket, backlog, overflows } = setUp("websocket");
    socket.bufferedAmount = 9_000;
    assert.equal(backlog.bytes, 9_000);
    assert.ok(backlog.isHigh);
    backlog.check();
    assert.equal(overflows(), 0);
    socket.bufferedAmount = 11_000;
    backlog.check();
    assert.equal(overflows(), 1);
  });

  test("counts characters by the bytes they take", () => {
    const [narrow, wide] = [setUp("websocket"), setUp("websocket")];
    narrow.send(1);
    wide.send(1, "漢");
    assert.equal(wide.backlog.bytes - narrow.backlog.bytes, 2 * PACKET_BYTES);
  });

  test("counts answers to long-polling until they are read, also those of earlier questions", () => {
    const { transport, backlog, send } = setUp("polling");
    const answers = [1, 2, 3].map(() => Object.assign(new EventEmitter(), { writableLength: 2_000, destroyed: false }));
    for (const socket of answers) transport.emit("headers", {}, { socket });
    assert.equal(backlog.bytes, 6_000);
    assert.ok(backlog.isHigh);
    for (const socket of answers.slice(1)) socket.writableLength = 0;
    assert.equal(backlog.bytes, 2_000);
    send(1);
    assert.equal(backlog.bytes, 2_000, "what was handed to a question's connection is counted there");
  });
});
