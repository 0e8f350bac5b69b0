/*
 * Boards inside a host app's Express app and Socket.IO server. The app can decide on rights, listen
 * to commits, and read and write the boards. docs/embedding.md is the manual.
 */

import { EventEmitter } from "node:events";
import type { Express, RequestHandler } from "express";
import type { Server as SocketServer } from "socket.io";
import { Refusal } from "../protocol/errors.js";
import { StoreUnusable } from "../store/store.js";
import type { AuthoriseHook } from "./access/authorise.js";
import { addBoard, type BoardRules, removeBoard, resizeBoard } from "./admin/board-admin.js";
import { flagsOf, type InstanceFields, withOwnNames } from "./app-settings.js";
import { BadOption, type Config, type Flags, readConfig } from "./config.js";
import { openDoors } from "./doors.js";
import { ServerBoard } from "./embedding/server-board.js";
import { boardRoutes } from "./http/routes.js";
import type { Instance } from "./instance/instance.js";
import { trustOf } from "./limits/client-address.js";
import { openStore } from "./open-store.js";
import type { HostedBoard } from "./pages/pages.js";
import { connectionLimits, httpOptions, runInstance } from "./run-instance.js";
import { createLog, type Log } from "./telemetry/log.js";

/** Options of `attachBoards`. docs/configure.md describes each option in full. */
export interface AttachBoardsOptions extends InstanceFields {
  /** Board name -> number of cells. A board that has more cells in the store keeps them. */
  readonly boards: Readonly<Record<string, number>>;
  /** Identifies a client and gives it rights. Called for each socket and each HTTP request. */
  readonly authorise?: AuthoriseHook | undefined;
  /**
   * Other options from docs/configure.md by their environment names, such as
   * `{ DRAIN_MS: "5000" }`. An option that is unknown, has its own field or has no effect in your
   * app is refused.
   */
  readonly settings?: Flags | undefined;
  /** A pino logger. Default: warnings and errors go to standard output. */
  readonly log?: Log | undefined;
  /**
   * The lane, a WebSocket beside Socket.IO that the client library prefers: at `/socketscaler`, at
   * another path of your server, or `false` for none. Default: at `/socketscaler`, unless your
   * app has middleware in the namespace `/boards`, which would see only sockets of Socket.IO.
   */
  readonly lane?: boolean | string | undefined;
  /** Whether to speak the teaching protocol in your namespace `/` and at GET /state. */
  readonly teaching?: boolean;
}

/** The boards in your app, as your server code uses them. */
export interface AttachedBoards {
  /** The parts of this instance, for tests and tools. They may change in any release. */
  readonly instance: Instance;
  /**
   * A board to read, write and listen to. Each call returns the same object. Throws UNKNOWN_BOARD.
   */
  board(name: string): ServerBoard;
  /**
   * Adds a board, on all instances. Its name has 1 to 64 letters, digits, - and _. `claims` is its
   * rule as in CLAIMS: `5m`, `lease:10s`, or `""` for claims without an end. Does nothing if the
   * board exists with that size and rule.
   */
  add(name: string, size: number, rules?: BoardRules): Promise<void>;
  /** Removes a board with its cells, on all instances. Clients get UNKNOWN_BOARD. */
  remove(name: string): Promise<void>;
  /** Grows or shrinks a board, on all instances. Cells that it loses are unchecked. */
  resize(name: string, size: number): Promise<void>;
  /**
   * Ends all connections of a user, of every kind, and returns their number. `subject` is the one
   * in the permit or token. The clients connect again, so refuse them first in `authorise`.
   */
  disconnect(subject: string): number;
  /**
   * For a process that is about to end. Asks clients to move, one by one over DRAIN_MS, each after
   * its pending answers, then closes the store. From the start, `/ready` is 503. Your Socket.IO
   * server refuses new connections and closes those that use boards, with their sockets in your own
   * namespaces. Close your own servers afterwards.
   */
  drain(): Promise<void>;
  /** Like `drain`, but asks all clients at the same time. Cuts short a drain in progress. */
  close(): Promise<void>;
}

/**
 * Mounts boards in your Express app and Socket.IO server: the routes `/boards`, `/health`,
 * `/ready`, `/metrics` and `/cluster`, and the namespace `/boards`. All instances of your app with
 * the same `valkeyUrl` share the boards. Rejects with BadOption.
 */
