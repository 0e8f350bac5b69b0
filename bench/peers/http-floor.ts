/*
 * A floor: bare `node:http` that answers every request with so many bytes, as random as a half-filled board's.
 *
 *     tsx bench/peers/http-floor.ts BYTES     prints its port
 */

import { randomBytes } from "node:crypto";
import { createServer } from "node:http";

const body = randomBytes(Number(process.argv[2] ?? 0));
const http = createServer((_, response) => response.end(body));
http.listen(0, "127.0.0.1", () => {
  const address = http.address();
  if (typeof address === "object" && address !== null) process.stdout.write(`port ${address.port}\n`);
});
