/* What counts as one address for limits: an IPv4 address, or the /64 that one household or host has of IPv6. */

import { ipKeyGenerator } from "express-rate-limit";

const IPV6_PREFIX_BITS = 64;
const MAPPED_IPV4 = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i;

export function addressKey(address: string | undefined): string {
  if (!address) return "unknown";
  return ipKeyGenerator(MAPPED_IPV4.exec(address)?.[1] ?? address, IPV6_PREFIX_BITS);
}
