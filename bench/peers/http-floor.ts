/*
 * A floor: bare `node:http` that answers every request with so many bytes, as random as a
 * half-filled board's.
 *
 *     node dist/http-floor.js BYTES     prints its port
 */

import { randomBytes } from "node:crypto";
import { createServer } from "node:http";
import { serve } from "./serve.js";

const body = randomBytes(Number(process.argv[2] ?? 0));
serve(createServer((_, response) => response.end(body)));
