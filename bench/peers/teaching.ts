/*
 * A peer: the teaching design, written out plainly. Express and Socket.IO, the state as a JSON array under one key that is
 * read, changed and written back, one PUBLISH per change on `server:broker`, one event per change to every client.
 *
 *     tsx bench/peers/teaching.ts VALKEY_URL CELLS     prints its port
 */

import { createServer } from "node:http";
import express from "express";
import { Redis } from "ioredis";
import { Server } from "socket.io";

const [, , valkeyUrl = "", cells = "0"] = process.argv;
const KEY = "checkboxes";
const CHANNEL = "server:broker";
const url = valkeyUrl.replace(/^valkey:/, "redis:");
const redis = new Redis(url);
const publisher = new Redis(url);
const subscriber = new Redis(url);
const app = express();
const http = createServer(app);
const io = new Server(http);

async function readState(): Promise<boolean[]> {
  const text = await redis.get(KEY);
  return text ? JSON.parse(text) : new Array(Number(cells)).fill(false);
}

app.get("/state", async (_, response) => {
  response.json({ state: await readState() });
});
io.on("connection", (socket) => {
  socket.on("checkbox-update", async ({ index, value }: { index: number; value: boolean }) => {
    const state = await readState();
    state[index] = value;
    await redis.set(KEY, JSON.stringify(state));
    await publisher.publish(CHANNEL, JSON.stringify({ index, value }));
  });
});
subscriber.on("message", (_channel, message) => io.emit("checkbox-update", JSON.parse(message)));
await subscriber.subscribe(CHANNEL);
http.listen(0, "127.0.0.1", () => {
  const address = http.address();
  if (typeof address === "object" && address !== null) process.stdout.write(`port ${address.port}\n`);
});
