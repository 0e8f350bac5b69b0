/*
 * A peer: what a good engineer would write first. Socket.IO, an atomic SETBIT for the state, one PUBLISH per change to
 * carry the news, one emit per change to every client. No acknowledgement, no order, no catch-up, no repair.
 *
 *     tsx bench/peers/bare-socket-io.ts VALKEY_URL     prints its port
 */

import { createServer } from "node:http";
import { Redis } from "ioredis";
import { Server } from "socket.io";

const url = (process.argv[2] ?? "").replace(/^valkey:/, "redis:");
const commands = new Redis(url);
const subscriber = new Redis(url);
const http = createServer();
const io = new Server(http);

await subscriber.subscribe("bare");
subscriber.on("message", (_channel, message) => io.local.emit("checkbox-update", JSON.parse(message)));
io.on("connection", (socket) => {
  socket.on("checkbox-update", async ({ index, value }: { index: number; value: boolean }) => {
    await commands.setbit("bare:bits", index, value ? 1 : 0);
    await commands.publish("bare", JSON.stringify({ index, value }));
  });
});
http.listen(0, "127.0.0.1", () => {
  const address = http.address();
  if (typeof address === "object" && address !== null) process.stdout.write(`port ${address.port}\n`);
});
