/*
 * Serves an instance under a path of a site: `https://host/tools/board/` with
 * BASE_PATH=/tools/board. The path is removed from each request before Express and Socket.IO see
 * it. Requests without it are served too, because a proxy may have removed it and a balancer asks
 * the instance directly for /ready. In answers, every link and redirect is relative.
 */

import type { IncomingMessage } from "node:http";

/**
 * Returns a path like `/tools/board`, without a trailing slash, or an empty one. Undefined if
 * `text` is not a path.
 */
export function parseBasePath(text: string): string | undefined {
  const path = `/${text}`.replace(/^\/+/, "/").replace(/\/+$/, "");
  const isPlain = /^(?:\/[\w.~!$&'()*+,;=:@-]+)*$/.test(path) && !/\/\.{1,2}(?:\/|$)/.test(path);
  return isPlain ? path : undefined;
}

/** `/boards?x` for `/tools/board/boards?x`. A URL outside the base path is returned unchanged. */
export function withoutBase(url: string, base: string): string {
  if (base === "" || !url.startsWith(base)) return url;
  const rest = url.slice(base.length);
  if (rest.startsWith("/")) return rest;
  return rest === "" || rest.startsWith("?") ? `/${rest}` : url;
}

/** Removes the base path once. `originalUrl` still holds the whole URL for Express. */
export function takeOffBase(request: IncomingMessage, base: string): void {
  const { url = "" } = request;
  const rest = withoutBase(url, base);
  if (rest !== url && !("originalUrl" in request)) Object.assign(request, { originalUrl: url, url: rest });
}

/** Whether the request's path is exactly `path`. */
export function isAt({ url = "" }: IncomingMessage, path: string): boolean {
  return url === path || url.startsWith(`${path}?`);
}

/** A path that is not empty, or `off` as the empty path. Undefined if `text` is not a path. */
export function parseLanePath(text: string): string | undefined {
  if (text === "off") return "";
  return parseBasePath(text) || undefined;
}

/**
 * A missing or extra slash at the end of a document's address breaks its relative links. Returns
 * the correct address, as a relative URL, or undefined if the address is correct.
 */
export function rightAddress(originalUrl: string, base: string): string | undefined {
  const [path = "", ...query] = originalUrl.split("?");
  const asked = query.length > 0 ? `?${query.join("?")}` : "";
  if (base !== "" && path === base) return `${base.slice(base.lastIndexOf("/") + 1)}/${asked}`;
  const [, page] = /\/(demo|cluster)\/+$/.exec(path) ?? [];
  return page === undefined ? undefined : `../${page}${asked}`;
}
