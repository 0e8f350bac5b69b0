/*
 * A board over Socket.IO and its Redis adapter, written with care: SETBIT changes one bit, a client
 * listens before it receives the board, and every connection receives the board. The failures that
 * remain are not the adapter's task. docs/why-not-an-adapter.md describes them.
 */

import { once } from "node:events";
import { createServer } from "node:http";
import { createAdapter } from "@socket.io/redis-adapter";
import { Redis } from "ioredis";
import { Server } from "socket.io";

const KEY = "adapter:bits";

interface Change {
  readonly index: number;
  readonly value: boolean;
}

export interface BoardServer {
  readonly url: string;
  readonly port: number;
  /** For a scene: awaited between reading the board and sending it, as on a slow network. */
  answered: () => Promise<void>;
  /** For a scene: awaited between making a change and acknowledging it. */
  changed: () => Promise<void>;
  stored(): Promise<string>;
  close(): Promise<void>;
}

export async function startBoardServer(valkeyUrl: string, cells: number): Promise<BoardServer> {
  const address = valkeyUrl.replace(/^valkey:/, "redis:");
  const [commands, publisher, subscriber] = [new Redis(address), new Redis(address), new Redis(address)];
  // All three reconnect by themselves.
  for (const connection of [commands, publisher, subscriber]) connection.on("error", () => undefined);
  const http = createServer();
  const io = new Server(http, { adapter: createAdapter(publisher, subscriber) });
  const read = async () => {
    const bytes = (await commands.getBuffer(KEY)) ?? Buffer.alloc(0);
    return Array.from({ length: cells }, (_, cell) => ((bytes[cell >> 3] ?? 0) & (128 >> (cell & 7))) !== 0);
  };
  const nothing = async () => undefined;
  http.listen(0, "127.0.0.1");
  await once(http, "listening");
  const bound = http.address();
  if (bound === null || typeof bound === "string") throw new Error("no port");
  const server: BoardServer = {
    url: `http://127.0.0.1:${bound.port}`,
    port: bound.port,
    answered: nothing,
    changed: nothing,
    stored: async () => (await read()).map(Number).join(""),
    close: async () => {
      await io.close();
      // The adapter unsubscribes meanwhile.
      await Promise.allSettled([commands, publisher, subscriber].map((connection) => connection.quit()));
    },
  };
  io.on("connection", async (socket) => {
    socket.on("checkbox-update", async ({ index, value }: Change, acknowledge?: (answer: object) => void) => {
      await commands.setbit(KEY, index, value ? 1 : 0);
      io.emit("checkbox-update", { index, value });
      await server.changed();
      acknowledge?.({ ok: true });
    });
    const state = await read();
    await server.answered();
    socket.emit("state", state);
  });
  return server;
}
