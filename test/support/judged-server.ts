/*
 * A naive version of the tutorial as a process of its own, to be crashed.
 *
 *     tsx test/support/judged-server.ts CELLS     prints its port
 */

import { start as startIsland } from "../../examples/tutorial/naive/island.js";

const { url } = await startIsland("", Number(process.argv[2]));
process.stdout.write(`port ${new URL(url).port}\n`);
