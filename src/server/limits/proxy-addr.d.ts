/* The package brings no types of its own; here is what client-address.ts uses. */

declare module "proxy-addr" {
  import type { IncomingMessage } from "node:http";

  /** Whether what the peer at `address` says of who it forwards for is believed; `hop` counts from this server. */
  type Trust = (address: string, hop: number) => boolean;

  /** The first address, from this server on, that is not trusted. */
  function proxyAddr(request: Pick<IncomingMessage, "socket" | "headers">, trust: Trust): string;

  namespace proxyAddr {
    /** Addresses, CIDR ranges, or `loopback`, `linklocal`, `uniquelocal`. Throws TypeError for what is none. */
    function compile(addresses: readonly string[]): Trust;
  }

  export default proxyAddr;
}
