/*
 * A client in a process of its own, so that the writer's work does not delay it. Sends its parent
 * the time of each change that reaches it, by the machine's monotonic clock.
 *
 *     hostile-reader.ts URL BOARD
 */

import { sharedNow } from "../../../src/bench/probes.js";
import { watchBoard } from "../../../test/support/clients.js";

const [, , url = "", name = ""] = process.argv;
const { board } = await watchBoard(url, name);
board.on("change", () => process.send?.(sharedNow()));
process.on("disconnect", () => process.exit());
process.send?.("ready");
