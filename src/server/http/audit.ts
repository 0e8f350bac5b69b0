/*
 * The audit of admin actions that never reach `administer`, which logs the others: those with a bad
 * token, a malformed body or an unknown board.
 */

import type { Request, Response } from "express";
import type { Refusal } from "../../protocol/errors.js";
import type { Instance } from "../instance/instance.js";
import { ADMIN_ACTIONS } from "./admin.js";
import { addressOf } from "./request-context.js";

const ADMIN_PATH = new RegExp(`^/boards/([^/]+)/(${ADMIN_ACTIONS.join("|")})/?$`, "i");
const LOGGED_CHARACTERS_MAX = 100;

export function auditRefusal(instance: Instance, request: Request, response: Response, { code }: Refusal): void {
  const [, board = "", action] = (request.method === "POST" && ADMIN_PATH.exec(request.path)) || [];
  if (action === undefined || response.locals.isAudited === true) return;
  const where = { board: board.slice(0, LOGGED_CHARACTERS_MAX), address: addressOf(request) };
  instance.auditRefused({ audit: action.toLowerCase(), ...where, outcome: code });
}
