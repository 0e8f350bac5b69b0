/*
 * Tells shared caches, such as nginx and CDNs, which answers they may keep. These are about boards
 * that everyone may view, and answer requests without a token. Others are for one visitor alone.
 *
 * Such an answer depends on nothing but its address and the accepted codings. It has no cookie, and
 * its headers are the same for every website. Some browsers use their own copy for five seconds
 * more. The library and the app ask past it (`cache: "no-cache"`), so it hides no change.
 */

import type { Request, Response } from "express";
import { ANYBODY } from "../../access/access.js";
import type { Instance } from "../../instance/instance.js";
import { clientAddress, type Trust, trustOf } from "../../limits/client-address.js";
import type { HostedBoard } from "../../pages/pages.js";
import { visitorOf } from "./request-context.js";

/** For what changes, such as pages. */
export const FOR_A_SECOND = "max-age=0, s-maxage=1, stale-while-revalidate=5";
/** For what is of no use once it is old. */
export const FOR_A_SECOND_ONLY = "max-age=0, s-maxage=1";
/** For what stays true. A removed board must disappear, and nobody should take an hour of steps. */
export const FOR_A_MINUTE = "max-age=0, s-maxage=60";

export interface CacheRules {
  /** The websites whose scripts may read public answers: `*`, one origin, or none. */
  readonly readers: string | undefined;
  /** The caches of TRUSTED_CACHES. */
  readonly trusted: Trust;
}

/** The same header must fit every website, so several listed origins count as none. */
export function readersOf(origins: readonly string[]): string | undefined {
  if (origins.includes("*")) return "*";
  return origins.length === 1 ? origins[0] : undefined;
}

/** Reads through a trusted cache stand for many viewers. Writes count as those of any address. */
export function isFromTrustedCache(request: Request, { trusted }: CacheRules): boolean {
  if (request.method !== "GET" && request.method !== "HEAD") return false;
  // A cache passes this on for one visitor.
  if (request.headers.authorization !== undefined) return false;
  const trust = trustOf(request.app);
  const address = clientAddress(request, trust) ?? "";
  // A proxy's own address stands for a client that hides.
  return trusted(address, 0) && !trust(address, 0);
}

/** Call it last, when all other headers are set. */
export function setCaching(
  instance: Instance,
  response: Response,
  board: HostedBoard,
  { readers }: CacheRules,
  freshness: string,
): void {
  // A hook may refuse visitors whom the rule of the board would let in.
  const isPublic = !instance.access.hasHook && instance.access.may(ANYBODY, board.name, "view");
  // A proxy in front, or the host app, may have let this visitor in by it.
  const isKnown = response.req.headers.authorization !== undefined;
  if (!isPublic || isKnown || visitorOf(response).grant || response.hasHeader("Set-Cookie")) {
    response.set("Cache-Control", "private, no-cache");
    return;
  }
  // The other visitors of a cache are not those who have this number of requests left.
  for (const name of ["RateLimit", "RateLimit-Policy"]) response.removeHeader(name);
  const vary = String(response.getHeader("Vary") ?? "").split(/\s*,\s*/);
  const others = vary.filter((name) => !/^(authorization)?$/i.test(name));
  if (others.length > 0) response.set("Vary", others.join(", "));
  else response.removeHeader("Vary");
  if (readers !== undefined && !response.hasHeader("Access-Control-Allow-Origin"))
    response.set({ "Access-Control-Allow-Origin": readers, "Access-Control-Expose-Headers": "ETag" });
  response.set("Cache-Control", `public, ${freshness}`);
  keepPrivateWithCookie(response);
}

/** A middleware of the host app may still add a cookie when the headers are written. */
function keepPrivateWithCookie(response: Response): void {
  for (const name of ["setHeader", "appendHeader"] as const) {
    const set = response[name].bind(response);
    response[name] = (header: string, value: string | number | readonly string[]) => {
      if (header.toLowerCase() === "set-cookie") response.set("Cache-Control", "private, no-cache");
      return set(header, value as string);
    };
  }
}