export async function attachBoards(
  io: SocketServer,
  app: Express,
  options: AttachBoardsOptions,
): Promise<AttachedBoards> {
  const { teaching = false, authorise, log = createLog("warn") } = options;
  refuseSwapped(io);
  refuseSkipping(io);
  refuseUnready(io, app);
  // The size of messages is limited by the app's own Socket.IO server.
  const config = { ...configOf(options), messageBytes: io.engine.opts.maxHttpBufferSize ?? 1_000_000 };
  inUse.add(io);
  const store = await openStore(config, log).catch((error: unknown) => {
    inUse.delete(io);
    throw named(error);
  });
  const running = runInstance(config, store, log, { authorise, address: () => io.httpServer.address() });
  const { instance, view } = running;
  await running.start();
  const trust = trustOf(app);
  const httpDoor = httpOptions(config, store, trust);
  app.use(leaveToSockets(log));
  app.use(boardRoutes(instance, view, { ...httpDoor, teaching }));
  httpDoor.gate.guard(io.httpServer, () => instance.metrics.requested());
  const doors = openDoors(io, instance, {
    presence: running.presence,
    teaching,
    limits: connectionLimits(config),
    gate: httpDoor.gate,
    trust,
    countsAll: false,
    // If a hook may read cookies, a page acts with its user's rights, so `*` does not count.
    origins: config.origins.filter((origin) => origin !== "*" || !authorise),
    lanePath: config.lanePath,
    relaySecret: config.relaySecret,
    passesMiddleware: options.lane !== undefined,
    silentMsMax: SILENT_MS_MAX,
  });
  running.counts(doors.online);
  const boards = new Map<HostedBoard, ServerBoard>();
  instance.keeper.tell({
    resized: ({ board }) => {
      boards.get(board)?.resized();
      if (board.size === 0) boards.delete(board);
    },
  });
  let ending: Promise<void> | undefined;
  const end = () => {
    ending ??= (async () => {
      doors.close(new Refusal("GOING_AWAY", { retryAfterMs: 100 }));
      await running.finish();
      for (const board of boards.values()) board.close();
      running.close();
      doors.closeLane();
      await store.close();
    })();
    return ending;
  };
  return {
    instance,
    board: (name) => {
      const hosted = instance.boards.get(name);
      if (!hosted) throw new Refusal("UNKNOWN_BOARD");
      const board = boards.get(hosted) ?? new ServerBoard(instance, hosted);
      boards.set(hosted, board);
      return board;
    },
    add: (name, size, rules) => addBoard(instance, name, size, rules),
    remove: (name) => removeBoard(instance, name),
    resize: (name, size) => resizeBoard(instance, name, size),
    disconnect: doors.disconnect,
    drain: () => instance.departures.drain(config.drainMs, config.writeWaitMs).then(end),
    close: () => instance.departures.drain(0, config.writeWaitMs).then(end),
  };
}

/** A connection of the lane that sends no `hello` is closed after this. */
const SILENT_MS_MAX = 10_000;

/** A socket recovered past Socket.IO's middlewares would be neither identified nor counted. */
function refuseSwapped(io: Partial<SocketServer>): void {
  if (typeof io.of !== "function")
    throw new BadOption("call attachBoards(io, app, options), with the Socket.IO server first");
}

function refuseSkipping(io: SocketServer): void {
  if (!io._opts.connectionStateRecovery?.skipMiddlewares) return;
  throw new BadOption(
    "connectionStateRecovery lets sockets reconnect without authentication: set its skipMiddlewares option to false",
  );
}

const ANSWERS_TWICE =
  "your Express app and your Socket.IO server both answer long-polling. Create the " +
  'HTTP server with `createServer(app)`, or call `http.on("request", app)`, before `new Server(http)`';

/** Socket.IO servers that have boards. Our namespaces cannot be removed from them. */
const inUse = new WeakSet<SocketServer>();

/** Refuses mistakes that would otherwise show only later, as missing answers. */
function refuseUnready(io: SocketServer, app: Express): void {
  if (inUse.has(io)) {
    throw new BadOption(
      "your Socket.IO server already has boards: call attachBoards once, with all boards in `boards`. If you closed " +
        "them, create a new Socket.IO server",
    );
  }
  const http: unknown = io.httpServer;
  if (!(http instanceof EventEmitter)) {
    throw new BadOption(
      "your Socket.IO server has no HTTP server yet: create it with `new Server(http)`, or call `io.attach(http)`, before " +
        "attachBoards",
    );
  }
  if (isClosed(io)) {
    throw new BadOption("your Socket.IO server is closed: create a new one, with a new HTTP server, for attachBoards");
  }
  // Socket.IO passes requests that it does not answer to the listeners that were added before it.
  const answersTwice = (listener: unknown) => listener === app;
  const refuseTwice = () => {
    throw new BadOption(ANSWERS_TWICE);
  };
  if (http.listeners("request").some(answersTwice)) refuseTwice();
  http.on("newListener", (event, listener) => {
    if (event === "request" && answersTwice(listener)) refuseTwice();
  });
}

/** Catches an Express app inside a listener that `refuseUnready` does not recognise. */
function leaveToSockets(log: Log): RequestHandler {
  let isSaid = false;
  return (request, _, next) => {
    // Socket.IO sets `_query` on the requests that it answers.
    if (!("_query" in request)) return next();
    if (!isSaid) log.warn(ANSWERS_TWICE);
    isSaid = true;
  };
}

/** Whether its WebSocket server is closed and its HTTP server is not listening. */
function isClosed(io: SocketServer): boolean {
  const webSockets: unknown = Reflect.get(io.engine, "ws");
  const state: unknown = typeof webSockets === "object" && webSockets !== null && Reflect.get(webSockets, "_state");
  return typeof state === "number" && state > 0 && !io.httpServer.listening;
}

function configOf(options: AttachBoardsOptions): Config {
  const { authorise, access, boards, lane, settings = {} } = options;
  const flags = {
    ...flagsOf(options, settings),
    BOARDS: Object.entries(boards)
      .map(([name, size]) => `${name}=${size}`)
      .join(),
    ACCESS: authorise ? closedUnlessNamed(access) : access,
    LANE_PATH: lane === false ? "off" : lane === true ? undefined : lane,
  };
  try {
    return readConfig(flags, {}, authorise !== undefined);
  } catch (error) {
    throw named(error);
  }
}

/** Makes a message about options name them as they are named here. */
function named(error: unknown): unknown {
  const isOurs = error instanceof BadOption || error instanceof StoreUnusable;
  return isOurs ? Object.assign(error, { message: withOwnNames(error.message) }) : error;
}

/** If there is a hook, a board that `access` does not name gives nobody rights by itself. */
function closedUnlessNamed(access: string | undefined): string {
  if (access === undefined) return "token";
  const namesAll = access.split(",").every((rule) => rule.includes("="));
  return namesAll ? `token,${access}` : access;
}
