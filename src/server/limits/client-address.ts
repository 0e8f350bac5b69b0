/*
 * The client's address. It is the connection's address or, behind a trusted proxy, the right-most
 * address in the header that is not a trusted proxy's. The client may have invented everything to
 * the left of it. The header of an untrusted peer is ignored.
 *
 *     X-Forwarded-For: 6.6.6.6, 203.0.113.9:5123, 10.0.0.2      from 10.0.0.1, trusted: 10.0.0.0/8
 *                      (claimed) └ the client's address
 *     Forwarded: for="[2001:db8::1]:4711";proto=https           the same in the form of RFC 7239
 *
 * A proxy writes one of the two headers and passes on the other, which may be forged. If both are
 * present and differ, the request counts as the proxy's own.
 *
 * Only this file imports proxy-addr. Express uses it for `request.ip`, without ports and Forwarded.
 */

import type { IncomingMessage } from "node:http";
import { isIP } from "node:net";
import proxyAddr from "proxy-addr";

/**
 * Whether to trust the proxy at `address`; `hop` counts from this server. Has Express's signature.
 */
export type Trust = (address: string, hop: number) => boolean;

export const trustNobody: Trust = () => false;

/** The `trust proxy` setting of an Express app. */
export function trustOf(app: { get(name: string): unknown }): Trust {
  const trust: unknown = app.get("trust proxy fn");
  return (address, hop) => typeof trust === "function" && Boolean(trust(address, hop));
}

/** Undefined if a proxy is not an address, CIDR range, `loopback`, `linklocal` or `uniquelocal`. */
export function trustIn(proxies: readonly string[]): Trust | undefined {
  try {
    return proxyAddr.compile(proxies);
  } catch {
    return undefined;
  }
}

export function clientAddress(request: IncomingMessage, trust: Trust): string | undefined {
  const peer = request.socket.remoteAddress;
  if (peer === undefined || !trust(peer, 0)) return peer;
  const { "x-forwarded-for": list, forwarded } = request.headers;
  const listed = list === undefined ? undefined : String(list).split(",");
  const claims = [
    listed?.filter((node) => node.trim() !== ""),
    forwarded === undefined ? undefined : nodesIn(forwarded),
  ];
  const addresses = claims.flatMap((nodes) => (nodes ? (named(request, nodes, trust) ?? peer) : []));
  const [address = peer] = addresses;
  return addresses.every((each) => each === address) ? address : peer;
}

/** The client's address according to the proxies' list; undefined if a proxy hides it. */
function named({ socket }: IncomingMessage, nodes: readonly string[], trust: Trust): string | undefined {
  // Each entry is a hop, so an unreadable one keeps its place.
  const list = nodes.map((node) => addressIn(node) ?? "unknown").join(", ");
  const address = proxyAddr({ socket, headers: { "x-forwarded-for": list } }, trust);
  return isIP(address) ? address : undefined;
}

/**
 * Reads `198.51.100.1`, `198.51.100.1:5123`, `2001:db8::1`, `[2001:db8::1]` and
 * `[2001:db8::1]:443`.
 */
function addressIn(node: string): string | undefined {
  const [, bracketed, plain] = /^(?:\[([^\]]*)\](?::[\w.-]*)?|([^\s:]+)(?::[\w.-]*)?)$/.exec(node.trim()) ?? [];
  return [node.trim(), bracketed, plain].find((text) => text !== undefined && isIP(text) !== 0);
}

/** Each blank can match in only one place, so that a run of blanks is scanned only once. */
const PAIR = /(?:([\w!#$%&'*+.^`|~-]+)=(?:"((?:[^"\\]|\\.)*)"|([^\s;,"]*)))?[ \t]*(?:([;,])[ \t]*|($))/y;

/** The `for` node of each element in a Forwarded header. A malformed element hides its node. */
function nodesIn(text: string): string[] {
  const header = text.trim();
  const nodes: string[] = [];
  let node: string | undefined;
  for (let at = 0; at <= header.length; at = PAIR.lastIndex) {
    PAIR.lastIndex = at;
    const [, name, quoted, token, separator, none] = PAIR.exec(header) ?? [];
    const end = separator ?? none;
    if (end === undefined) return ["unknown"];
    if (name !== undefined) node ??= "";
    if (name?.toLowerCase() === "for") node = quoted?.replace(/\\(.)/g, "$1") ?? token ?? "";
    if (end === ";") continue;
    // An empty element does not count, but an element without `for` is still a hop.
    if (node !== undefined) nodes.push(node);
    node = undefined;
    if (end === "") break;
  }
  return nodes;
}
