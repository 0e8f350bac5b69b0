/*
 * The unit that limits count as one address: an IPv4 address, or the IPv6 /64 of a household or
 * host. A site with a /48 has 65,536 of those, so the /48 is counted as well, as the network.
 */

import { isIPv6 } from "node:net";

const IPV4_MAPPED = "0:0:0:0:0:ffff";

export function addressKey(address: string | undefined): string {
  if (!address || !isIPv6(address)) return address || "unknown";
  const groups = groupsOf(address);
  if (groups.slice(0, 6).join(":") === IPV4_MAPPED) {
    const [high = 0, low = 0] = groups.slice(6).map((group) => Number.parseInt(group, 16));
    return [high >> 8, high & 255, low >> 8, low & 255].join(".");
  }
  const prefix = groups.slice(0, 4).join(":");
  return `${prefix.replace(/(^|:)0(:0)*$/, "")}::/64`;
}

/** The /48 around an IPv6 address that `addressKey` returned; undefined for IPv4. */
export function networkKey(address: string): string | undefined {
  if (!address.endsWith("::/64")) return undefined;
  const [first, second, third] = address.slice(0, -"::/64".length).split(":");
  return `${first || "0"}:${second || "0"}:${third || "0"}::/48`;
}

/** The eight groups of an IPv6 address, without leading zeros. */
function groupsOf(address: string): string[] {
  // A URL normalises every notation. It does not support zones, so they are removed.
  const { hostname } = new URL(`http://[${address.replace(/%.*/, "")}]`);
  const [left = [], right = []] = hostname
    .slice(1, -1)
    .split("::")
    .map((side) => side.split(":").filter((group) => group !== ""));
  return [...left, ...Array<string>(8 - left.length - right.length).fill("0"), ...right];
}
