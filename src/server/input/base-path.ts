/*
 * An instance below a path of a site: `https://host/tools/board/` with BASE_PATH=/tools/board. The path is taken off each
 * request before Express and Socket.IO see it. A request without it is served as well, for a proxy that has taken it off
 * already, and for those that ask the instance itself, such as a balancer for /ready.
 *
 * The way back needs no path: every link of the page, and every redirect, is relative.
 */

import type { IncomingMessage } from "node:http";

/** `/tools/board`, without a slash at its end; empty for none. Undefined if it is no path. */
export function parseBasePath(text: string): string | undefined {
  const path = `/${text}`.replace(/^\/+/, "/").replace(/\/+$/, "");
  const isPlain = /^(?:\/[\w.~!$&'()*+,;=:@-]+)*$/.test(path) && !/\/\.{1,2}(?:\/|$)/.test(path);
  return isPlain ? path : undefined;
}

/** Below the base path, what is asked for there: `/boards?x` of `/tools/board/boards?x`. */
export function withoutBase(url: string, base: string): string {
  if (base === "" || !url.startsWith(base)) return url;
  const rest = url.slice(base.length);
  if (rest.startsWith("/")) return rest;
  return rest === "" || rest.startsWith("?") ? `/${rest}` : url;
}

/** Takes the base path off, once; Express reads the whole from `originalUrl`. */
export function takeOffBase(request: IncomingMessage, base: string): void {
  const { url = "" } = request;
  const rest = withoutBase(url, base);
  if (rest !== url && !("originalUrl" in request)) Object.assign(request, { originalUrl: url, url: rest });
}

/**
 * Where a page's relative links lead elsewhere for want of a slash at its end, or because of one: the address at which they
 * do not, relative too. Undefined if they are right.
 */
export function rightAddress(originalUrl: string, base: string): string | undefined {
  const [path = "", ...query] = originalUrl.split("?");
  const asked = query.length > 0 ? `?${query.join("?")}` : "";
  if (base !== "" && path === base) return `${base.slice(base.lastIndexOf("/") + 1)}/${asked}`;
  const [, page] = /\/(demo|cluster)\/+$/.exec(path) ?? [];
  return page === undefined ? undefined : `../${page}${asked}`;
}
