/*
 * Whether a request comes from a page that may ask. Any site's page may open a WebSocket or post a form, with no word of
 * CORS, and browsers send cookies along. So the two headers are read that browsers write and pages cannot: `Origin`, and
 * `Sec-Fetch-Site` for the requests that carry no origin, such as those of a script tag. A program sends neither.
 */

import type { IncomingMessage } from "node:http";

/** From the server's own pages, from one of `origins` (as `parseOrigin` gives them), or from no page. */
export function isFromOrigin({ headers }: IncomingMessage, origins: readonly string[]): boolean {
  const { origin, host } = headers;
  const site = headers["sec-fetch-site"];
  // The browser's own word, which holds also if a proxy changed the host.
  if (site === "same-origin") return true;
  if (origin === undefined) return site === undefined || site === "none";
  const url = URL.canParse(origin) ? new URL(origin) : undefined;
  if (!url || url.origin === "null") return false;
  return origins.includes(url.origin) || hostOf(`${url.protocol}//${host}`) === url.host;
}

/** An origin as browsers write it: lower case, punycode, no default port. Undefined if no page can have it. */
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
