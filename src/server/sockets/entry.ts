/*
 * How a socket enters one of our namespaces: its connection is admitted, and the client says who it
 * is. Both protocols get the same bounds and the same end. A socket that may not enter gets the
 * reason as `connect_error`.
 */

import type { Namespace, Server, Socket } from "socket.io";
import { type ErrorBody, Refusal, refusalOf } from "../../protocol/errors.js";
import { ANYBODY, type Visitor } from "../access/access.js";
import { callerOf } from "../access/caller.js";
import { isFromOrigin } from "../access/origin.js";
import { Responder } from "../clients/responder.js";
import type { AdmittedConnection, Connections } from "../connections/connections.js";
import type { Instance } from "../instance/instance.js";
import type { Allowance } from "../limits/allowance.js";
import { FrameEncoder, SocketRecipient } from "./frame-sender.js";
import { GOODBYE_MS, sayGoodbye, sayMove } from "./goodbye.js";

/** A socket that was let in, with what serves it. */
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
  /** Sites whose pages may use boards; `*` for every site's. */
  readonly #origins: readonly string[];
  readonly #encoder: FrameEncoder;
  readonly #visitors = new WeakMap<Socket, Visitor>();

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
      const refusal = this.#instance.departures.isDraining ? new Refusal("GOING_AWAY") : admitted.refusal;
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
        throw new Refusal("FORBIDDEN", { detail: "a page of another site" });
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
