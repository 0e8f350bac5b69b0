/*
 * A floor, where there is no C compiler: `node:net` that writes every connection so many bytes, so many times a second.
 *
 *     tsx bench/peers/net-floor.ts BYTES FRAMES_PER_SECOND     prints its port
 */

import { createServer, type Socket } from "node:net";
import { eachFrame } from "./frame-clock.js";

const [, , bytes = "0", framesPerSecond = "1"] = process.argv;
const frame = Buffer.alloc(Number(bytes), "x");
const sockets = new Set<Socket>();
const server = createServer((socket) => {
  socket.setNoDelay(true);
  socket.on("error", () => undefined);
  socket.on("close", () => sockets.delete(socket));
  sockets.add(socket);
});

eachFrame(Number(framesPerSecond), () => {
  for (const socket of sockets) socket.write(frame);
});
server.listen(0, "127.0.0.1", () => {
  const address = server.address();
  if (typeof address === "object" && address !== null) process.stdout.write(`port ${address.port}\n`);
});
