/*
 * Handles HTTP requests that ask for another protocol. Once Socket.IO listens for upgrades, Node
 * hands over every such request. Those that Socket.IO does not know, such as `Upgrade: h2c` from
 * Java's HttpClient, would get no answer. An upgrade that nothing here takes is therefore turned
 * into an ordinary request first, as RFC 9110, section 7.8, allows. After the handover it would be
 * too late to answer pipelined requests in order.
 */

import { EventEmitter } from "node:events";
import { IncomingMessage, STATUS_CODES, validateHeaderName, validateHeaderValue } from "node:http";
import type { Socket as TcpSocket } from "node:net";
import { ANSWERS, type Refusal } from "../../protocol/errors.js";

/** Runs the guards of handshakes. Calls back once, with an error if one of them refuses. */
export type PassGuards = (request: IncomingMessage, response: UpgradeResponse, done: (error?: unknown) => void) => void;

/**
 * The response to an upgrade, for middlewares. It keeps their headers for the answer, and
 * ends the connection if one of them ends the response.
 */
export class UpgradeResponse extends EventEmitter {
  readonly req: IncomingMessage;
  readonly socket: TcpSocket;
  readonly #headers = new Map<string, number | string | readonly string[]>();

  constructor(request: IncomingMessage, socket: TcpSocket) {
    super();
    this.req = request;
    this.socket = socket;
    socket.once("close", this.#closed);
  }

  readonly #closed = () => this.emit("close");

  /** The upgrade gets its answer now: nothing holds this response, or its request, any more. */
  answered(): void {
    this.socket.off("close", this.#closed);
    this.emit("finish");
    this.emit("close");
  }

  setHeader(name: string, value: number | string | readonly string[]): this {
    validateHeaderName(name);
    for (const one of [value].flat()) validateHeaderValue(name, String(one));
    this.#headers.set(name, value);
    return this;
  }

  getHeader(name: string): number | string | readonly string[] | undefined {
    return this.#headers.get(name);
  }

  removeHeader(name: string): void {
    this.#headers.delete(name);
  }

  write(): boolean {
    return true;
  }

  writeHead(): this {
    return this;
  }

  end(): void {
    this.emit("finish");
    this.socket.destroy();
  }

  headerLines(): string[] {
    return Array.from(this.#headers, ([name, value]) =>
      (Array.isArray(value) ? value : [value]).map((one) => `${name}: ${String(one)}`),
    ).flat();
  }
}

export function refuseUpgrade(
  socket: TcpSocket,
  refusal: Refusal,
  status = ANSWERS[refusal.code].http,
  lines?: readonly string[],
): void {
  answerUpgrade(socket, status, refusal.toBody(), lines);
}

/**
 * Answers an upgrade with an error and closes the connection. Nothing reads it any more, so its end
 * by the client would not be noticed.
 */
export function answerUpgrade(socket: TcpSocket, status: number, error: object, lines: readonly string[] = []): void {
  const body = JSON.stringify({ error });
  const type = "Content-Type: application/json";
  const length = `Content-Length: ${Buffer.byteLength(body)}`;
  const head = [`HTTP/1.1 ${status} ${STATUS_CODES[status]}`, type, "Connection: close", length, ...lines];
  socket.write(`${head.join("\r\n")}\r\n\r\n${body}`);
  socket.destroySoon();
}

type Takes = (request: IncomingMessage) => boolean;

/**
 * Keeps upgrades to WebSocket that are `isOurs`, and all if the app listens for upgrades too. We
 * have `ourListeners` of our own.
 */
export function ignoreOtherUpgrades(http: EventEmitter, isOurs: Takes, ourListeners = 1): void {
  decideUpgrades(http, (request) => {
    if (request.headers.upgrade?.trim().toLowerCase() !== "websocket") return false;
    return isOurs(request) || http.listenerCount("upgrade") > ourListeners;
  });
}

/** Whether the request's connection was handed over, so that it cannot get an ordinary answer. */
export function isUpgrade(request: IncomingMessage): boolean {
  return "upgrade" in request && request.upgrade === true;
}

function decideUpgrades(http: EventEmitter, takes: Takes): void {
  const decide: unknown = Reflect.get(http, "shouldUpgradeCallback");
  if (typeof decide === "function") {
    const before = decide.bind(http);
    Reflect.set(http, "shouldUpgradeCallback", (request: IncomingMessage) => takes(request) && before(request));
    return;
  }
  // Before Node 24, the class of a server's requests decides, and it has no public setter.
  const key = Object.getOwnPropertySymbols(http).find(({ description }) => description === "IncomingMessage");
  const known: unknown = key && Reflect.get(http, key);
  if (key && isRequestClass(known)) Reflect.set(http, key, withUpgrade(known, takes));
}

function withUpgrade(Base: typeof IncomingMessage, takes: Takes): typeof IncomingMessage {
  const wanted = Symbol("upgrade");
  return class extends Base {
    // The base class's constructor sets it before any private field exists.
    [wanted]?: unknown;

    get upgrade(): boolean {
      return Boolean(this[wanted]) && (this.method === "CONNECT" || takes(this));
    }

    set upgrade(value: unknown) {
      this[wanted] = value;
    }
  };
}

function isRequestClass(value: unknown): value is typeof IncomingMessage {
  return typeof value === "function" && (value === IncomingMessage || value.prototype instanceof IncomingMessage);
}
