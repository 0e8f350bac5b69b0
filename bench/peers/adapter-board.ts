/*
 * A board of the teaching protocol as Socket.IO's documentation recommends it for several servers:
 * an atomic SETBIT keeps the state, and @socket.io/redis-adapter carries `io.emit` to the clients
 * of all servers. `socketscaler judge` judges it (docs/judge.md).
 *
 *     node dist/adapter-board.js VALKEY_URL CELLS     prints its port
 */

import { createServer, type ServerResponse } from "node:http";
import { Redis } from "ioredis";
import { Server } from "socket.io";
import { cells, redisUrl, serve, untyped } from "./serve.js";

const KEY = "adapter-board:bits";
const size = Number(cells);
const commands = new Redis(redisUrl);
const http = createServer((request, response) => void answer(request.url, response));
const { createAdapter } = untyped("@socket.io/redis-adapter");
const io = new Server(http, { adapter: createAdapter(new Redis(redisUrl), new Redis(redisUrl)) });

io.on("connection", (socket) => {
  socket.on("checkbox-update", async (update: unknown, acknowledge?: unknown) => {
    const { index, value } = Object(update);
    const isClick = Number.isInteger(index) && index >= 0 && index < size && typeof value === "boolean";
    if (isClick) {
      await commands.setbit(KEY, index, value ? 1 : 0);
      io.emit("checkbox-update", { index, value });
    }
    if (typeof acknowledge === "function") acknowledge({ ok: isClick });
  });
});

async function answer(path: string | undefined, response: ServerResponse): Promise<void> {
  if (path !== "/state") return void response.writeHead(404).end();
  const bytes = (await commands.getBuffer(KEY)) ?? Buffer.alloc(0);
  const state = Array.from({ length: size }, (_, cell) => ((bytes[cell >> 3] ?? 0) & (128 >> (cell & 7))) !== 0);
  response.setHeader("content-type", "application/json");
  response.end(JSON.stringify({ state }));
}

serve(http);
