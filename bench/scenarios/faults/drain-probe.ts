/*
 * Clients in a process of their own, so that a crowd's work does not lengthen their gaps. Asked for
 * a `report`, it sends the longest gap of each.
 *
 *     drain-probe.ts COUNT URL…
 */

import { watchBoard } from "../../../test/support/clients.js";
import { watchGaps } from "./gaps.js";

const [, , count = "", ...urls] = process.argv;
const clients = await Promise.all(Array.from({ length: Number(count) }, () => watchBoard(urls)));
const gaps = clients.map(({ board }) => watchGaps(board));
process.on("message", () => process.send?.(gaps.map(({ longestMs }) => longestMs)));
process.on("disconnect", () => process.exit());
process.send?.("ready");
