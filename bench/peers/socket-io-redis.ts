/*
 * A peer: Socket.IO as its documentation says to run it on several servers: @socket.io/redis-adapter. An atomic SETBIT for
 * the state, one emit per change to everybody.
 *
 *     tsx bench/peers/socket-io-redis.ts VALKEY_URL CELLS     prints its port
 */

import { createServer } from "node:http";
import { createRequire } from "node:module";
import { Redis } from "ioredis";
import { Server } from "socket.io";

const [, , valkeyUrl = ""] = process.argv;
const KEY = "peer:bits";
// Installed for the benchmark alone, so that types and linter do without it.
const { createAdapter } = createRequire(import.meta.url)("@socket.io/redis-adapter");
const url = valkeyUrl.replace(/^valkey:/, "redis:");
const commands = new Redis(url);
const http = createServer();
const io = new Server(http, { adapter: createAdapter(new Redis(url), new Redis(url)) });

io.on("connection", (socket) => {
  socket.on("set", async ({ cell, value }: { cell: number; value: boolean }, done: () => void) => {
    await commands.setbit(KEY, cell, value ? 1 : 0);
    io.emit("change", { cell, value });
    done();
  });
});
http.listen(0, "127.0.0.1", () => {
  const address = http.address();
  if (typeof address === "object" && address !== null) process.stdout.write(`port ${address.port}\n`);
});
