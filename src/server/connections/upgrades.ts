/*
 * Handles HTTP requests that ask for another protocol. Once Socket.IO listens for upgrades, Node
 * hands over every such request. Those that Socket.IO does not know, such as `Upgrade: h2c` from
 * Java's HttpClient, would get no answer. An upgrade that nothing here takes is therefore turned
 * into an ordinary request first, as RFC 9110, section 7.8, allows. After the handover it would be
 * too late to answer pipelined requests in order.
 */

import type { EventEmitter } from "node:events";
import { IncomingMessage } from "node:http";

type Takes = (request: IncomingMessage) => boolean;

/**
 * Ignores upgrades except WebSockets that are `isOurs`. Keeps all WebSockets if the app listens for
 * upgrades too.
 */
export function ignoreOtherUpgrades(http: EventEmitter, isOurs: Takes): void {
  decideUpgrades(http, (request) => {
    if (request.headers.upgrade?.trim().toLowerCase() !== "websocket") return false;
    return isOurs(request) || http.listenerCount("upgrade") > 1;
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
