/*
 * Creates the Socket.IO server, puts guards in front of its handshakes, opens the namespaces, and
 * sends notices to every client. Only this file imports the package's values.
 */

import type { Server as HttpServer, IncomingMessage, ServerResponse } from "node:http";
import { type Namespace, Server } from "socket.io";
import { Refusal } from "../../protocol/errors.js";
import type { Notice } from "../../protocol/events.js";
import { BOARDS_NAMESPACE } from "../../protocol/version.js";
import type { Connection, Connections } from "../connections/connections.js";
import type { HttpGate } from "../connections/gate.js";
import {
  answer,
  engineIdIn,
  type HandshakeMiddleware,
  letNothingBeGuessed,
  outliveReset,
  type Refuse,
  refuseHandshakes,
  refuseJsonp,
  refuseOtherOrigins,
  refuseTakeovers,
} from "../connections/handshake.js";
import type { PassGuards } from "../connections/upgrades.js";
import type { Presence } from "../fleet/presence.js";
import { takeOffBase } from "../input/base-path.js";
import type { Instance } from "../instance/instance.js";
import { serveBoards } from "./boards-namespace.js";
import { Entry } from "./entry.js";
import { openTeaching } from "./teaching-namespace.js";

interface SocketOptions {
  /** Origins from which browsers may connect by long-polling: `*` or a list. */
  readonly origins: readonly string[];
  readonly messageBytesMax: number;
  /** A connection that joins no namespace within this time is closed. */
  readonly silentMsMax: number;
  /** As in `Config`. */
  readonly basePath?: string;
}

/** Creates a Socket.IO server with the settings that an instance needs. */
export function createSocketServer(http: HttpServer, options: SocketOptions): Server {
  const { origins, messageBytesMax, silentMsMax, basePath = "" } = options;
  const io = new Server(http, {
    cors: { origin: origins.includes("*") ? "*" : [...origins] },
    maxHttpBufferSize: messageBytesMax,
    perMessageDeflate: false,
    httpCompression: false,
    pingInterval: 10_000,
    pingTimeout: 8_000,
    connectTimeout: silentMsMax,
    // No upgrade comes here that nothing takes (connections/upgrades.ts). For each that is not its
    // own, the engine would add a listener that stays, and end the connection after a second.
    destroyUpgrade: false,
  });
  // Express does not see the answers that Socket.IO sends itself. Browsers must not interpret
  // user-written text as a document there either.
  http.prependListener("request", (_, response) => response.setHeader("X-Content-Type-Options", "nosniff"));
  http.prependListener("request", (request) => takeOffBase(request, basePath));
  return io;
}

/** Engine.IO's codes of the requests that it refuses: no handshake, and by `allowRequest`. */
const UNKNOWN_SESSION = 1;
const NOT_ALLOWED = 4;

interface AttachedSockets {
  online(): number;
  notify(notice: Notice): void;
  /** Whether Engine.IO takes this request. */
  isOurs(request: { readonly url?: string | undefined }): boolean;
  /** The guards in front of every handshake, the app's own among them. */
  readonly passGuards: PassGuards;
  /** Disconnects the sockets of this user; returns their number. */
  disconnect(subject: string): number;
  /**
   * Whether the app has middlewares in our namespace, added at any time. They see only sockets of
   * Socket.IO.
   */
  hasOtherMiddleware(): boolean;
  /** Calls `closed` when the Socket.IO server ends its connections. */
  whenClosed(closed: () => void): void;
}

interface AttachOptions {
  readonly teaching: boolean;
  readonly presence: Presence;
  readonly gate: HttpGate;
  readonly countsAll: boolean;
  readonly origins: readonly string[];
}

