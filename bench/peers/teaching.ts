/*
 * A peer: the teaching design, which the tutorial begins with. Express and Socket.IO, the state as
 * a JSON array under one key that is read, changed and written back, one PUBLISH per change on
 * `server:broker`, one event per change to every client.
 *
 *     node dist/teaching.js VALKEY_URL CELLS     prints its port
 */

import { start } from "../../examples/tutorial/naive/json-array.js";
import { cells, valkeyUrl } from "./serve.js";

const { url } = await start(valkeyUrl, Number(cells));
process.stdout.write(`port ${new URL(url).port}\n`);
