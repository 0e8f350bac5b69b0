/*
 * Boards to be judged, each with one fault that has a name, and servers that are no boards. They run in the process of
 * the test; the judge is a process of its own.
 */

import { once } from "node:events";
import { createServer, type Server as HttpServer, type IncomingMessage, type ServerResponse } from "node:http";
import { createServer as createTcpServer, type Socket } from "node:net";
import { text } from "node:stream/consumers";
import { Server } from "socket.io";
import { type WebSocket, WebSocketServer } from "ws";
import { fieldOf } from "../../src/judge/adapters/adapter.js";

export interface Judged {
  readonly url: string;
  close(): Promise<void>;
}

const CELLS = 100;
/** Longer than a scene takes, and less than the judge's grace. */
const STALE_MS = 1_500;
const SHARED_READS_MAX = 100;
const ENDLESS_PART = Buffer.alloc(65_536, "1,");

interface Faults {
  /** Flips a box instead of setting it. */
  readonly flips?: boolean;
  /** Answers GET /state from a copy that is some time old. */
  readonly isStale?: boolean;
  /** How old the copy becomes. */
  readonly staleMs?: number;
  /** Handles one click at a time, each for so long. */
  readonly eachMs?: number;
  /** All visitors share one limit of reads. */
  readonly sharesLimit?: boolean;
  /** A message that is no click blocks the queue of all clicks. */
  readonly wedges?: boolean;
  /** A message that is no click disconnects everybody. */
  readonly disconnects?: boolean;
  /** A box that is not there makes the board longer. */
  readonly grows?: boolean;
  /** Takes box null for the first box. */
  readonly takesNullForFirst?: boolean;
  /** Never acknowledges a click. */
  readonly isMute?: boolean;
  /** From a click to its change. */
  readonly delayMs?: number;
  /** One in so many changes is lost on the way to each client. */
  readonly losesOneIn?: number;
}

/** A board of the teaching protocol in one process, which is right except for its faults. */
export async function teachingBoard(faults: Faults = {}, size = CELLS): Promise<Judged> {
  const state = new Array<boolean>(size).fill(false);
  let copy = { state: [...state], madeMs: performance.now() };
  let reads = 0;
  let sent = 0;
  let isWedged = false;
  let busyUntilMs = 0;
  const http = createServer((request, response) => {
    if (request.url !== "/state") return void response.writeHead(404).end();
    if (faults.sharesLimit && ++reads > SHARED_READS_MAX) return void response.writeHead(429).end();
    if (!faults.isStale || performance.now() - copy.madeMs > (faults.staleMs ?? STALE_MS)) {
      copy = { state: [...state], madeMs: performance.now() };
    }
    sendJson(response, { state: copy.state });
  });
  const io = new Server(http);
  const change = (index: number, value: boolean) => {
    state[index] = faults.flips ? !state[index] : value;
    const update = { index, value: state[index] };
    for (const socket of io.sockets.sockets.values()) {
      if (faults.losesOneIn === undefined || ++sent % faults.losesOneIn > 0) socket.emit("checkbox-update", update);
    }
  };
  io.on("connection", (socket) => {
    socket.on("checkbox-update", (update: unknown, acknowledge?: unknown) => {
      const [sent, value] = [fieldOf(update, "index"), fieldOf(update, "value")];
      const index = sent === null && faults.takesNullForFirst ? 0 : sent;
      const isBox = typeof index === "number" && Number.isInteger(index) && index >= 0;
      if (!isBox || typeof value !== "boolean" || (index >= size && !faults.grows)) {
        if (faults.wedges) isWedged = true;
        if (faults.disconnects) io.disconnectSockets(true);
        return;
      }
      if (isWedged) return;
      const answer = () => {
        if (!faults.isMute && typeof acknowledge === "function") acknowledge({ ok: true });
      };
      if (faults.eachMs) {
        const nowMs = performance.now();
        busyUntilMs = Math.max(nowMs, busyUntilMs) + faults.eachMs;
        setTimeout(() => {
          change(index, value);
          answer();
        }, busyUntilMs - nowMs);
        return;
      }
      if (faults.delayMs) setTimeout(() => change(index, value), faults.delayMs);
      else change(index, value);
      answer();
    });
  });
  return { url: await listen(http), close: () => io.close() };
}

/**
 * Two instances that share their state and send each click to their own clients first, as the Redis adapter of
 * Socket.IO does. `betweenMs` passes until the other instance has it.
 */
