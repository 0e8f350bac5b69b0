/*
 * The HTTP requests of a socket, before Socket.IO sees them. An instance that drains answers the first with 503, so that a
 * balancer tries the next instance in the client's stead; sockets that are open go on.
 */

import { type IncomingMessage, type ServerResponse, STATUS_CODES } from "node:http";
import { Refusal } from "../../protocol/errors.js";
import { isFromOrigin } from "../access/origin.js";
import { isUpgrade } from "./upgrades.js";

export type HandshakeMiddleware = (
  request: IncomingMessage,
  response: ServerResponse,
  next: (error?: Error) => void,
) => void;

/**
 * Long-polling by script tags: such a request has no origin, carries cookies, and its answer runs as a program in the page
 * that sent it. It is answered with 400. No client of this age needs it.
 */
export const refuseJsonp: HandshakeMiddleware = (request, _, next) =>
  next(queryOf(request).has("j") ? new Error("JSONP is off") : undefined);

/** What people wrote must not be taken for a document or a script in an answer of a socket. */
export const letNothingBeGuessed: HandshakeMiddleware = (_, response, next) => {
  response.setHeader("X-Content-Type-Options", "nosniff");
  next();
};

/**
 * A session's id is all that its later requests show. Pages of other sites do not get to use one: what began on a page that
 * may ask, or in a program, is continued there. `firstRequest` finds the request that began a session.
 */
export function refuseTakeovers(
  firstRequest: (sid: string) => IncomingMessage | undefined,
  origins: readonly string[],
): HandshakeMiddleware {
  return (request, response, next) => {
    const first = firstRequest(engineIdIn(request));
    const isTakeover = first !== undefined && isFromOrigin(first, origins) && !isFromOrigin(request, origins);
    if (isTakeover) answer(request, response, new Refusal("FORBIDDEN", { detail: "a page of another site" }));
    else next();
  };
}

/** Refuses new sockets with what `refusal` gives, as long as it gives something. */
export function refuseHandshakes(refusal: (request: IncomingMessage) => Refusal | undefined): HandshakeMiddleware {
  return (request, response, next) => {
    const refused = isFirst(request) ? refusal(request) : undefined;
    if (refused) answer(request, response, refused);
    else next();
  };
}

/** Answers below Express and Engine.IO, and lets the connection go. */
export function answer(request: IncomingMessage, response: ServerResponse, refusal: Refusal): void {
  const { http } = refusal.rule;
  const body = JSON.stringify({ error: refusal.toBody() });
  if (!isUpgrade(request)) {
    response.writeHead(http, { "Content-Type": "application/json", Connection: "close" }).end(body);
    return;
  }
  // What Socket.IO passes as the response of an upgrade cannot carry a status.
  const head = `HTTP/1.1 ${http} ${STATUS_CODES[http]}\r\nContent-Type: application/json\r\nConnection: close`;
  request.socket.end(`${head}\r\nContent-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`);
}

/** Later requests carry the id that the first was answered with; an empty one is none. */
function isFirst(request: IncomingMessage): boolean {
  return engineIdIn(request) === "";
}

/** The session that a request names, as the engine reads it; empty if it names none. */
export function engineIdIn(request: IncomingMessage): string {
  return queryOf(request).get("sid") ?? "";
}

/** As the engine reads it: of a name that stands twice, the last counts. */
function queryOf(request: IncomingMessage): ReadonlyMap<string, string> {
  return new Map(new URL(request.url ?? "", "http://any").searchParams);
}

/**
 * Node hands a connection that asks for an upgrade over without a listener for its errors. Until somebody takes it, a reset
 * by the client would end the process.
 */
export const outliveReset: HandshakeMiddleware = ({ socket }, _, next) => {
  if (socket.listenerCount("error") === 0) socket.on("error", () => undefined);
  next();
};
