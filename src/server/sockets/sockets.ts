/*
 * The door to Socket.IO: turns its events into requests of sessions and of the teaching protocol, and the reverse. With
 * frame-sender.ts the only file that imports it.
 */

import type { Server as HttpServer, IncomingMessage } from "node:http";
import { Server, type Socket } from "socket.io";
import { type ErrorBody, Refusal, refusalOf } from "../../protocol/errors.js";
import type { Notice, RequestName } from "../../protocol/events.js";
import { BOARDS_NAMESPACE, TEACHING_NAMESPACE } from "../../protocol/version.js";
import { ANYBODY, type Visitor } from "../access/access.js";
import { callerOf } from "../access/authorise.js";
import { isFromOrigin } from "../access/origin.js";
import { type Admitted, type Connection, type ConnectionLimits, Connections } from "../connections/connections.js";
import type { HttpGate } from "../connections/gate.js";
import {
  type HandshakeMiddleware,
  letNothingBeGuessed,
  outliveReset,
  refuseHandshakes,
  refuseJsonp,
  refuseTakeovers,
  sessionIdOf,
} from "../connections/handshake.js";
import { ignoreOtherUpgrades } from "../connections/upgrades.js";
import type { Presence } from "../fleet/presence.js";
import { takeOffBase } from "../input/base-path.js";
import type { Instance } from "../instance/instance.js";
import type { Trust } from "../limits/client-address.js";
import { Conversation } from "../session/conversation.js";
import { Session } from "../session/session.js";
import { Chat } from "./chat.js";
import { FrameEncoder, SocketRecipient } from "./frame-sender.js";
import { Teaching } from "./teaching/teaching.js";

export interface SocketOptions {
  /** Origins that browsers may connect from by long-polling: `*` or a list. */
  readonly origins: readonly string[];
  /** The largest message taken from a client. */
  readonly messageBytesMax: number;
  /** Who connects and joins no namespace in this time is let go. */
  readonly silentMsMax: number;
  /** As in `Config`. */
  readonly basePath?: string;
}

/** A Socket.IO server with the settings that an instance wants. */
export function createSocketServer(http: HttpServer, options: SocketOptions): Server {
  const io = new Server(http, {
    allowRequest: (request, decide) =>
      decide(null, options.origins.includes("*") || isFromOrigin(request, options.origins)),
    cors: { origin: options.origins.includes("*") ? "*" : [...options.origins] },
    maxHttpBufferSize: options.messageBytesMax,
    perMessageDeflate: false,
    httpCompression: false,
    pingInterval: 10_000,
    pingTimeout: 8_000,
    connectTimeout: options.silentMsMax,
  });
  // What Socket.IO answers itself, Express does not see: what people wrote must not be taken for a document there either.
  http.prependListener("request", (_, response) => response.setHeader("X-Content-Type-Options", "nosniff"));
  const { basePath = "" } = options;
  http.prependListener("request", (request) => takeOffBase(request, basePath));
  return io;
}

/** A message of the teaching protocol goes to everybody, so it is smaller than other requests. */
const MESSAGE_CHARACTERS_MAX = 2_000;
const ONLINE_EVERY_MS = 1_000;
const GOODBYE_MS = 200;

export interface AttachedSockets {
  /** Sockets connected. */
  online(): number;
  /** Tells every client why, and disconnects it. */
  close(reason: Refusal): void;
}

export interface AttachOptions {
  /** Speak the teaching protocol in `/`. */
  readonly teaching: boolean;
  /** Of each connection. */
  readonly limits: ConnectionLimits;
  /** What every request of long-polling passes first. */
  readonly presence: Presence;
  readonly gate: HttpGate;
  /** Which proxies are believed. */
  readonly trust: Trust;
  /** Count every connection, also before it joins a namespace, or if it never does. Not where others' namespaces are. */
  readonly countsAll: boolean;
  /** Whose pages may use boards beside the server's own; `*` for every site's. */
  readonly origins: readonly string[];
  /** As in `Config`; in someone else's app there is none. */
  readonly basePath?: string;
}

