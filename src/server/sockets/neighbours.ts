/*
 * Long-polling with several workers on one port. Any worker may be handed any TCP connection, but a session lives in one. So
 * a session's id begins with the number of its worker, and a worker that gets a request of another's session passes it on,
 * over a Unix socket in a folder that only these workers know:
 *
 *     client ── POST ?sid=2-abc ──► worker 1 ── 2.sock ──► worker 2
 *
 * The way holds whatever connections a balancer in front keeps open and shares. A WebSocket that begins as one is served
 * where it arrives and never passed on; so a page that uses the library costs nothing here.
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

/** Where a worker stands among the others. */
export interface WorkerPlace {
  /** 1, 2, 3 … */
  readonly number: number;
  /** A folder that only this user may read. */
  readonly folder: string;
}

/** Who serves the sessions that are passed on: the engine of a Socket.IO server. */
interface SessionEngine {
  generateId(request: IncomingMessage): string | PromiseLike<string>;
  handleRequest(request: IncomingMessage, response: ServerResponse): void;
  handleUpgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void;
  use(middleware: HandshakeMiddleware): void;
}

const SESSION = /^(\d{1,4})-/;

/**
 * Gives the engine's sessions ids that name this worker, and passes on and takes in what belongs elsewhere: requests of
 * long-polling with a body of at most `bodyBytesMax`.
 */
export async function joinNeighbours(engine: SessionEngine, place: WorkerPlace, bodyBytesMax: number): Promise<Server> {
  const draw = engine.generateId.bind(engine);
  engine.generateId = async (request) => `${place.number}-${await draw(request)}`;
  engine.use(outliveReset);
  engine.use((request, response, next) => {
    const [, number] = SESSION.exec(engineIdIn(request)) ?? [];
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
  // On a connection of its own: one kept open may be closed by the other side in the moment in which it is used again.
  const passed = httpRequest({ socketPath: path, method, path: url, headers, agent: false });
  // What Socket.IO passes as the response of an upgrade carries nothing: the connection is written to itself.
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
  // The worker is gone, and its sessions with it: as if the id were unknown, upon which the client begins anew.
  passed.on("error", () => {
    if (isHandedOver || response.headersSent) request.socket.destroy();
    else
      response.writeHead(400, { "Content-Type": "application/json" }).end('{"code":1,"message":"Session ID unknown"}');
  });
  response.on("close", () => passed.destroy());
  if (isHandedOver) passed.end();
  else passWhole(request, passed, bodyBytesMax);
}

/** All at once: a body that trails its head may find the other side done already, and its answer would be lost with the error. */
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
