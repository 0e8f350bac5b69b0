/*
 * A peer: Socket.IO on several servers, as its documentation recommends. An atomic SETBIT keeps the
 * state, and one event per change goes to every client. `redis` uses @socket.io/redis-adapter;
 * `streams` uses the adapter over Redis streams with `connectionStateRecovery`, and a client that
 * was not recovered asks for the state.
 *
 *     node dist/socket-io.js VALKEY_URL CELLS redis|streams     prints its port
 */

import { createServer } from "node:http";
import { Redis } from "ioredis";
import { Server } from "socket.io";
import { cells, options, redisUrl, serve, untyped } from "./serve.js";

const KEY = "peer:bits";
const commands = new Redis(redisUrl);
const http = createServer();
const io = new Server(
  http,
  options[0] === "streams"
    ? {
        adapter: untyped("@socket.io/redis-streams-adapter").createAdapter(new Redis(redisUrl)),
        // Both are the defaults.
        connectionStateRecovery: { maxDisconnectionDuration: 120_000, skipMiddlewares: true },
      }
    : { adapter: untyped("@socket.io/redis-adapter").createAdapter(new Redis(redisUrl), new Redis(redisUrl)) },
);

io.on("connection", (socket) => {
  socket.on("set", async ({ cell, value }: { cell: number; value: boolean }, done: () => void) => {
    await commands.setbit(KEY, cell, value ? 1 : 0);
    io.emit("change", { cell, value });
    done();
  });
  socket.on("state", async (done: (bits: Buffer) => void) => {
    const bits = Buffer.alloc(Math.ceil(Number(cells) / 8));
    bits.set((await commands.getBuffer(KEY)) ?? Buffer.alloc(0));
    done(bits);
  });
});
serve(http);