export function attachSockets(io: Server, instance: Instance, options: AttachOptions): AttachedSockets {
  const boards = io.of(BOARDS_NAMESPACE);
  const encoder = new FrameEncoder(io);
  const online = () => io.engine.clientsCount;
  const connections = new Connections(instance, options.limits, options.trust, Reflect.get(io.engine, "ws"));
  const { presence } = options;
  io.engine.use(outliveReset);
  io.engine.use(letNothingBeGuessed);
  io.engine.use(options.gate.pass);
  io.engine.use(holdBack(connections, instance));
  io.engine.use(refuseJsonp);
  if (!options.origins.includes("*")) io.engine.use(refuseTakeovers((sid) => requestOf(io, sid), options.origins));
  io.engine.use(
    refuseHandshakes((request) =>
      instance.departures.isDraining ? new Refusal("GOING_AWAY") : connections.refusalFor(request),
    ),
  );
  // Socket.IO's path as the engine compares it.
  const path = io._opts.addTrailingSlash === false ? io.path() : `${io.path()}/`;
  ignoreOtherUpgrades(io.httpServer, (request) => {
    takeOffBase(request, options.basePath ?? "");
    return request.url?.startsWith(path) === true;
  });
  if (options.countsAll) io.engine.on("connection", (connection: Connection) => connections.admit(connection));
  const visitors = new WeakMap<Socket, Visitor>();
  boards.use(admit(connections, instance));
  boards.use(identify(instance, visitors, options.origins));
  boards.on("connection", (socket) => {
    const visitor = visitors.get(socket) ?? ANYBODY;
    converse(socket, instance, connections.admit(socket.conn), visitor, encoder, presence);
  });
  if (options.teaching) attachTeaching(io, instance, connections, visitors, options.origins, encoder);

  // `local`, here and wherever something goes to all: the app's Socket.IO may have an adapter that reaches other instances.
  const tell = (notice: Notice) => boards.local.emit("notice", notice);
  let told = "";
  const timer = setInterval(() => {
    instance.metrics.connected(online());
    const { online: here, onlineEverywhere } = presence;
    if (told === `${here} ${onlineEverywhere}`) return;
    told = `${here} ${onlineEverywhere}`;
    tell({ kind: "online", online: here, onlineEverywhere });
  }, ONLINE_EVERY_MS);
  timer.unref();
  const forget = instance.store.onAvailable((available) => tell({ kind: "store", available }));
  return {
    online,
    close: (reason) => {
      clearInterval(timer);
      forget();
      tell({ kind: "goodbye", error: reason.toBody() });
    },
  };
}

/** A session that polls has its requests read no sooner than its meter says. */
function holdBack(connections: Connections, instance: Instance): HandshakeMiddleware {
  return (request, _, next) => {
    const waitMs = connections.waitMs(sessionIdOf(request));
    if (waitMs === 0) next();
    else instance.clock.after(waitMs, next);
  };
}

/**
 * Counts a socket in on its connection. False if it is not to be served: its connection has closed meanwhile, upon which
 * Socket.IO reports no end of it, or it is a second one of its namespace there, which no client of good faith asks for.
 */
function enter(socket: Socket, { joined }: Admitted, goodbye: (error: ErrorBody) => void): boolean {
  const namespace = socket.nsp.name;
  if (socket.conn.readyState !== "open") {
    socket.disconnect();
    return false;
  }
  if (joined.has(namespace)) {
    socket.conn.close(true);
    return false;
  }
  joined.set(namespace, goodbye);
  socket.once("disconnect", () => joined.delete(namespace));
  return true;
}

/** The request that began a session of the engine's. */
function requestOf(io: Server, sid: string): IncomingMessage | undefined {
  const sessions: Readonly<Record<string, Connection>> = Reflect.get(io.engine, "clients");
  return Object.hasOwn(sessions, sid) ? sessions[sid]?.request : undefined;
}

