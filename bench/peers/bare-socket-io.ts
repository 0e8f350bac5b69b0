/*
 * A peer: Socket.IO, an atomic SETBIT for the state, one PUBLISH per change to the other servers,
 * one emit per change to every client. No acknowledgement, no order, no catch-up, no repair.
 *
 *     node dist/bare-socket-io.js VALKEY_URL     prints its port
 */

import { createServer } from "node:http";
import { Redis } from "ioredis";
import { Server } from "socket.io";
import { redisUrl, serve } from "./serve.js";

const commands = new Redis(redisUrl);
const subscriber = new Redis(redisUrl);
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
serve(http);
