/*
 * Lets sockets into our namespaces, and closes them from this side. Both protocols get the same
 * limits and the same ending. A refused socket gets the reason as `connect_error`.
 */

import type { Namespace, Server, Socket } from "socket.io";
import { type ErrorBody, Refusal, refusalOf } from "../../protocol/errors.js";
import type { Notice } from "../../protocol/events.js";
import { ANYBODY, type Visitor } from "../access/access.js";
import { callerOf } from "../access/caller.js";
import { isFromOrigin } from "../access/origin.js";
import { Responder } from "../clients/responder.js";
import type { AdmittedConnection, Connections } from "../connections/connections.js";
import type { Instance } from "../instance/instance.js";
import type { Allowance } from "../limits/allowance.js";
import { FrameEncoder, SocketRecipient } from "./frame-sender.js";

/** Time for a client to read why its connection is closed. */
const GOODBYE_MS = 200;

export interface Entered {
  readonly socket: Socket;
  readonly visitor: Visitor;
  readonly allowance: Allowance;
  readonly recipient: SocketRecipient;
  readonly responder: Responder;
}

type Next = (error?: Error) => void;

export class Entry {
  readonly #instance: Instance;
  readonly #connections: Connections;
  readonly #origins: readonly string[];
  readonly #encoder: FrameEncoder;
  readonly #visitors = new WeakMap<Socket, Visitor>();

  /** `origins` are the sites that may use boards, or `*` for all. */
  constructor(io: Server, instance: Instance, connections: Connections, origins: readonly string[]) {
    this.#instance = instance;
    this.#connections = connections;
    this.#origins = origins;
    this.#encoder = new FrameEncoder(io);
  }

  /**
   * Lets a socket into the namespace unless `check` throws, and calls `serve` with it. `serve`
   * returns a function that is called when the socket is gone.
   */
  open(namespace: Namespace, serve: (entered: Entered) => () => void, check?: (visitor: Visitor) => void): void {
    namespace.use((socket, next) => {
      const admitted = this.#connections.admit(socket.conn);
      const { departures, metrics } = this.#instance;
      // The refusal of a connection was counted with it.
      if (departures.isDraining) metrics.refused("GOING_AWAY");
      const refusal = departures.isDraining ? new Refusal("GOING_AWAY") : admitted.refusal;
      next(refusal && refuse(socket, refusal));
    });
    namespace.use((socket, next) => this.#identify(socket, next, check));
    namespace.on("connection", (socket) => this.#enter(socket, serve));
  }

  /**
   * Identifies the visitor by the handshake's `auth: {token}` or the app's hook. A client whose
   * token was not accepted has the rights that everyone has, and may enter if there are any.
   */
  async #identify(socket: Socket, next: Next, check: (visitor: Visitor) => void = () => undefined): Promise<void> {
    const { access, boards, metrics } = this.#instance;
    try {
      if (!this.#origins.includes("*") && !isFromOrigin(socket.request, this.#origins))
        throw new Refusal("FORBIDDEN", { detail: "this site's origin is not listed in ORIGINS" });
      const auth: Readonly<Record<string, unknown>> = socket.handshake.auth;
      const visitor = await access.visitor(callerOf("socket", socket.request, tokenIn(auth.token), auth));
      access.requireUse(visitor, boards.keys());
      if (visitor.problem) metrics.refused(visitor.problem.code);
      this.#visitors.set(socket, visitor);
      // Lets the host app find the sockets of a user that it wants to disconnect.
      if (visitor.grant) socket.data.subject = visitor.grant.subject;
      check(visitor);
      next();
    } catch (error) {
      const refusal = refusalOf(error);
      if (refusal.code === "INTERNAL") this.#instance.failed(error, "a connection failed");
      metrics.refused(refusal.code);
      next(refuse(socket, refusal));
    }
  }

  #enter(socket: Socket, serve: (entered: Entered) => () => void): void {
    const admitted = this.#connections.admit(socket.conn);
    const goodbye = sayGoodbye(socket);
    if (!join(socket, admitted, goodbye)) return;
    const { allowance, backlog } = admitted;
    const { metrics, departures } = this.#instance;
    const giveUp = () => goodbye(new Refusal("TOO_SLOW").toBody());
    const recipient = new SocketRecipient(socket, this.#encoder, backlog, giveUp, (bytes) => metrics.sent(bytes));
    const responder = new Responder(this.#instance, allowance, goodbye);
    const visitor = this.#visitors.get(socket) ?? ANYBODY;
    const leave = serve({ socket, visitor, allowance, recipient, responder });
    const gone = departures.add(sayMove(socket, responder));
    socket.on("disconnect", () => {
      gone();
      leave();
    });
  }
}

/**
 * Registers the socket on its connection. Returns false if it must not be served. Either the
 * connection has closed meanwhile, so that Socket.IO would never report its end, or it has already
 * joined this namespace. A well-behaved client never joins a namespace twice.
 */
function join(socket: Socket, { joined }: AdmittedConnection, goodbye: (error: ErrorBody) => void): boolean {
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

/** Returns a function that sends the client a reason and closes its connection. */
function sayGoodbye(socket: Socket): (error: ErrorBody) => void {
  let isSaid = false;
  return (error) => {
    if (isSaid) return;
    isSaid = true;
    socket.emit("notice", { kind: "goodbye", error } satisfies Notice);
    setTimeout(() => {
      socket.disconnect(true);
      // An orderly close would wait for a client that does not read. `true` drops unsent data.
      socket.conn.close(true);
    }, GOODBYE_MS).unref();
  };
}

/**
 * Returns a function that asks the client to move, answers its pending requests, and closes the
 * connection below the namespaces. A stock client treats that as a lost connection and reconnects
 * by itself.
 */
function sayMove(socket: Socket, responder: Responder): () => void {
  return () => {
    socket.emit("notice", { kind: "goodbye", error: new Refusal("GOING_AWAY").toBody() } satisfies Notice);
    setTimeout(async () => {
      await responder.finish();
      setImmediate(() => socket.conn.close());
    }, GOODBYE_MS).unref();
  };
}

/** Refuses the namespace. The connection is closed once the client has had time to read why. */
function refuse(socket: Socket, refusal: Refusal): Error {
  setTimeout(() => socket.conn.close(), GOODBYE_MS).unref();
  return Object.assign(new Error(refusal.message), { data: refusal.toBody() });
}

/** Stands for a token that is not a string. It never verifies. */
const NO_TOKEN = "-";

function tokenIn(token: unknown): string | undefined {
  if (token === undefined || token === null || token === "") return undefined;
  return typeof token === "string" ? token : NO_TOKEN;
}
