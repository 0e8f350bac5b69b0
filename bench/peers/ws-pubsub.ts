/*
 * A peer: no framework. Bare `ws` without compression; a write is SETBIT and PUBLISH in one round
 * trip; each message from the channel goes unchanged to every client that reads.
 *
 * With COALESCE_MS it merges the messages of that many milliseconds into one: the plain design
 * without guarantees. It has no acknowledgement, no history and no catching up.
 *
 *     node dist/ws-pubsub.js VALKEY_URL CELLS [COALESCE_MS]     prints its port
 */

import { createServer } from "node:http";
import { Redis } from "ioredis";
import { cells, options, redisUrl, serve, untyped } from "./serve.js";

const [coalesceMs = "0"] = options;
const KEY = "peer:bits";
const CHANNEL = "peer:changes";
/** A client with more bytes waiting than this is skipped. */
const BUFFERED_BYTES_MAX = 8_000_000;
const { WebSocketServer } = untyped("ws");
const commands = new Redis(redisUrl);
const subscriber = new Redis(redisUrl);
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
    // One transaction and one round trip for both.
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
serve(http);
