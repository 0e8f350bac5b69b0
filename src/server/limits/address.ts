/*
 * What counts as one address for limits: an IPv4 address, or the /64 that one household or host has of IPv6. Whoever has a
 * whole site's /48 has 65,536 of those, so that is counted too, as the network.
 */

import { ipKeyGenerator } from "express-rate-limit";

const IPV6_PREFIX_BITS = 64;

export function addressKey(address: string | undefined): string {
  return address ? ipKeyGenerator(address, IPV6_PREFIX_BITS) : "unknown";
}

/** The /48 around an IPv6 address as `addressKey` gives it; undefined for all others. */
export function networkKey(address: string): string | undefined {
  if (!address.endsWith(`/${IPV6_PREFIX_BITS}`)) return undefined;
  // The groups before the zeros that end every /64; those left out are zero too.
  const [first, second, third] = address.slice(0, address.indexOf("::")).split(":");
  return `${first || 0}:${second ?? 0}:${third ?? 0}::/48`;
}
