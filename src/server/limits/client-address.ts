/*
 * Whose address a request comes from: the connection's, or, if that is a trusted proxy's, the right-most that the proxies
 * name and that is no trusted proxy's. What stands left of it was written by whoever sent the request, and counts for
 * nothing; so does the whole header from a peer that is not trusted.
 *
 *     X-Forwarded-For: 6.6.6.6, 203.0.113.9:5123, 10.0.0.2      connection: 10.0.0.1      trusted: 10.0.0.0/8
 *                      (claimed) └ the client's address
 *     Forwarded: for="[2001:db8::1]:4711";proto=https           says the same by RFC 7239
 *
 * A proxy writes one of the two headers and passes the other on, which may be a lie. Where both are there and they differ,
 * nobody can say which, and the request counts as the proxy's own.
 *
 * The door to proxy-addr, which Express asks as well for `request.ip`; that reads neither ports nor Forwarded.
 */

import type { IncomingMessage } from "node:http";
import { isIP } from "node:net";
import proxyAddr from "proxy-addr";

/** Whether the proxy at `address` is believed; `hop` counts from this server. As Express keeps it in `trust proxy fn`. */
export type Trust = (address: string, hop: number) => boolean;

export const trustNobody: Trust = () => false;

/** The setting `trust proxy` of an Express app. */
export function trustOf(app: { get(name: string): unknown }): Trust {
  const trust: unknown = app.get("trust proxy fn");
  return (address, hop) => typeof trust === "function" && Boolean(trust(address, hop));
}

/** Addresses, CIDR ranges, or `loopback`, `linklocal`, `uniquelocal`; undefined if one is none of these. */
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
  const claims = [
    ...(list === undefined
      ? []
      : [
          String(list)
            .split(",")
            .filter((node) => node.trim() !== ""),
        ]),
    ...(forwarded === undefined ? [] : [nodesIn(forwarded)]),
  ];
  const addresses = claims.map((nodes) => named(request, nodes, trust) ?? peer);
  const [address = peer] = addresses;
  return addresses.every((each) => each === address) ? address : peer;
}

/** What the proxies' list comes to; undefined if that is no address, as when a proxy hides it. */
function named({ socket }: IncomingMessage, nodes: readonly string[], trust: Trust): string | undefined {
  // A place in the list is a hop, so what cannot be read keeps its own.
  const list = nodes.map((node) => addressIn(node) ?? "unknown").join(", ");
  const address = proxyAddr({ socket, headers: { "x-forwarded-for": list } }, trust);
  return isIP(address) ? address : undefined;
}

/** `198.51.100.1`, `198.51.100.1:5123`, `2001:db8::1`, `[2001:db8::1]` and `[2001:db8::1]:443`. */
function addressIn(node: string): string | undefined {
  const [, bracketed, plain] = /^(?:\[([^\]]*)\](?::[\w.-]*)?|([^\s:]+)(?::[\w.-]*)?)$/.exec(node.trim()) ?? [];
  return [node.trim(), bracketed, plain].find((text) => text !== undefined && isIP(text) !== 0);
}

/** Each blank belongs to one place of it, so that a run of them is looked at once. */
const PAIR = /(?:([\w!#$%&'*+.^`|~-]+)=(?:"((?:[^"\\]|\\.)*)"|([^\s;,"]*)))?[ \t]*(?:([;,])[ \t]*|($))/y;

/** The node that each element of a Forwarded header names in `for`; one element that hides it if the header is malformed. */
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
    // An empty element is none; one that names nobody is a hop all the same.
    if (node !== undefined) nodes.push(node);
    node = undefined;
    if (end === "") break;
  }
  return nodes;
}
