/*
 * A floor: bare `ws` that sends every client a frame of so many bytes, so many times a second, and does nothing else.
 *
 *     tsx bench/peers/ws-floor.ts BYTES FRAMES_PER_SECOND     prints its port
 */

import { createServer } from "node:http";
import { createRequire } from "node:module";
import { eachFrame } from "./frame-clock.js";

const [, , bytes = "0", framesPerSecond = "1"] = process.argv;
// Installed for the benchmark alone, so that types and linter do without it.
const { WebSocketServer } = createRequire(import.meta.url)("ws");
const http = createServer();
const sockets = new WebSocketServer({ server: http, perMessageDeflate: false });
const payload = Buffer.alloc(Number(bytes), "x");

interface Client {
  send(data: Buffer, options: { binary: boolean }): void;
}

eachFrame(Number(framesPerSecond), () => {
  for (const client of sockets.clients as Set<Client>) client.send(payload, { binary: false });
});
http.listen(0, "127.0.0.1", () => {
  const address = http.address();
  if (typeof address === "object" && address !== null) process.stdout.write(`port ${address.port}\n`);
});
