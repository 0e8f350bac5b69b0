/* The timer of an HTTP server for a connection that became a WebSocket, in the Node that runs this. */

import assert from "node:assert/strict";
import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";
import { test } from "node:test";
import { forgetInactivity } from "../../../../src/server/connections/inactivity.js";

const INACTIVE_MS_MAX = 60_000;

async function accepted(t: { after(run: () => void): void }): Promise<Socket> {
  const server = createServer().listen(0);
  await once(server, "listening");
  const client = connect((server.address() as AddressInfo).port);
  const [socket] = (await once(server, "connection")) as [Socket];
  t.after(() => {
    client.destroy();
    socket.destroy();
    server.close();
  });
  return socket;
}

function timersOf(socket: Socket): unknown[] {
  const values = Object.getOwnPropertySymbols(socket).map((key): unknown => Reflect.get(socket, key));
  return values.filter((value) => value instanceof Object && value.constructor.name === "Timeout");
}

test("a stopped timer is let go of, and another may be started", async (t) => {
  const socket = await accepted(t);
  socket.setTimeout(INACTIVE_MS_MAX);
  socket.setTimeout(0);
  assert.equal(timersOf(socket).length, 1, "Node keeps it");
  forgetInactivity(socket);
  assert.equal(timersOf(socket).length, 0);
  socket.setTimeout(1);
  await once(socket, "timeout");
});

test("a running timer stays", async (t) => {
  const socket = await accepted(t);
  socket.setTimeout(INACTIVE_MS_MAX);
  forgetInactivity(socket);
  assert.equal(timersOf(socket).length, 1);
});