export async function localFirstBoards(betweenMs: number): Promise<Judged[]> {
  const state = new Array<boolean>(CELLS).fill(false);
  const servers = [0, 1].map(() => {
    const http = createServer((_, response) => sendJson(response, { state }));
    return { http, io: new Server(http) };
  });
  for (const { io } of servers) {
    io.on("connection", (socket) => {
      socket.on(
        "checkbox-update",
        (update: { index: number; value: boolean }, acknowledge: (answer: object) => void) => {
          state[update.index] = update.value;
          for (const other of servers) {
            if (other.io === io) other.io.emit("checkbox-update", update);
            else setTimeout(() => other.io.emit("checkbox-update", update), betweenMs);
          }
          acknowledge({ ok: true });
        },
      );
    });
  }
  return Promise.all(servers.map(async ({ http, io }) => ({ url: await listen(http), close: () => io.close() })));
}

/** Speaks the protocol of examples/judge/plain-ws.mjs. */
export async function webSocketBoard(): Promise<Judged> {
  const board = new Array<number>(CELLS).fill(0);
  const http = createServer();
  const sockets = new WebSocketServer({ server: http });
  sockets.on("connection", (socket: WebSocket) => {
    socket.on("error", () => undefined);
    socket.send(JSON.stringify({ board }));
    socket.on("message", (data) => {
      const { index, value } = JSON.parse(String(data));
      board[index] = value ? 1 : 0;
      for (const each of sockets.clients) each.send(JSON.stringify({ index, value }));
    });
  });
  return {
    url: await listen(http),
    close: () => end(http, () => sockets.clients.forEach((each) => void each.terminate())),
  };
}

/** Speaks the protocol of examples/judge/rest-polling.mjs. `loses`: reads and writes back the whole board. */
export async function restBoard({ loses = false } = {}): Promise<Judged> {
  let board = new Array<number>(CELLS).fill(0);
  const http = createServer(async (request: IncomingMessage, response) => {
    const cell = Number(/^\/boxes\/(\d+)$/.exec(request.url ?? "")?.[1]);
    if (request.url === "/boxes") return sendJson(response, board);
    if (request.method !== "PUT" || !(cell < CELLS)) return void response.writeHead(404).end();
    const read = [...board];
    const { value } = JSON.parse(await text(request));
    if (!loses) board[cell] = value ? 1 : 0;
    else {
      await new Promise((done) => setTimeout(done, 5));
      board = read.with(cell, value ? 1 : 0);
    }
    response.end();
  });
  return { url: await listen(http), close: () => end(http) };
}

/** Takes connections and never says anything. */
export async function silentServer(): Promise<Judged> {
  const held = new Set<Socket>();
  const server = createTcpServer((socket) => {
    held.add(socket);
    socket.on("error", () => undefined);
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  return { url: urlOf(server), close: () => end(server, () => held.forEach((socket) => void socket.destroy())) };
}

/** Answers every request with the same text, or with a body that never ends. */
export async function answeringServer(status: number, body: string | "endless"): Promise<Judged> {
  const http = createServer((_, response) => {
    response.writeHead(status, { "content-type": "application/json" });
    if (body !== "endless") return void response.end(body);
    response.write("[");
    const send = () => {
      while (!response.destroyed && response.write(ENDLESS_PART));
    };
    response.on("drain", send);
    response.on("error", () => undefined);
    send();
  });
  return { url: await listen(http), close: () => end(http) };
}

/** A board of which each client is sent changes without end. */
export async function floodingBoard(): Promise<Judged> {
  const http = createServer((_, response) => sendJson(response, { state: new Array<boolean>(CELLS).fill(false) }));
  const io = new Server(http);
  // Large, so that a slow machine reaches the bound as well.
  const more = "x".repeat(100_000);
  io.on("connection", (socket) => {
    const send = () => {
      if (!socket.connected) return;
      for (let index = 0; index < 20; index++) socket.emit("checkbox-update", { index, value: true, more });
      setImmediate(send);
    };
    send();
  });
  return { url: await listen(http), close: () => io.close() };
}

function sendJson(response: ServerResponse, body: unknown): void {
  response.setHeader("content-type", "application/json");
  response.end(JSON.stringify(body));
}

async function listen(http: HttpServer): Promise<string> {
  http.listen(0, "127.0.0.1");
  await once(http, "listening");
  return urlOf(http);
}

function urlOf(server: { address(): unknown }): string {
  return `http://127.0.0.1:${String(fieldOf(server.address(), "port"))}`;
}

async function end(
  server: { close(): unknown } & NodeJS.EventEmitter,
  also: () => void = () => undefined,
): Promise<void> {
  also();
  if ("closeAllConnections" in server && typeof server.closeAllConnections === "function") server.closeAllConnections();
  const closed = once(server, "close");
  server.close();
  await closed;
}
