/* The package has no types of its own. These are the parts that client-address.ts uses. */

declare module "proxy-addr" {
  import type { IncomingMessage } from "node:http";

  /** Whether to trust the proxy at `address`; `hop` counts from this server. */
  type Trust = (address: string, hop: number) => boolean;

  /** The first untrusted address, counted from this server. */
  function proxyAddr(request: Pick<IncomingMessage, "socket" | "headers">, trust: Trust): string;

  namespace proxyAddr {
    /** Takes addresses, CIDR ranges, `loopback`, `linklocal` or `uniquelocal`. Throws TypeError. */
    function compile(addresses: readonly string[]): Trust;
  }

  export default proxyAddr;
}
