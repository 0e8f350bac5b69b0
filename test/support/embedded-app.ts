/* An Express and Socket.IO app of someone else's, in this process, with boards in it. */

import { once } from "node:events";
import { createServer } from "node:http";
import { Writable } from "node:stream";
import express, { type Express } from "express";
import { pino } from "pino";
import { Server } from "socket.io";
import { type AttachBoardsOptions, type AttachedBoards, attachBoards } from "../../src/server/index.js";

export interface EmbeddedApp {
  readonly url: string;
  readonly app: Express;
  readonly io: Server;
  readonly boards: AttachedBoards;
  /** What the boards logged so far, one object for each line. */
  readonly logged: readonly { readonly hook?: string; readonly msg: string; readonly err?: { message: string } }[];
}

/** `prepare` is for what the app does before boards are attached, such as its session middleware; `path` is its Engine.IO's. */
export async function startApp(
  t: { after(end: () => unknown): unknown },
  options: AttachBoardsOptions,
  prepare: (app: Express, io: Server) => void = () => undefined,
  path = "/socket.io",
): Promise<EmbeddedApp> {
  const app = express();
  const http = createServer(app);
  const io = new Server(http, { path });
  const logged: EmbeddedApp["logged"][number][] = [];
  const lines = new Writable({
    write: (line, _, done) => {
      logged.push(JSON.parse(String(line)));
      done();
    },
  });
  prepare(app, io);
  const boards = await attachBoards(io, app, { log: pino({ level: "warn" }, lines), ...options });
  http.listen(0, "127.0.0.1");
  await once(http, "listening");
  t.after(async () => {
    await boards.close();
    await io.close();
  });
  const bound = http.address();
  if (bound === null || typeof bound === "string") throw new Error("no port");
  return { url: `http://127.0.0.1:${bound.port}`, app, io, boards, logged };
}
