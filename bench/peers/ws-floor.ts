/*
 * A floor: bare `ws` that sends every client a frame of BYTES bytes, FRAMES_PER_SECOND times a
 * second, and does nothing else. At 0 frames per second, it only holds the connections.
 *
 *     node dist/ws-floor.js BYTES FRAMES_PER_SECOND     prints its port
 */

import { createServer } from "node:http";
import { serve, untyped } from "./serve.js";

const [, , bytes = "0", framesPerSecond = "1"] = process.argv;
const { WebSocketServer } = untyped("ws");
const http = createServer();
const sockets = new WebSocketServer({ server: http, perMessageDeflate: false });
const payload = Buffer.alloc(Number(bytes), "x");
const everyMs = 1_000 / Number(framesPerSecond);
const startMs = performance.now();

interface Client {
  send(data: Buffer, options: { binary: boolean }): void;
}

/** Sleeps until each frame is due, as send-floor.c does: more timers would cost CPU. */
function sendLater(frame: number): void {
  const send = () => {
    for (const client of sockets.clients as Set<Client>) client.send(payload, { binary: false });
    sendLater(frame + 1);
  };
  setTimeout(send, Math.max(0, startMs + frame * everyMs - performance.now()));
}

if (Number(framesPerSecond) > 0) sendLater(1);
serve(http);
