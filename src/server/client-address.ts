/*
 * Whose address a request comes from: the connection's, or, if that is a trusted proxy's, the right-most in
 * X-Forwarded-For that is no trusted proxy's. What stands left of it was written by whoever sent the request, and counts
 * for nothing; so does the whole header from a peer that is not trusted.
 *
 *     X-Forwarded-For: 6.6.6.6, 203.0.113.9, 10.0.0.2      connection: 10.0.0.1      trusted: 10.0.0.0/8
 *                      (claimed) └ the client's address
 *
 * The door to proxy-addr, which Express asks as well for `request.ip`.
 */

import type { IncomingMessage } from "node:http";
import { isIP } from "node:net";
import proxyAddr from "proxy-addr";

/** Whether the proxy at `address` is believed; `hop` counts from this server. As Express keeps it in `trust proxy fn`. */
export type Trust = (address: string, hop: number) => boolean;

export const trustNobody: Trust = () => false;

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
  if (peer === undefined) return undefined;
  const address = proxyAddr(request, trust);
  // A proxy that passes on something else than an address is counted as itself.
  return isIP(address) ? address : peer;
}