export function attachSockets(
  io: Server,
  instance: Instance,
  connections: Connections,
  options: AttachOptions,
): AttachedSockets {
  const { origins, gate, presence } = options;
  const guard = () => connections.guard(Reflect.get(io.engine, "ws"));
  guard();
  // The engine makes another server of `ws` then.
  io.httpServer.on("listening", guard);
  io.engine.use(outliveReset);
  io.engine.use(letNothingBeGuessed);
  const refuse: Refuse = (request, response, refusal) => {
    instance.metrics.refused(refusal.code);
    answer(request, response, refusal);
  };
  io.engine.on("connection_error", ({ code }: { code: number }) => {
    if (code !== UNKNOWN_SESSION) instance.metrics.refused(code === NOT_ALLOWED ? "FORBIDDEN" : "BAD_REQUEST");
  });
  io.engine.use(passing(gate, refuse));
  io.engine.use(holdBack(connections, instance));
  io.engine.use(refuseJsonp);
  if (!origins.includes("*")) {
    const refuseOrigin = (request: IncomingMessage, response: ServerResponse) =>
      refuse(request, response, instance.refusedOrigins.refusal(request));
    // In an app, other namespaces may be open to other sites.
    if (options.countsAll) io.engine.use(refuseOtherOrigins(origins, refuseOrigin));
    io.engine.use(refuseTakeovers((engineId) => requestOf(io, engineId), origins, refuseOrigin));
  }
  const refusalFor = (request: IncomingMessage) =>
    instance.departures.isDraining ? new Refusal("GOING_AWAY") : connections.refusalFor(request);
  io.engine.use(refuseHandshakes(refusalFor, refuse));
  if (options.countsAll) io.engine.on("connection", (connection: Connection) => connections.admit(connection));

  const boards = io.of(BOARDS_NAMESPACE);
  const before = middlewaresOf(boards);
  const entry = new Entry(io, instance, connections, origins);
  entry.open(boards, (entered) => serveBoards(instance, presence, entered));
  const ours = middlewaresOf(boards) - before;
  if (options.teaching) openTeaching(io, instance, entry);
  // Socket.IO's path as the engine compares it.
  const path = io._opts.addTrailingSlash === false ? io.path() : `${io.path()}/`;
  return {
    online: () => io.engine.clientsCount,
    // `local`, here and in every broadcast: the app's Socket.IO may have an adapter that reaches
    // other instances.
    notify: (notice) => boards.local.emit("notice", notice),
    isOurs: (request) => request.url?.startsWith(path) === true,
    passGuards: guardsOf(io, refusalFor),
    hasOtherMiddleware: () => middlewaresOf(boards) > ours,
    disconnect: (subject) => {
      const theirs = Array.from(boards.sockets.values()).filter(({ data }) => data.subject === subject);
      for (const socket of theirs) socket.disconnect(true);
      return theirs.length;
    },
    whenClosed: (closed) => {
      const close = io.engine.close.bind(io.engine);
      io.engine.close = () => {
        closed();
        return close();
      };
    },
  };
}

function middlewaresOf(namespace: Namespace): number {
  const middlewares: unknown = Reflect.get(namespace, "_fns");
  return Array.isArray(middlewares) ? middlewares.length : 0;
}

/** The engine's middlewares and its `allowRequest`, for a connection that is not Engine.IO's. */
function guardsOf(io: Server, refusalFor: (request: IncomingMessage) => Refusal | undefined): PassGuards {
  const apply: unknown = Reflect.get(io.engine, "_applyMiddlewares");
  if (typeof apply !== "function")
    throw new Error("this version of engine.io cannot run its middlewares: use Socket.IO 4.8");
  return (request, response, done) => {
    // The middleware that does this trusts a request that names a connection of Engine.IO.
    const refusal = refusalFor(request);
    if (refusal) return done(refusal);
    const query = new URL(request.url ?? "", "http://any").searchParams;
    // As the engine prepares its own requests.
    Object.assign(request, { _query: Object.fromEntries(query) });
    apply.call(io.engine, request, response, (error: unknown) => {
      const { allowRequest } = io.engine.opts;
      if (error || !allowRequest) return done(error);
      allowRequest(request, (_, isAllowed) => done(isAllowed ? undefined : new Refusal("FORBIDDEN")));
    });
  };
}

function passing(gate: HttpGate, refuse: Refuse): HandshakeMiddleware {
  return (request, response, next) =>
    gate.pass(request, response, (refusal) => (refusal ? refuse(request, response, refusal) : next()));
}

/** Requests of a long-polling connection are read no sooner than its meter allows. */
function holdBack(connections: Connections, instance: Instance): HandshakeMiddleware {
  return (request, _, next) => {
    const waitMs = connections.waitMs(engineIdIn(request));
    if (waitMs === 0) next();
    else instance.clock.after(waitMs, next);
  };
}

/** The request that opened a connection. */
function requestOf(io: Server, engineId: string): IncomingMessage | undefined {
  const connections: Readonly<Record<string, Connection>> = Reflect.get(io.engine, "clients");
  return Object.hasOwn(connections, engineId) ? connections[engineId]?.request : undefined;
}