/** A refusal reaches the client as `connect_error` with the error's body as data. */
function admit(connections: Connections, instance: Instance) {
  return (socket: Socket, next: (error?: Error) => void) => {
    const admitted = connections.admit(socket.conn);
    const refusal = instance.departures.isDraining ? new Refusal("GOING_AWAY") : admitted.refusal;
    next(refusal && refusalFor(socket, refusal));
  };
}

/**
 * Who comes, by the handshake: `auth: {token}`, or what the app's hook makes of it. Someone whose token is not accepted may do
 * what everybody may, and is let in if there is anything.
 */
function identify(instance: Instance, visitors: WeakMap<Socket, Visitor>, origins: readonly string[]) {
  return async (socket: Socket, next: (error?: Error) => void) => {
    try {
      if (!origins.includes("*") && !isFromOrigin(socket.request, origins))
        throw new Refusal("FORBIDDEN", { detail: "a page of another site" });
      const auth: Readonly<Record<string, unknown>> = socket.handshake.auth;
      const visitor = await instance.access.visitor(callerOf("socket", socket.request, tokenIn(auth.token), auth));
      instance.access.requireUse(visitor, instance.boards.keys());
      if (visitor.problem) instance.metrics.refused(visitor.problem.code);
      visitors.set(socket, visitor);
      // So that the app around can find the sockets of somebody whom it wants to disconnect.
      if (visitor.grant) socket.data.subject = visitor.grant.subject;
      next();
    } catch (error) {
      next(refused(socket, instance, error));
    }
  };
}

/** Stands for what is no text: no key has signed it. */
const NO_TOKEN = "-";

function tokenIn(token: unknown): string | undefined {
  if (token === undefined || token === null || token === "") return undefined;
  return typeof token === "string" ? token : NO_TOKEN;
}

function refused(socket: Socket, instance: Instance, error: unknown): Error {
  const refusal = refusalOf(error);
  if (refusal.code === "INTERNAL") instance.failed(error, "a connection failed");
  instance.metrics.refused(refusal.code);
  return refusalFor(socket, refusal);
}

/** Refuses one namespace; the connection below is closed once the client can have read why. */
function refusalFor(socket: Socket, refusal: Refusal): Error {
  setTimeout(() => socket.conn.close(), GOODBYE_MS).unref();
  return Object.assign(new Error(refusal.message), { data: refusal.toBody() });
}

function sayGoodbye(socket: Socket): (error: ErrorBody) => void {
  let isSaid = false;
  return (error) => {
    if (isSaid) return;
    isSaid = true;
    socket.emit("notice", { kind: "goodbye", error } satisfies Notice);
    setTimeout(() => {
      socket.disconnect(true);
      // With `true` also from a client that does not read: an orderly close would wait for it.
      socket.conn.close(true);
    }, GOODBYE_MS).unref();
  };
}

/**
 * Tells a client to move, gives its requests under way their answers, and ends the connection below the namespaces: a
 * stock client takes that for a loss and connects anew by itself.
 */
function sayMove(socket: Socket, conversation: Conversation): () => void {
  return () => {
    socket.emit("notice", { kind: "goodbye", error: new Refusal("GOING_AWAY").toBody() } satisfies Notice);
    setTimeout(async () => {
      await conversation.finish();
      setImmediate(() => socket.conn.close());
    }, GOODBYE_MS).unref();
  };
}

const REQUESTS: ReadonlySet<string> = new Set<RequestName>(["open", "watch", "unwatch", "write", "overview"]);

function isRequest(name: string): name is RequestName {
  return REQUESTS.has(name);
}

