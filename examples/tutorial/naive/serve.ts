/*
 * The naive version of steps 3 to 6 as a process of its own, to kill or to measure. If FILE is
 * given, the learner's server in it takes the place of the naive one.
 *
 *     tsx examples/tutorial/naive/serve.ts VALKEY_URL CELLS [FILE]     prints its port
 */

import { pathToFileURL } from "node:url";
import * as bitmap from "./bitmap.js";

const [, , valkeyUrl = "", cells = "0", file] = process.argv;
const { start }: Pick<typeof bitmap, "start"> = file ? await import(pathToFileURL(file).href) : bitmap;
const { url } = await start(valkeyUrl, Number(cells));
process.stdout.write(`port ${new URL(url).port}\n`);
