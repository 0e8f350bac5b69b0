/*
 * The first HTTP request of a socket, before Socket.IO knows of it. An instance that drains answers it with 503, so that a
 * balancer tries the next instance in the client's stead; sockets that are open go on.
 */

import type { IncomingMessage, ServerResponse } from "node:http";
import type { Refusal } from "../protocol/errors.js";

export type HandshakeMiddleware = (request: IncomingMessage, response: ServerResponse, next: () => void) => void;

/** Refuses new sockets with what `refusal` gives, as long as it gives something. */
export function refuseHandshakes(refusal: (request: IncomingMessage) => Refusal | undefined): HandshakeMiddleware {
  return (request, response, next) => {
    const refused = isFirst(request) ? refusal(request) : undefined;
    if (!refused) return next();
    const { http } = refused.rule;
    const body = JSON.stringify({ error: refused.toBody() });
    if (request.headers.upgrade === undefined) {
      response.writeHead(http, { "Content-Type": "application/json", Connection: "close" }).end(body);
      return;
    }
    // What Socket.IO passes as the response of an upgrade cannot carry a status.
    const head = `HTTP/1.1 ${http} Service Unavailable\r\nContent-Type: application/json\r\nConnection: close`;
    request.socket.end(`${head}\r\nContent-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`);
  };
}

/** Later requests carry the id that the first was answered with. */
function isFirst(request: IncomingMessage): boolean {
  return !/[?&]sid=/.test(request.url ?? "");
}

/**
 * Node hands a connection that asks for an upgrade over without a listener for its errors. Until somebody takes it, a reset
 * by the client would end the process.
 */
export const outliveReset: HandshakeMiddleware = ({ socket }, _, next) => {
  if (socket.listenerCount("error") === 0) socket.on("error", () => undefined);
  next();
};
