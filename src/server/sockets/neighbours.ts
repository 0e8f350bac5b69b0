/*
 * Long-polling with several workers on one port. Any worker may get any HTTP request, but an
 * Engine.IO connection lives in one worker. Its id therefore begins with that worker's number.
 * Other workers forward its requests over a Unix socket in a folder that only they know:
 *
 *     client ── POST ?sid=2-abc ──► worker 1 ── 2.sock ──► worker 2
 *
 * This works even if a balancer in front reuses its TCP connections for several clients. A
 * connection that begins as a WebSocket is served where it arrives, so clients that use the library
 * cost nothing here.
 */

import { once } from "node:events";
import {
  type ClientRequest,
  createServer,
  request as httpRequest,
  type IncomingMessage,
  type Server,
  type ServerResponse,
} from "node:http";
import { join } from "node:path";
import type { Duplex } from "node:stream";
import { engineIdIn, type HandshakeMiddleware, outliveReset } from "../connections/handshake.js";
import { ignoreOtherUpgrades, isUpgrade } from "../connections/upgrades.js";

export interface WorkerPlace {
  readonly number: number;
  /** A folder that only this user may read. */
  readonly folder: string;
}

/** The part of Engine.IO's server that is used here. */
interface Engine {
  generateId(request: IncomingMessage): string | PromiseLike<string>;
  handleRequest(request: IncomingMessage, response: ServerResponse): void;
  handleUpgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void;
  use(middleware: HandshakeMiddleware): void;
}

const ENGINE_ID = /^(\d{1,4})-/;

/**
 * Makes the engine's ids name this worker, forwards requests that belong to other workers, and
 * serves those that they forward. A request may have a body of at most `bodyBytesMax`.
 */
export async function joinNeighbours(engine: Engine, place: WorkerPlace, bodyBytesMax: number): Promise<Server> {
  const draw = engine.generateId.bind(engine);
  engine.generateId = async (request) => `${place.number}-${await draw(request)}`;
  engine.use(outliveReset);
  engine.use((request, response, next) => {
    const [, number] = ENGINE_ID.exec(engineIdIn(request)) ?? [];
    if (number === undefined || Number(number) === place.number) next();
    else passOn(request, response, socketPath(place.folder, Number(number)), bodyBytesMax);
  });
  const server = createServer((request, response) => engine.handleRequest(request, response));
  server.on("upgrade", (request, socket, head) => engine.handleUpgrade(request, socket, head));
  ignoreOtherUpgrades(server, () => true);
  server.listen(socketPath(place.folder, place.number));
  await once(server, "listening");
  return server;
}

function socketPath(folder: string, number: number): string {
  return join(folder, `${number}.sock`);
}

function passOn(request: IncomingMessage, response: ServerResponse, path: string, bodyBytesMax: number): void {
  const { method, url, headers } = request;
  const isHandedOver = isUpgrade(request);
  // No keep-alive: the other side could close the connection just when it is used again.
  const passed = httpRequest({ socketPath: path, method, path: url, headers, agent: false });
  // Socket.IO passes no usable response for an upgrade, so the answer is written to its connection.
  passed.on("upgrade", (answer, socket, head) => {
    request.socket.write(headOf(answer));
    request.socket.write(head);
    socket.on("error", () => request.socket.destroy());
    request.socket.on("error", () => socket.destroy());
    socket.pipe(request.socket).pipe(socket);
  });
  passed.on("response", (answer) => {
    if (isHandedOver) {
      request.socket.write(headOf(answer));
      answer.pipe(request.socket);
    } else {
      response.writeHead(answer.statusCode ?? 502, answer.headers);
      answer.pipe(response);
    }
  });
  // The worker is gone with its connections. The answer for an unknown id makes the client
  // reconnect.
  passed.on("error", () => {
    if (isHandedOver || response.headersSent) request.socket.destroy();
    else
      response.writeHead(400, { "Content-Type": "application/json" }).end('{"code":1,"message":"Session ID unknown"}');
  });
  response.on("close", () => passed.destroy());
  if (isHandedOver) passed.end();
  else passWhole(request, passed, bodyBytesMax);
}

/** Sends the body as a whole, because an answer that came before its end would be lost. */
function passWhole(request: IncomingMessage, passed: ClientRequest, bodyBytesMax: number): void {
  const chunks: Buffer[] = [];
  let bytes = 0;
  request.on("data", (chunk: Buffer) => {
    bytes += chunk.length;
    chunks.push(chunk);
    if (bytes > bodyBytesMax) request.destroy();
  });
  request.on("end", () => passed.end(Buffer.concat(chunks)));
}

function headOf({ statusCode, statusMessage, rawHeaders }: IncomingMessage): string {
  let head = `HTTP/1.1 ${statusCode} ${statusMessage}\r\n`;
  for (let at = 0; at < rawHeaders.length; at += 2) head += `${rawHeaders[at]}: ${rawHeaders[at + 1]}\r\n`;
  return `${head}\r\n`;
}
