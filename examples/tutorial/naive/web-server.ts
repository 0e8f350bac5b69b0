/* Express and Socket.IO on a free port, for all naive versions. */

import { once } from "node:events";
import { createServer } from "node:http";
import express, { type Express } from "express";
import { Server } from "socket.io";

/** Every naive version starts with `start(valkeyUrl, cells, port)`. */
export interface NaiveInstance {
  readonly url: string;
  /** The number of its last change, if it counts them. */
  version?(): number;
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

/** `port` 0 is any free port. */
export async function openWebServer(port: number): Promise<WebServer> {
  const app = express();
  const http = createServer(app);
  const io = new Server(http);
  http.listen(port, "127.0.0.1");
  await once(http, "listening");
  const address = http.address();
  if (address === null || typeof address === "string") throw new Error("no port");
  return { app, io, url: `http://127.0.0.1:${address.port}`, close: () => io.close() };
}
