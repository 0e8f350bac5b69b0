/*
 * Boards inside an Express app and a Socket.IO server of someone else's, with hooks for that app: who may do what, what is
 * committed, and the boards to read and write. docs/embedding.md is its manual.
 */

import { EventEmitter } from "node:events";
import type { Express, RequestHandler } from "express";
import type { Server as SocketServer } from "socket.io";
import { Refusal } from "../protocol/errors.js";
import type { AuthoriseHook } from "./access/authorise.js";
import { checkSettings } from "./app-settings.js";
import { BadOption, type Config, type Flags, readConfig } from "./config.js";
import { ServerBoard } from "./embedding/server-board.js";
import { boardRoutes, trustOf } from "./http/http.js";
import type { Instance } from "./instance/instance.js";
import { openStore } from "./open-store.js";
import { connectionLimits, httpOptions, runInstance } from "./run-instance.js";
import { attachSockets } from "./sockets/sockets.js";
import { createLog, type Log } from "./telemetry/log.js";

export interface AttachBoardsOptions {
  /** Board name -> cells. */
  readonly boards: Readonly<Record<string, number>>;
  /** Where the boards live: as for the environment variables; `./data` without either. */
  readonly valkeyUrl?: string | undefined;
  readonly valkeyCa?: string | undefined;
  readonly dataDir?: string | undefined;
  /** How safe a write is before it is acknowledged, as for the environment variable: `applied` without it. */
  readonly durability?: string | undefined;
  /** How long it is recorded what was changed when, as for the environment variable: `off` without it. */
  readonly history?: string | undefined;
  /**
   * What everybody may do, and how tokens are checked, as for the environment variables. Without it boards are `open`, or,
   * where there is a hook, `token`: nobody may do more than the hook permits.
   */
  readonly access?: string | undefined;
  readonly jwtSecret?: string | undefined;
  readonly jwksUrl?: string | undefined;
  readonly jwtIssuer?: string | undefined;
  readonly jwtAudience?: string | undefined;
  /** Says who somebody is and what he may do; asked for each socket and each HTTP request. */
  readonly authorise?: AuthoriseHook | undefined;
  /**
   * Options of docs/operations.md without a field of their own, by the name of the variable: `{ DRAIN_MS: "5000" }`. What
   * has a field, has no meaning in your app or is unknown is refused.
   */
  readonly settings?: Flags | undefined;
  /** A pino logger; without it warnings and errors go to the standard output. */
  readonly log?: Log | undefined;
  /** Speak the teaching protocol in your namespace `/` and at GET /state. */
  readonly teaching?: boolean;
}

export interface AttachedBoards {
  readonly instance: Instance;
  /** A board, to be read, written and listened to here; the same object each time. Throws UNKNOWN_BOARD. */
  board(name: string): ServerBoard;
  /**
   * Tells clients to move, one by one over DRAIN_MS, each after the answers it waits for, and lets go of the store. `/ready`
   * is 503 from now on, and your Socket.IO server refuses new sockets and ends those that use boards, with your own
   * namespaces on them: it is for a process that goes. Close your own servers after it.
   */
  drain(): Promise<void>;
  /** As `drain`, but all clients at once; cuts a drain short that is under way. */
  close(): Promise<void>;
}

/**
 * Mounts boards in an Express app and a Socket.IO server of yours: the routes under `/boards`, `/health`, `/ready`,
 * `/metrics` and `/cluster`, and the namespace `/boards`. Any number of instances of your app, on any machines, share the
 * boards if all have the same `valkeyUrl`. Rejects with BadOption.
 */
export async function attachBoards(
  io: SocketServer,
  app: Express,
  options: AttachBoardsOptions,
): Promise<AttachedBoards> {
  const { teaching = false, authorise, log = createLog("warn") } = options;
  refuseSkipping(io);
  refuseUnready(io, app);
  // What a message may be is said by the app's own server.
  const config = { ...configOf(options), messageBytes: io.engine.opts.maxHttpBufferSize ?? 1_000_000 };
  inUse.add(io);
  const store = await openStore(config, log).catch((error: unknown) => {
    inUse.delete(io);
    throw error;
  });
  const running = runInstance(config, store, log, { authorise, address: () => io.httpServer.address() });
  const { instance, view } = running;
  const trust = trustOf(app);
  const httpDoor = httpOptions(config, store, trust);
  app.use(leaveToSockets(log));
  app.use(boardRoutes(instance, view, { ...httpDoor, teaching }));
  httpDoor.gate.guard(io.httpServer);
  const sockets = attachSockets(io, instance, {
    presence: running.presence,
    teaching,
    limits: connectionLimits(config),
    gate: httpDoor.gate,
    trust,
    countsAll: false,
    // `*` is for pages that bring no rights with them; where a hook reads cookies, they do.
    origins: config.origins.filter((origin) => origin !== "*" || !authorise),
  });
  running.counts(sockets.online);
  const boards = new Map(Array.from(instance.boards, ([name, board]) => [name, new ServerBoard(instance, board)]));
  let ending: Promise<void> | undefined;
  const end = () => {
    ending ??= (async () => {
      sockets.close(new Refusal("GOING_AWAY", { retryAfterMs: 100 }));
      await running.finish();
      for (const board of boards.values()) board.close();
      running.close();
      await store.close();
    })();
    return ending;
  };
  return {
    instance,
    board: (name) => {
      const board = boards.get(name);
      if (!board) throw new Refusal("UNKNOWN_BOARD");
      return board;
    },
    drain: () => instance.departures.drain(config.drainMs, config.writeWaitMs).then(end),
    close: () => instance.departures.drain(0, config.writeWaitMs).then(end),
  };
}

