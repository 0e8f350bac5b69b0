/* Shared by all peers. Their packages are not installed for type checks, so they are untyped. */

import type { Server } from "node:http";
import { createRequire } from "node:module";

export const untyped = createRequire(import.meta.url);

/** Command line of a peer: VALKEY_URL CELLS, and more. */
export const [, , valkeyUrl = "", cells = "0", ...options] = process.argv;
/** Of a seat map: HOLD_MS DATABASE PORT. */
export const [holdMs, database = "", port] = [Number(options[0]), options[1], Number(options[2])] as const;
export const redisUrl = valkeyUrl.replace(/^valkey:/, "redis:");

/** SocketScaler as it is built. It stays where it is, so its path is not known to the compiler. */
export function ours(): Promise<typeof import("../../src/server/index.js")> {
  return import(new URL("../../../dist/server/index.js", import.meta.url).href);
}

export function serve(http: Server, port = 0): void {
  http.listen(port, "127.0.0.1", () => {
    const address = http.address();
    if (typeof address === "object" && address !== null) process.stdout.write(`port ${address.port}\n`);
  });
}
