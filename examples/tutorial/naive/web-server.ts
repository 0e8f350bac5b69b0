/* What every naive version stands on: Express and Socket.IO on a free port. */

import { once } from "node:events";
import { createServer } from "node:http";
import express, { type Express } from "express";
import { Server } from "socket.io";

/** One instance of a naive version. */
export interface NaiveInstance {
  readonly url: string;
  close(): Promise<void>;
}

export interface WebServer extends NaiveInstance {
  readonly app: Express;
  readonly io: Server;
}

/** What a page sends for a click, and hears of everybody's. */
export interface CheckboxUpdate {
  readonly index: number;
  readonly value: boolean;
}

/** Tells the page that its click was taken. */
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
