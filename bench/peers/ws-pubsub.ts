/*
 * A peer: what a good engineer would write without a framework. Bare `ws`, no compression; a write is SETBIT and PUBLISH in
 * one round trip; each message from the channel goes out as it is to every client that reads.
 *
 * With COALESCE_MS it gathers what the channel brings, and sends it as one message each so many milliseconds: the plain
 * design without guarantees. It has no acknowledgement, no history and no catching up.
 *
 *     tsx bench/peers/ws-pubsub.ts VALKEY_URL CELLS [COALESCE_MS]     prints its port
 */

import { createServer } from "node:http";
import { createRequire } from "node:module";
import { Redis } from "ioredis";

const [, , valkeyUrl = "", cells = "0", coalesceMs = "0"] = process.argv;
const KEY = "peer:bits";
const CHANNEL = "peer:changes";
/** A client with more than this waiting is skipped. */
const BUFFERED_BYTES_MAX = 8_000_000;
// Installed for the benchmark alone, so that types and linter do without it.
const { WebSocketServer } = createRequire(import.meta.url)("ws");
const url = valkeyUrl.replace(/^valkey:/, "redis:");
const commands = new Redis(url);
const subscriber = new Redis(url);
const http = createServer();
const sockets = new WebSocketServer({ server: http, perMessageDeflate: false });

interface Client {
  readonly bufferedAmount: number;
  send(data: Buffer, options: { binary: boolean }): void;
  on(event: "message", listener: (data: Buffer) => void): void;
}

sockets.on("connection", (client: Client) => {
  client.on("message", (data) => {
    const text = data.toString();
    const [cell = Number.NaN, value = 0] = text.split(",").map(Number);
    if (!(Number.isInteger(cell) && cell >= 0 && cell < Number(cells))) return;
    // Pipelined on one connection: no change can come between, and one round trip does both.
    void commands.multi().setbit(KEY, cell, value).publish(CHANNEL, text).exec();
  });
});
const gathered = new Map<string, string>();

function send(message: Buffer): void {
  for (const client of sockets.clients as Set<Client>) {
    if (client.bufferedAmount < BUFFERED_BYTES_MAX) client.send(message, { binary: false });
  }
}

function sendGathered(): void {
  send(Buffer.from([...gathered].map(([cell, value]) => `${cell},${value}`).join(" ")));
  gathered.clear();
}

subscriber.on("messageBuffer", (_channel: Buffer, message: Buffer) => {
  if (coalesceMs === "0") return send(message);
  const [cell = "", value = ""] = message.toString().split(",");
  if (gathered.size === 0) setTimeout(sendGathered, Number(coalesceMs));
  gathered.set(cell, value);
});
await subscriber.subscribe(CHANNEL);
http.listen(0, "127.0.0.1", () => {
  const address = http.address();
  if (typeof address === "object" && address !== null) process.stdout.write(`port ${address.port}\n`);
});
