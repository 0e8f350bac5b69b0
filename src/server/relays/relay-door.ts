/*
 * The door for relays: a WebSocket at the lane's path, with a subprotocol and a secret of its own.
 * It passes neither the guards nor the budgets of clients, because a relay speaks for many people.
 * The relay limits them itself.
 *
 *     upgrade ──► secret ──► 101 ──► calls (relay-link.ts)
 */

import { createHash, timingSafeEqual } from "node:crypto";
import type { EventEmitter } from "node:events";
import type { IncomingMessage } from "node:http";
import type { Socket as TcpSocket } from "node:net";
import { WebSocket, WebSocketServer } from "ws";
import { credential, RELAY_SUBPROTOCOL, type Welcome } from "../../store/upstream/calls.js";
import { CLOSING_MS_MAX } from "../connections/connections.js";
import { answerUpgrade } from "../connections/upgrades.js";
import type { Instance } from "../instance/instance.js";
import { type RelayContext, RelayLink } from "./relay-link.js";
import { RelayedNews } from "./relayed-news.js";

export interface RelayDoorOptions {
  readonly secret: string;
  /** Whether the request's path is that of the lane. */
  readonly isAtLane: (request: IncomingMessage) => boolean;
}

/** The part of an instance that the door needs. */
export type RelayHost = Pick<
  Instance,
  "name" | "store" | "writer" | "durabilities" | "history" | "departures" | "metrics" | "failed" | "log"
>;

const CHECK_MS = 1_000;
/** A relay asks for a sign of life twice a second. */
const SILENT_MS_MAX = 10_000;
/** A relay that lets more wait is cut, and catches up on its next link. */
const WAITING_BYTES_MAX = 64 * 2 ** 20;
/** The largest call is a batch of writes, or the heads of all pages of the largest board. */
const MESSAGE_BYTES_MAX = 8 * 2 ** 20;

interface Open {
  readonly link: RelayLink;
  readonly socket: WebSocket;
  heardMs: number;
}

export class RelayDoor {
  readonly #host: RelayHost;
  readonly #options: RelayDoorOptions;
  readonly #context: RelayContext;
  readonly #ws = new WebSocketServer({
    noServer: true,
    clientTracking: false,
    perMessageDeflate: false,
    maxPayload: MESSAGE_BYTES_MAX,
  });
  readonly #open = new Set<Open>();
  readonly #timer: NodeJS.Timeout;
  readonly #forget: () => void;

  constructor(http: EventEmitter, host: RelayHost, options: RelayDoorOptions) {
    const { store, writer } = host;
    this.#host = host;
    this.#options = options;
    this.#context = {
      store,
      writer,
      news: new RelayedNews(store),
      welcome: () => this.#welcome(),
      called: (name) => host.metrics.called(name),
      failed: (error) => host.failed(error, "a call from a relay failed"),
    };
    http.on("upgrade", (request: IncomingMessage, tcp: TcpSocket, head: Buffer) => {
      if (this.isOurs(request)) this.#upgrade(request, tcp, head);
    });
    this.#forget = store.onAvailable((isAvailable) => {
      for (const { link } of this.#open) link.notify({ kind: "available", isAvailable });
    });
    this.#timer = setInterval(() => this.#cutSilent(), CHECK_MS);
    this.#timer.unref();
  }

  /** Whether a request wants this door, and not the lane. */
  isOurs(request: IncomingMessage): boolean {
    const { "sec-websocket-protocol": protocols = "" } = request.headers;
    return this.#options.isAtLane(request) && protocols.split(",").some((one) => one.trim() === RELAY_SUBPROTOCOL);
  }

  close(): void {
    clearInterval(this.#timer);
    this.#forget();
    // The answers that wait are sent before, and no more calls are taken, because the store closes.
    for (const { link, socket } of this.#open) {
      link.close();
      socket.close(1001);
    }
    setTimeout(() => {
      for (const { socket } of this.#open) socket.terminate();
    }, CLOSING_MS_MAX).unref();
    this.#ws.close();
  }

  #upgrade(request: IncomingMessage, tcp: TcpSocket, head: Buffer): void {
    tcp.on("error", ignore);
    const { departures, store, metrics } = this.#host;
    const refuse = (status: number, message: string) => answerUpgrade(tcp, status, { message });
    if (!isSecret(request, this.#options.secret)) {
      metrics.refused("UNAUTHORIZED");
      refuse(401, "the secret is wrong. Set the same RELAY_SECRET on the relay and its upstream");
    } else if (store.engine === "upstream") {
      refuse(409, "it is a relay itself. Set UPSTREAM_URL to an instance that has a store");
    } else if (departures.isDraining) refuse(503, "it is shutting down");
    else {
      tcp.off("error", ignore);
      this.#ws.handleUpgrade(request, tcp, head, (socket) => this.#serve(socket));
    }
  }

  #serve(socket: WebSocket): void {
    const { departures, metrics, log } = this.#host;
    const cut = () => socket.terminate();
    const send = (message: Uint8Array) => {
      if (socket.readyState !== WebSocket.OPEN) return;
      socket.send(message);
      if (socket.bufferedAmount <= WAITING_BYTES_MAX) return;
      log.warn(
        { bytes: socket.bufferedAmount },
        "a relay that read too slowly was disconnected: it catches up when it reconnects",
      );
      cut();
    };
    const link = new RelayLink(this.#context, { send, cut });
    const open: Open = { link, socket, heardMs: performance.now() };
    const heard = () => {
      open.heardMs = performance.now();
    };
    this.#open.add(open);
    metrics.relays = this.#open.size;
    departures.add(link);
    socket.on("message", (data, isBinary) => {
      heard();
      if (isBinary && Buffer.isBuffer(data)) link.receive(data);
      else cut();
    });
    socket.on("ping", heard);
    socket.on("error", ignore);
    socket.on("close", () => {
      this.#open.delete(open);
      metrics.relays = this.#open.size;
      departures.left(link);
      link.close();
    });
  }

  #welcome(): Welcome {
    const { name, store, durabilities, history } = this.#host;
    return {
      instance: name.slice(0, 255),
      isAvailable: store.available,
      ...(store.warning !== undefined && { warning: store.warning }),
      durabilities: { ...durabilities, boards: [...durabilities.boards] },
      histories: { boards: [...history.boards], others: history.others },
    };
  }

  #cutSilent(): void {
    const nowMs = performance.now();
    for (const { socket, heardMs } of this.#open) if (nowMs - heardMs > SILENT_MS_MAX) socket.terminate();
  }
}

/** Compares in constant time. */
function isSecret(request: IncomingMessage, secret: string): boolean {
  const { authorization = "" } = request.headers;
  const digest = (text: string) => createHash("sha256").update(text).digest();
  return timingSafeEqual(digest(authorization), digest(credential(secret)));
}

function ignore(): void {}
