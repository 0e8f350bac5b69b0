/* The two ways in which a socket ends from this side. Both give the client time to read why. */

import type { Socket } from "socket.io";
import { type ErrorBody, Refusal } from "../../protocol/errors.js";
import type { Notice } from "../../protocol/events.js";
import type { Responder } from "../clients/responder.js";

export const GOODBYE_MS = 200;

/** Returns a function that sends the client a reason and closes its connection. */
export function sayGoodbye(socket: Socket): (error: ErrorBody) => void {
  let isSaid = false;
  return (error) => {
    if (isSaid) return;
    isSaid = true;
    socket.emit("notice", { kind: "goodbye", error } satisfies Notice);
    setTimeout(() => {
      socket.disconnect(true);
      // An orderly close would wait for a client that does not read; `true` discards what it has
      // not read.
      socket.conn.close(true);
    }, GOODBYE_MS).unref();
  };
}

/**
 * Returns a function that asks the client to move, answers its requests in progress, and closes the
 * connection below the namespaces. A stock client takes that for a loss and reconnects by itself.
 */
export function sayMove(socket: Socket, responder: Responder): () => void {
  return () => {
    socket.emit("notice", { kind: "goodbye", error: new Refusal("GOING_AWAY").toBody() } satisfies Notice);
    setTimeout(async () => {
      await responder.finish();
      setImmediate(() => socket.conn.close());
    }, GOODBYE_MS).unref();
  };
}
