/* Express and Socket.IO on a free port, for all naive versions. */

import { once } from "node:events";
import { createServer } from "node:http";
import express, { type Express } from "express";
import { Server } from "socket.io";

export interface NaiveInstance {
  readonly url: string;
  close(): Promise<void>;
}

interface WebServer extends NaiveInstance {
  readonly app: Express;
  readonly io: Server;
}

/** The message of a click, to the server and to all clients. */
export interface CheckboxUpdate {
  readonly index: number;
  readonly value: boolean;
}

export type Acknowledge = (answer: { readonly ok: true }) => void;

export async function openWebServer(): Promise<WebServer> {
  const app = express();
  const http = createServer(app);
  const io = new Server(http);
  http.listen(0, "127.0.0.1");
  await once(http, "listening");
  const address = http.address();
  if (address === null || typeof address === "string") throw new Error("no port");
  return { app, io, url: `http://127.0.0.1:${address.port}`, close: () => io.close() };
}
