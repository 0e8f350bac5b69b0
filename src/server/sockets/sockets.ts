/*
 * Creates the Socket.IO server, puts guards in front of its handshakes, opens the namespaces, and
 * sends notices to every client. Only this file imports the package's values.
 */

import type { Server as HttpServer, IncomingMessage } from "node:http";
import { Server } from "socket.io";
import { Refusal } from "../../protocol/errors.js";
import type { Notice } from "../../protocol/events.js";
import { BOARDS_NAMESPACE } from "../../protocol/version.js";
import { isFromOrigin } from "../access/origin.js";
import { type Connection, type ConnectionLimits, Connections } from "../connections/connections.js";
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
  refuseTakeovers,
} from "../connections/handshake.js";
import { ignoreOtherUpgrades } from "../connections/upgrades.js";
import type { Presence } from "../fleet/presence.js";
import { takeOffBase } from "../input/base-path.js";
import type { Instance } from "../instance/instance.js";
import type { Trust } from "../limits/client-address.js";
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
    allowRequest: (request, decide) => decide(null, origins.includes("*") || isFromOrigin(request, origins)),
    cors: { origin: origins.includes("*") ? "*" : [...origins] },
    maxHttpBufferSize: messageBytesMax,
    perMessageDeflate: false,
    httpCompression: false,
    pingInterval: 10_000,
    pingTimeout: 8_000,
    connectTimeout: silentMsMax,
  });
  // Express does not see the answers that Socket.IO sends itself. Browsers must not interpret
  // user-written text as a document there either.
  http.prependListener("request", (_, response) => response.setHeader("X-Content-Type-Options", "nosniff"));
  http.prependListener("request", (request) => takeOffBase(request, basePath));
  return io;
}

const ONLINE_EVERY_MS = 1_000;
/** Engine.IO's codes of the requests that it refuses: no handshake, and by `allowRequest`. */
const UNKNOWN_SESSION = 1;
const NOT_ALLOWED = 4;

interface AttachedSockets {
  online(): number;
  /** Sends every client the reason. The client disconnects when it gets this notice. */
  close(reason: Refusal): void;
}

interface AttachOptions {
  /** Whether to speak the teaching protocol in `/`. */
  readonly teaching: boolean;
  /** The limits of each connection. */
  readonly limits: ConnectionLimits;
  readonly presence: Presence;
  /** Every long-polling request passes this gate first. */
  readonly gate: HttpGate;
  readonly trust: Trust;
  /**
   * Whether to count connections that join no namespace. False if the app has its own namespaces.
   */
  readonly countsAll: boolean;
  /** Sites that may use boards besides the server's own; `*` for all sites. */
  readonly origins: readonly string[];
  /** As in `Config`. Not set inside a host app. */
  readonly basePath?: string;
}

export function attachSockets(io: Server, instance: Instance, options: AttachOptions): AttachedSockets {
  const { origins, gate, limits, trust, basePath = "" } = options;
  const online = () => io.engine.clientsCount;
  const connections = new Connections(instance, limits, trust, Reflect.get(io.engine, "ws"));
  const { presence } = options;
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
  if (!origins.includes("*")) io.engine.use(refuseTakeovers((engineId) => requestOf(io, engineId), origins, refuse));
  const refusalFor = (request: IncomingMessage) =>
    instance.departures.isDraining ? new Refusal("GOING_AWAY") : connections.refusalFor(request);
  io.engine.use(refuseHandshakes(refusalFor, refuse));
  // Socket.IO's path as the engine compares it.
  const path = io._opts.addTrailingSlash === false ? io.path() : `${io.path()}/`;
  ignoreOtherUpgrades(io.httpServer, (request) => {
    takeOffBase(request, basePath);
    return request.url?.startsWith(path) === true;
  });
  if (options.countsAll) io.engine.on("connection", (connection: Connection) => connections.admit(connection));

  const boards = io.of(BOARDS_NAMESPACE);
  const entry = new Entry(io, instance, connections, origins);
  entry.open(boards, (entered) => serveBoards(instance, presence, entered));
  if (options.teaching) openTeaching(io, instance, entry);

  // Every broadcast is `local`, because the app's Socket.IO may have an adapter that reaches other
  // instances.
  const notify = (notice: Notice) => boards.local.emit("notice", notice);
  let sent = "";
  const timer = setInterval(() => {
    instance.metrics.connected(online());
    const { online: here, onlineEverywhere } = presence;
    if (sent === `${here} ${onlineEverywhere}`) return;
    sent = `${here} ${onlineEverywhere}`;
    notify({ kind: "online", online: here, onlineEverywhere });
  }, ONLINE_EVERY_MS);
  timer.unref();
  const forget = instance.store.onAvailable((available) => notify({ kind: "store", available }));
  return {
    online,
    close: (reason) => {
      clearInterval(timer);
      forget();
      notify({ kind: "goodbye", error: reason.toBody() });
    },
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
