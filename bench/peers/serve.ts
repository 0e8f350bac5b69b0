/* Shared by all peers. Their packages are not installed for type checks, so they are untyped. */

import type { Server } from "node:http";
import { createRequire } from "node:module";

export const untyped = createRequire(import.meta.url);

/** Command line of a peer: VALKEY_URL CELLS, and more. */
export const [, , valkeyUrl = "", cells = "0", ...options] = process.argv;
export const redisUrl = valkeyUrl.replace(/^valkey:/, "redis:");

export function serve(http: Server): void {
  http.listen(0, "127.0.0.1", () => {
    const address = http.address();
    if (typeof address === "object" && address !== null) process.stdout.write(`port ${address.port}\n`);
  });
}
