/*
 * Handles the HTTP requests of a connection before Socket.IO does. A draining instance answers the
 * first one with 503, so that a balancer tries another instance. It still serves open connections.
 */

import type { IncomingMessage, ServerResponse } from "node:http";
import { ANSWERS, type Refusal } from "../../protocol/errors.js";
import { isFromOrigin } from "../access/origin.js";
import { isUpgrade, refuseUpgrade } from "./upgrades.js";

export type HandshakeMiddleware = (
  request: IncomingMessage,
  response: ServerResponse,
  next: (error?: Error) => void,
) => void;

/** Counts and sends a refusal. */
export type Refuse = (request: IncomingMessage, response: ServerResponse, refusal: Refusal) => void;

/**
 * Refuses long-polling by script tags with 400. Such a request has no origin but carries cookies,
 * and its answer runs as a script in the page that sent it. No current client needs it.
 */
export const refuseJsonp: HandshakeMiddleware = (request, _, next) =>
  next(
    queryOf(request).has("j") ? new Error("JSONP polling is not supported: use WebSocket or XHR polling") : undefined,
  );

/** Browsers must not interpret user-written text as a document or a script. */
export const letNothingBeGuessed: HandshakeMiddleware = (_, response, next) => {
  response.setHeader("X-Content-Type-Options", "nosniff");
  next();
};

/**
 * Later requests of a connection carry only its id. Another site must not use that id to take over
 * a connection that a permitted site or a program opened. `firstRequest` finds the request that
 * opened a connection.
 */
export function refuseTakeovers(
  firstRequest: (engineId: string) => IncomingMessage | undefined,
  origins: readonly string[],
  refuse: (request: IncomingMessage, response: ServerResponse) => void,
): HandshakeMiddleware {
  return (request, response, next) => {
    const first = firstRequest(engineIdIn(request));
    const isTakeover = first !== undefined && isFromOrigin(first, origins) && !isFromOrigin(request, origins);
    if (isTakeover) refuse(request, response);
    else next();
  };
}

/**
 * Refuses long-polling by pages of other sites. The answer may be read by the page, which can then
 * say why. An upgrade is not refused here: no page can read the answer to it, so a connection is
 * refused when it says who it is.
 */
export function refuseOtherOrigins(
  origins: readonly string[],
  refuse: (request: IncomingMessage, response: ServerResponse) => void,
): HandshakeMiddleware {
  return (request, response, next) => {
    if (isUpgrade(request) || isFromOrigin(request, origins)) {
      next();
      return;
    }
    const { origin } = request.headers;
    if (origin !== undefined) response.setHeader("Access-Control-Allow-Origin", origin);
    response.setHeader("Vary", "Origin");
    refuse(request, response);
  };
}

export function refuseHandshakes(
  refusal: (request: IncomingMessage) => Refusal | undefined,
  refuse: Refuse,
): HandshakeMiddleware {
  return (request, response, next) => {
    const refused = engineIdIn(request) === "" ? refusal(request) : undefined;
    if (refused) refuse(request, response, refused);
    else next();
  };
}

/** Sends an answer without Express and Engine.IO, and closes the connection. */
export function answer(request: IncomingMessage, response: ServerResponse, refusal: Refusal): void {
  if (isUpgrade(request)) {
    refuseUpgrade(request.socket, refusal);
    return;
  }
  const body = JSON.stringify({ error: refusal.toBody() });
  response.writeHead(ANSWERS[refusal.code].http, { "Content-Type": "application/json", Connection: "close" }).end(body);
}

/**
 * Engine.IO's id of the request's connection. Empty for its first request, whose answer has the id.
 */
export function engineIdIn(request: IncomingMessage): string {
  return queryOf(request).get("sid") ?? "";
}

/** If a name occurs twice, the last value counts, as in Engine.IO. */
function queryOf(request: IncomingMessage): ReadonlyMap<string, string> {
  return new Map(new URL(request.url ?? "", "http://any").searchParams);
}

/**
 * Node hands over an upgrading connection without an error listener. Until one is added, a reset by
 * the client would end the process.
 */
export const outliveReset: HandshakeMiddleware = ({ socket }, _, next) => {
  if (socket.listenerCount("error") === 0) socket.on("error", () => undefined);
  next();
};
