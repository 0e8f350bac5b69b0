/*
 * The naive version of steps 3 to 6 as a process of its own, to kill or to measure.
 *
 *     tsx examples/tutorial/naive/serve.ts VALKEY_URL CELLS     prints its port
 */

import { startBitmap } from "./bitmap.js";

const [, , valkeyUrl = "", cells = "0"] = process.argv;
const { url } = await startBitmap(valkeyUrl, Number(cells));
process.stdout.write(`port ${new URL(url).port}\n`);
