/* The package brings no types of its own; here is what client-address.ts uses. */

declare module "proxy-addr" {
  import type { IncomingMessage } from "node:http";

  /** Whether to believe the proxy at `address`; `hop` counts from this server. */
  type Trust = (address: string, hop: number) => boolean;

  /** The first address, from this server on, that is not trusted. */
  function proxyAddr(request: Pick<IncomingMessage, "socket" | "headers">, trust: Trust): string;

  namespace proxyAddr {
    /** Of addresses, CIDR ranges, `loopback`, `linklocal` or `uniquelocal`. Throws TypeError. */
    function compile(addresses: readonly string[]): Trust;
  }

  export default proxyAddr;
}
