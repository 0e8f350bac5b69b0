/* How a client's connection is ended from this side, whatever its door. */

import type { Clock } from "../../protocol/clock.js";
import { type ErrorBody, Refusal } from "../../protocol/errors.js";
import type { Notice } from "../../protocol/events.js";
import type { Responder } from "./responder.js";

/** The time for a client to read why its connection ends. */
export const GOODBYE_MS = 200;

type SendNotice = (notice: Notice) => void;

/**
 * Tells the client why its connection ends. `cut` then drops the rest, because an orderly close
 * would wait for a client that does not read.
 */
export function sayGoodbye(clock: Clock, error: ErrorBody, send: SendNotice, cut: () => void): void {
  send({ kind: "goodbye", error });
  clock.after(GOODBYE_MS, cut);
}

/** Asks the client to move, answers its pending requests, and then calls `close`. */
export function askToMove(clock: Clock, responder: Responder, send: SendNotice, close: () => void): void {
  send({ kind: "goodbye", error: new Refusal("GOING_AWAY").toBody() });
  clock.after(GOODBYE_MS, async () => {
    await responder.finish();
    setImmediate(close);
  });
}
