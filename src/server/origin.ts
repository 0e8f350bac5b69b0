/*
 * Whether a request comes from a page that may ask. A WebSocket may be opened by any site's page, with no word of CORS: so
 * the origin that browsers tell is looked at. Whoever tells none is no page of another site.
 */

import type { IncomingMessage } from "node:http";

/** From the server's own pages, or from one of `origins`. */
export function isFromOrigin({ headers }: IncomingMessage, origins: readonly string[]): boolean {
  const { origin, host } = headers;
  if (origin === undefined || origins.includes(origin)) return true;
  return URL.canParse(origin) && new URL(origin).host === host;
}