/** A socket that Socket.IO recovers past its middlewares would be nobody: not asked who it is, and not counted. */
function refuseSkipping(io: SocketServer): void {
  if (!io._opts.connectionStateRecovery?.skipMiddlewares) return;
  throw new BadOption(
    "your Socket.IO server has connectionStateRecovery, by which sockets return without being asked who they are: " +
      "set its skipMiddlewares to false",
  );
}

const ANSWERS_TWICE =
  "your Express app and your Socket.IO server both answer long-polling. Make the " +
  'HTTP server with `createServer(app)`, or call `http.on("request", app)`, before `new Server(http)`';

/** Socket.IO servers with boards, which stay in their namespaces for good. */
const inUse = new WeakSet<SocketServer>();

/** Mistakes that would show later, as silence. */
function refuseUnready(io: SocketServer, app: Express): void {
  if (inUse.has(io)) {
    throw new BadOption(
      "your Socket.IO server has boards already: call attachBoards once, with all boards in `boards`, and make a new " +
        "Socket.IO server after a close",
    );
  }
  const http: unknown = io.httpServer;
  if (!(http instanceof EventEmitter)) {
    throw new BadOption(
      "your Socket.IO server has no HTTP server yet: make it with `new Server(http)`, or call `io.attach(http)`, before " +
        "attachBoards",
    );
  }
  if (isClosed(io)) {
    throw new BadOption("your Socket.IO server is closed: make a new one, with a new HTTP server, for attachBoards");
  }
  // Socket.IO hands on what it does not answer to the listeners that were there before it, and takes their place.
  const answersTwice = (listener: unknown) => listener === app;
  const refuseTwice = () => {
    throw new BadOption(ANSWERS_TWICE);
  };
  if (http.listeners("request").some(answersTwice)) refuseTwice();
  http.on("newListener", (event, listener) => {
    if (event === "request" && answersTwice(listener)) refuseTwice();
  });
}

/** As `refuseUnready`, if the app is called by a listener of another name, which only the first such request shows. */
function leaveToSockets(log: Log): RequestHandler {
  let isSaid = false;
  return (request, _, next) => {
    // Socket.IO has it in hand, as it left its mark on it.
    if (!("_query" in request)) return next();
    if (!isSaid) log.warn(ANSWERS_TWICE);
    isSaid = true;
  };
}

/** Its WebSocket server is, and its HTTP server does not listen: one that listens again is open again. */
function isClosed(io: SocketServer): boolean {
  const webSockets: unknown = Reflect.get(io.engine, "ws");
  const state: unknown = typeof webSockets === "object" && webSockets !== null && Reflect.get(webSockets, "_state");
  return typeof state === "number" && state > 0 && !io.httpServer.listening;
}

function configOf(options: AttachBoardsOptions): Config {
  const boards = Object.entries(options.boards).map(([name, size]) => `${name}=${size}`);
  return readConfig(
    {
      ...checkSettings(options.settings ?? {}),
      VALKEY_URL: options.valkeyUrl,
      VALKEY_CA: options.valkeyCa,
      DATA_DIR: options.dataDir,
      BOARDS: boards.join(),
      DURABILITY: options.durability,
      HISTORY: options.history,
      ACCESS: options.authorise ? closedUnlessNamed(options.access) : options.access,
      JWT_SECRET: options.jwtSecret,
      JWKS_URL: options.jwksUrl,
      JWT_ISSUER: options.jwtIssuer,
      JWT_AUDIENCE: options.jwtAudience,
    },
    {},
    options.authorise !== undefined,
  );
}

/** Where a hook permits, a board that `access` says nothing of gives nothing of itself. */
function closedUnlessNamed(access: string | undefined): string {
  if (access === undefined) return "token";
  const namesAll = access.split(",").every((rule) => rule.includes("="));
  return namesAll ? `token,${access}` : access;
}
