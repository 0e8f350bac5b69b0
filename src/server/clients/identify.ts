/* Identifies the visitor behind a connection, whatever its door. */

import type { IncomingMessage } from "node:http";
import { refusalOf } from "../../protocol/errors.js";
import { ANYBODY, type Visitor } from "../access/access.js";
import { callerOf } from "../access/caller.js";
import { isFromOrigin } from "../access/origin.js";
import { visitorIdIn } from "../claims/owners.js";
import type { Instance } from "../instance/instance.js";

/** Stands for a token that is not a text: no key has signed it. */
const NO_TOKEN = "-";

/**
 * Finds the visitor by `auth`, which may hold a token, or by what the app's hook makes of it. A
 * client whose token was not accepted has the rights that everyone has, and may enter if there are
 * any. `origins` are the sites whose pages may use boards, or `*`. Rejects with a Refusal.
 */
export async function identify(
  instance: Instance,
  request: IncomingMessage,
  auth: Readonly<Record<string, unknown>>,
  origins: readonly string[],
): Promise<Visitor> {
  const { access, boards, metrics } = instance;
  try {
    if (!origins.includes("*") && !isFromOrigin(request, origins)) throw instance.refusedOrigins.refusal(request);
    const { grant, problem } = await access.visitor(callerOf("socket", request, tokenIn(auth.token), auth));
    const id = visitorIdIn(auth);
    const visitor: Visitor = grant || problem || id !== undefined ? { grant, problem, id } : ANYBODY;
    access.requireUse(visitor, boards.keys());
    if (visitor.problem) metrics.refused(visitor.problem.code);
    return visitor;
  } catch (error) {
    const refusal = refusalOf(error);
    if (refusal.code === "INTERNAL") instance.failed(error, "a connection failed");
    metrics.refused(refusal.code);
    throw refusal;
  }
}

function tokenIn(token: unknown): string | undefined {
  if (token === undefined || token === null || token === "") return undefined;
  return typeof token === "string" ? token : NO_TOKEN;
}
