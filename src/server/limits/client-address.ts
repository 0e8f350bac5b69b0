/*
 * The address of the client that sent a request. It is that of the connection or, if a trusted
 * proxy opened it, the right-most address in the proxies' list that is no trusted proxy. The client
 * may have written everything to the left of it, so that counts for nothing. Neither does a header
 * from an untrusted address.
 *
 *     X-Forwarded-For: 6.6.6.6, 203.0.113.9:5123, 10.0.0.2    from 10.0.0.1, trusted: 10.0.0.0/8
 *                      (claimed) └ the client's address
 *     Forwarded: for="[2001:db8::1]:4711";proto=https           says the same by RFC 7239
 *
 * A proxy writes one of the two headers and passes the other on, which may be a lie. If both are
 * present and differ, the request counts as the proxy's own.
 *
 * The door to proxy-addr. Express uses it for `request.ip` as well, but reads neither ports nor
 * Forwarded.
 */

import type { IncomingMessage } from "node:http";
import { isIP } from "node:net";
import proxyAddr from "proxy-addr";

/** Whether to believe the proxy at `address`; `hop` counts from this server. As Express has it. */
export type Trust = (address: string, hop: number) => boolean;

export const trustNobody: Trust = () => false;

/** Of addresses, CIDR ranges, `loopback`, `linklocal` or `uniquelocal`; undefined for others. */
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
  const claims: string[][] = [];
  if (list !== undefined)
    claims.push(
      String(list)
        .split(",")
        .filter((node) => node.trim() !== ""),
    );
  if (forwarded !== undefined) claims.push(nodesIn(forwarded));
  const addresses = claims.map((nodes) => named(request, nodes, trust) ?? peer);
  const [address = peer] = addresses;
  return addresses.every((each) => each === address) ? address : peer;
}

/** The address that the list leads to; undefined if it is none, as when a proxy hides it. */
function named({ socket }: IncomingMessage, nodes: readonly string[], trust: Trust): string | undefined {
  // Each entry of the list is a hop, so an unreadable one keeps its place.
  const list = nodes.map((node) => addressIn(node) ?? "unknown").join(", ");
  const address = proxyAddr({ socket, headers: { "x-forwarded-for": list } }, trust);
  return isIP(address) ? address : undefined;
}

/** `198.51.100.1`, `198.51.100.1:5123`, `2001:db8::1`, `[2001:db8::1]` and `[2001:db8::1]:443`. */
function addressIn(node: string): string | undefined {
  const [, bracketed, plain] = /^(?:\[([^\]]*)\](?::[\w.-]*)?|([^\s:]+)(?::[\w.-]*)?)$/.exec(node.trim()) ?? [];
  return [node.trim(), bracketed, plain].find((text) => text !== undefined && isIP(text) !== 0);
}

/** Each blank matches in one place only, so a run of blanks is scanned once. */
const PAIR = /(?:([\w!#$%&'*+.^`|~-]+)=(?:"((?:[^"\\]|\\.)*)"|([^\s;,"]*)))?[ \t]*(?:([;,])[ \t]*|($))/y;

/** The nodes that a Forwarded header names in `for`; one unknown node if it is malformed. */
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
    // An empty element does not count; an element without `for` is still a hop.
    if (node !== undefined) nodes.push(node);
    node = undefined;
    if (end === "") break;
  }
  return nodes;
}