function converse(
  socket: Socket,
  instance: Instance,
  admitted: Admitted,
  visitor: Visitor,
  encoder: FrameEncoder,
  presence: Presence,
): void {
  const goodbye = sayGoodbye(socket);
  if (!enter(socket, admitted, goodbye)) return;
  const { allowance, backlog } = admitted;
  const conversation = new Conversation(instance, allowance, goodbye);
  const giveUp = () => goodbye(new Refusal("TOO_SLOW").toBody());
  const sent = (bytes: number) => instance.metrics.sent(bytes);
  const session = new Session(instance, new SocketRecipient(socket, encoder, backlog, giveUp, sent), {
    allowance,
    visitor,
    online: () => presence.online,
    onlineEverywhere: () => presence.onlineEverywhere,
  });
  const complain = (detail: string) => {
    socket.emit("notice", { kind: "error", error: conversation.reject(detail) } satisfies Notice);
  };
  // One listener for all: five would be another kilobyte for each client.
  socket.onAny((name: string, ...args: unknown[]) => {
    if (!isRequest(name)) return complain("there is no such request");
    const ack = args.at(-1);
    if (typeof ack !== "function") return complain(`${name} came without an acknowledgement`);
    const input = args.length > 1 ? args[0] : undefined;
    void conversation.answer<unknown>(() => session[name](input)).then((reply) => ack(reply));
  });
  const gone = instance.departures.add(sayMove(socket, conversation));
  socket.on("disconnect", () => {
    gone();
    session.close();
  });
}

function attachTeaching(
  io: Server,
  instance: Instance,
  connections: Connections,
  visitors: WeakMap<Socket, Visitor>,
  origins: readonly string[],
  encoder: FrameEncoder,
): void {
  const root = io.of(TEACHING_NAMESPACE);
  const teaching = new Teaching(instance);
  const chat = new Chat(
    instance,
    () => [...root.sockets.keys()],
    (clients, text) => root.local.in(clients).emit("server-message", text),
  );
  root.use(admit(connections, instance));
  root.use(identify(instance, visitors, origins));
  root.use((socket, next) => {
    try {
      teaching.board();
      teaching.require(visitors.get(socket) ?? ANYBODY, "view");
      next();
    } catch (error) {
      next(refused(socket, instance, error));
    }
  });
  root.on("connection", (socket) => {
    const admitted = connections.admit(socket.conn);
    const goodbye = sayGoodbye(socket);
    if (!enter(socket, admitted, goodbye)) return;
    const { allowance, backlog } = admitted;
    const giveUp = () => goodbye(new Refusal("TOO_SLOW").toBody());
    const sent = (bytes: number) => instance.metrics.sent(bytes);
    const leave = teaching.join(new SocketRecipient(socket, encoder, backlog, giveUp, sent));
    const conversation = new Conversation(instance, allowance, goodbye);
    const visitor = visitors.get(socket) ?? ANYBODY;
    const write = teaching.writer(allowance.address, visitor);

    socket.on("checkbox-update", async (...args: unknown[]) => {
      const [input] = args;
      const ack = args.at(-1);
      const reply = await conversation.answer(() => write(input));
      const isRefused = reply !== undefined;
      if (typeof ack === "function") ack(isRefused ? reply : { ok: true });
      // A page that shows the click at once must learn that it did not happen.
      const present = isRefused ? teaching.present(input) : undefined;
      if (present) socket.emit("checkbox-update", present);
    });

    socket.on("message", async (...args: unknown[]) => {
      const [text] = args;
      const ack = args.at(-1);
      const reply = await conversation.answer(async () => {
        if (typeof text !== "string" || text.length > MESSAGE_CHARACTERS_MAX) {
          throw new Refusal("BAD_REQUEST", {
            detail: `message: a text of at most ${MESSAGE_CHARACTERS_MAX} characters`,
          });
        }
        teaching.require(visitor, "write");
        const waitMs = allowance.messages.take(1, instance.clock.now());
        if (waitMs > 0) throw new Refusal("RATE_LIMITED", { retryAfterMs: waitMs });
        chat.say(allowance.address, text);
      });
      if (typeof ack === "function") ack(reply ?? { ok: true });
    });

    socket.onAny((name: string) => {
      if (name !== "checkbox-update" && name !== "message") conversation.reject("there is no such event");
    });
    const gone = instance.departures.add(sayMove(socket, conversation));
    socket.on("disconnect", () => {
      gone();
      leave();
    });
  });
}
