/*
 * How a socket enters one of our namespaces, and how it ends from this side. Both protocols get the
 * same bounds and the same end. A socket that may not enter gets the reason as `connect_error`.
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

/** The time for a client to read why its connection ends. */
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

  /** `origins` are the sites whose pages may use boards, or `*`. */
  constructor(io: Server, instance: Instance, connections: Connections, origins: readonly string[]) {
    this.#instance = instance;
    this.#connections = connections;
    this.#origins = origins;
    this.#encoder = new FrameEncoder(io);
  }

  /**
   * Lets sockets into the namespace if `check` does not throw, and calls `serve` with each. `serve`
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
   * The visitor is found by the handshake: `auth: {token}`, or what the app's hook makes of it. A
   * client whose token was not accepted has the rights of everyone, and may enter if there are any.
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
      // The app around can find the sockets of a user that it wants to disconnect.
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
 * Counts the socket in on its connection. Returns false for a socket that must not be served.
 * Either its connection has closed meanwhile, and then Socket.IO never reports its end, or it is
 * already in this namespace. No client in good faith joins a namespace twice.
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
      // An orderly close would wait for a client that does not read; `true` drops the rest.
      socket.conn.close(true);
    }, GOODBYE_MS).unref();
  };
}

/**
 * Returns a function that asks the client to move, answers its requests in progress, and closes the
 * connection below the namespaces. A stock client takes that for a loss and reconnects by itself.
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

/** Refuses one namespace; the connection below is closed once the client can have read why. */
function refuse(socket: Socket, refusal: Refusal): Error {
  setTimeout(() => socket.conn.close(), GOODBYE_MS).unref();
  return Object.assign(new Error(refusal.message), { data: refusal.toBody() });
}

/** Stands for a token that is not a text: no key has signed it. */
const NO_TOKEN = "-";

function tokenIn(token: unknown): string | undefined {
  if (token === undefined || token === null || token === "") return undefined;
  return typeof token === "string" ? token : NO_TOKEN;
}
