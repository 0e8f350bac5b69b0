/*
 * HTTP requests that ask for another protocol. A server may ignore that (RFC 9110, section 7.8), and Node does as long as
 * nobody listens for upgrades. Once Socket.IO does, Node hands over every such request, and those that Socket.IO does not
 * know, such as the `Upgrade: h2c` of Java's HttpClient, get no answer.
 *
 * So it is decided before: what nobody here takes is a request like any other, with its body and its place on the
 * connection. Doing it later, with the connection already handed over, would answer pipelined requests out of order.
 */

import type { EventEmitter } from "node:events";
import { IncomingMessage } from "node:http";

type Takes = (request: IncomingMessage) => boolean;

/** An upgrade to WebSocket that `isOurs` is Socket.IO's; another may be that of another listener, if there is one. */
export function ignoreOtherUpgrades(http: EventEmitter, isOurs: Takes): void {
  decideUpgrades(http, (request) => {
    if (request.headers.upgrade?.trim().toLowerCase() !== "websocket") return false;
    return isOurs(request) || http.listenerCount("upgrade") > 1;
  });
}

/** Whether the connection of this request was handed over, and no answer can be written as to others. */
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
  // Before Node 24 only the class of a server's requests has a say, and only a new server can be given one openly.
  const key = Object.getOwnPropertySymbols(http).find(({ description }) => description === "IncomingMessage");
  const known: unknown = key && Reflect.get(http, key);
  if (key && isRequestClass(known)) Reflect.set(http, key, withUpgrade(known, takes));
}

function withUpgrade(Base: typeof IncomingMessage, takes: Takes): typeof IncomingMessage {
  const wanted = Symbol("upgrade");
  return class extends Base {
    // Set by Node, from the base's constructor on: no private field is there so early.
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
