/*
 * A floor: bare `node:http` that answers every request with BYTES bytes, as random as those of a
 * half-filled board.
 *
 *     node dist/http-floor.js BYTES     prints its port
 */

import { randomBytes } from "node:crypto";
import { createServer } from "node:http";
import { serve } from "./serve.js";

const body = randomBytes(Number(process.argv[2] ?? 0));
serve(createServer((_, response) => response.end(body)));
