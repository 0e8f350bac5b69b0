/*
 * Lets sockets into our namespaces, and closes them from this side. Both protocols get the same
 * limits and the same ending. A refused socket gets the reason as `connect_error`.
 */

import type { Namespace, Server, Socket } from "socket.io";
import { type ErrorBody, Refusal, refusalOf } from "../../protocol/errors.js";
import type { Notice } from "../../protocol/events.js";
import { ANYBODY, type Visitor } from "../access/access.js";
import { askToMove, GOODBYE_MS, sayGoodbye } from "../clients/farewell.js";
import { identify } from "../clients/identify.js";
import { Responder } from "../clients/responder.js";
import type { AdmittedConnection, Connections } from "../connections/connections.js";
import type { Instance } from "../instance/instance.js";
import type { Allowance } from "../limits/allowance.js";
import { FrameEncoder, SocketRecipient } from "./frame-sender.js";

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

  /** `origins` are the sites whose pages may use boards, or `*` for all. */
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

  async #identify(socket: Socket, next: Next, check: (visitor: Visitor) => void = () => undefined): Promise<void> {
    let visitor: Visitor;
    try {
      visitor = await identify(this.#instance, socket.request, socket.handshake.auth, this.#origins);
      this.#visitors.set(socket, visitor);
      // Lets the host app find the sockets of a user that it wants to disconnect.
      if (visitor.grant) socket.data.subject = visitor.grant.subject;
    } catch (error) {
      return next(refuse(socket, refusalOf(error)));
    }
    next(this.#refusedBy(() => check(visitor), socket));
  }

  #refusedBy(check: () => void, socket: Socket): Error | undefined {
    try {
      check();
      return undefined;
    } catch (error) {
      const refusal = refusalOf(error);
      this.#instance.metrics.refused(refusal.code);
      return refuse(socket, refusal);
    }
  }

  #enter(socket: Socket, serve: (entered: Entered) => () => void): void {
    const admitted = this.#connections.admit(socket.conn);
    const { clock, metrics, departures } = this.#instance;
    const notify = (notice: Notice) => socket.emit("notice", notice);
    let isEnding = false;
    const goodbye = (error: ErrorBody) => {
      if (isEnding) return;
      isEnding = true;
      sayGoodbye(clock, error, notify, () => {
        socket.disconnect(true);
        // `true` drops unsent data.
        socket.conn.close(true);
      });
    };
    if (!join(socket, admitted, goodbye)) return;
    const { allowance, backlog } = admitted;
    const giveUp = () => goodbye(new Refusal("TOO_SLOW").toBody());
    // The connection is closed below the namespaces. A stock client treats that as a lost
    // connection and reconnects by itself.
    const move = () => askToMove(clock, responder, notify, () => socket.conn.close());
    const ends = { giveUp, move };
    const recipient = new SocketRecipient(socket, this.#encoder, backlog, ends, (bytes) => metrics.sent(bytes));
    const responder = new Responder(this.#instance, allowance, { goodbye });
    const visitor = this.#visitors.get(socket) ?? ANYBODY;
    const leave = serve({ socket, visitor, allowance, recipient, responder });
    departures.add(ends);
    socket.on("disconnect", () => {
      departures.left(ends);
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

/** Refuses the namespace. The connection is closed once the client has had time to read why. */
function refuse(socket: Socket, refusal: Refusal): Error {
  setTimeout(() => socket.conn.close(), GOODBYE_MS).unref();
  return Object.assign(new Error(refusal.message), { data: refusal.toBody() });
}
