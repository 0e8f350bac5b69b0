/*
 * A peer: Socket.IO as its documentation says to run it on several servers with recovery: the adapter over Redis streams,
 * and `connectionStateRecovery`. An atomic SETBIT for the state, one event per change to everybody; who connects anew asks
 * for the state.
 *
 *     tsx bench/peers/socket-io-streams.ts VALKEY_URL CELLS     prints its port
 */

import { createServer } from "node:http";
import { createRequire } from "node:module";
import { Redis } from "ioredis";
import { Server } from "socket.io";

const [, , valkeyUrl = "", cells = "0"] = process.argv;
const KEY = "peer:bits";
// Installed for the benchmark alone, so that types and linter do without it.
const { createAdapter } = createRequire(import.meta.url)("@socket.io/redis-streams-adapter");
const url = valkeyUrl.replace(/^valkey:/, "redis:");
const commands = new Redis(url);
const http = createServer();
const io = new Server(http, {
  adapter: createAdapter(new Redis(url)),
  // Both are the defaults.
  connectionStateRecovery: { maxDisconnectionDuration: 120_000, skipMiddlewares: true },
});

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
http.listen(0, "127.0.0.1", () => {
  const address = http.address();
  if (typeof address === "object" && address !== null) process.stdout.write(`port ${address.port}\n`);
});
