/*
 * Decides whether a request comes from an allowed page. Any site's page can open a WebSocket or
 * post a form without CORS, and browsers send cookies with it. Two headers that pages cannot set
 * themselves identify the page: `Origin`, and `Sec-Fetch-Site` for requests without an origin, such
 * as those of a script tag. Programs send neither.
 */

import type { IncomingMessage } from "node:http";

/** True for the server's own origin, for `origins` (see `parseOrigin`), and for programs. */
export function isFromOrigin({ headers }: IncomingMessage, origins: readonly string[]): boolean {
  const { origin, host } = headers;
  const site = headers["sec-fetch-site"];
  // Reliable even if a proxy changed the Host header.
  if (site === "same-origin") return true;
  if (origin === undefined) return site === undefined || site === "none";
  const url = URL.canParse(origin) ? new URL(origin) : undefined;
  if (!url || url.origin === "null") return false;
  return origins.includes(url.origin) || hostOf(`${url.protocol}//${host}`) === url.host;
}

/**
 * Normalises an origin as browsers do: lower case, punycode, no default port. Undefined if invalid.
 */
export function parseOrigin(text: string): string | undefined {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (!url || !["http:", "https:"].includes(url.protocol)) return undefined;
  const { username, password, pathname, search, hash, host } = url;
  const isOriginAlone = username + password + search + hash === "" && pathname === "/" && !/[*?#@]/.test(text);
  return isOriginAlone && !host.includes("*") ? url.origin : undefined;
}

function hostOf(url: string): string | undefined {
  return URL.canParse(url) ? new URL(url).host : undefined;
}
