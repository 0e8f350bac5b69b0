/* Owners of claims: who a visitor is on a board with claims. */

import { SECRET_ID } from "../../protocol/secret-id.js";
import { ownerName } from "../../store/claims.js";
import type { Visitor } from "../access/access.js";
import { UNNAMED } from "../access/grant.js";

/** The id that a client keeps over reloads (`remember`). Undefined if it sent no valid one. */
export function visitorIdIn(auth: Readonly<Record<string, unknown>>): string | undefined {
  return typeof auth.visitor === "string" && SECRET_ID.test(auth.visitor) ? auth.visitor : undefined;
}

/**
 * The owner that a visitor is: the subject of the token or permit, otherwise the remembered id. A
 * visitor with neither is known by `fallback`: the connection's session, or the address of an HTTP
 * request.
 */
export function visitorOwner(visitor: Visitor, fallback: { readonly session: string } | { readonly address: string }) {
  const named = namedOwner(visitor);
  if (named !== undefined) return named;
  return "session" in fallback ? ownerName("session", fallback.session) : ownerName("address", fallback.address);
}

/** The owner that a visitor is on every connection. Undefined without a subject and an id. */
export function namedOwner({ grant, id }: Visitor): string | undefined {
  if (grant && grant.subject !== UNNAMED) return ownerName("subject", grant.subject);
  return id === undefined ? undefined : ownerName("visitor", id);
}

/** The owner of the cells that the app's own code checks without naming a subject. */
export const APP_OWNER = ownerName("app", "");
