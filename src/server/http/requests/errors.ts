/* Turns every error of a request into a Refusal, and counts, audits and sends it. */

import type { ErrorRequestHandler, Request, Response } from "express";
import { ANSWERS, Refusal } from "../../../protocol/errors.js";
import { ADMIN_ACTIONS } from "../../admin/admin.js";
import type { Instance } from "../../instance/instance.js";
import { addressOf } from "./request-context.js";

const BOARD_PATH = /^\/boards\/([^/]+)\/?$/i;
const BOARD_ACTIONS: ReadonlyMap<string, string> = new Map([
  ["PUT", "resize"],
  ["DELETE", "remove"],
]);
const ADMIN_PATH = new RegExp(`^/boards/([^/]+)/(${[...ADMIN_ACTIONS, "claims"].join("|")})/?$`, "i");
const LOGGED_CHARACTERS_MAX = 100;

export function answerErrors(instance: Instance): ErrorRequestHandler {
  return (error: unknown, request, response, next) => {
    if (response.headersSent) return next(error);
    const refusal = asRefusal(instance, error);
    auditRefusal(instance, request, response, refusal);
    sendRefusal(instance, response, refusal);
  };
}

export function refuseUnknown(): never {
  throw new Refusal("NOT_FOUND");
}

function asRefusal(instance: Instance, error: unknown): Refusal {
  if (error instanceof Refusal) return error;
  // Express and its parsers mark the peer's mistakes with a status.
  let status = error instanceof Error && "status" in error ? Number(error.status) : 500;
  // They also set one for system errors, such as an unreadable file of the app.
  if (status === 400 && error instanceof Error && "syscall" in error) status = 500;
  if (status === 413) return new Refusal("PAYLOAD_TOO_LARGE");
  if (status === 404) return new Refusal("NOT_FOUND");
  if (status >= 400 && status < 500) return new Refusal("BAD_REQUEST");
  instance.failed(error, "a request failed");
  return new Refusal("INTERNAL");
}

/** Audits an admin action that failed early: bad token, malformed body or unknown board. */
function auditRefusal(instance: Instance, request: Request, response: Response, { code }: Refusal): void {
  const [, board = "", action] = actionOf(request);
  // `administer` has logged the actions that reached it.
  if (action === undefined || response.locals.isAudited === true) return;
  const where = { board: board.slice(0, LOGGED_CHARACTERS_MAX), address: addressOf(request) };
  instance.auditRefused({ audit: action.toLowerCase(), ...where, outcome: code });
}

/** As ADMIN_PATH finds it. */
function actionOf({ method, path }: Request): readonly (string | undefined)[] {
  if (method === "POST") return ADMIN_PATH.exec(path) ?? [];
  const [action, found] = [BOARD_ACTIONS.get(method), BOARD_PATH.exec(path)];
  return action && found ? [...found, action] : [];
}

function sendRefusal(instance: Instance, response: Response, refusal: Refusal): void {
  instance.metrics.refused(refusal.code);
  if (refusal.retryAfterMs !== undefined) response.set("Retry-After", String(Math.ceil(refusal.retryAfterMs / 1000)));
  const { http } = ANSWERS[refusal.code];
  response.set("Cache-Control", "no-store");
  if (http === 401) response.set("WWW-Authenticate", "Bearer");
  response.status(http).json({ error: refusal.toBody() });
}
