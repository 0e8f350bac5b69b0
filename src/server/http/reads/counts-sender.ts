/*
 * Sends the counts of all pages of a board, as an overview frame for handle 0. The feed of the
 * client library reads it in place of the overview over a socket.
 */

import type { RequestHandler } from "express";
import { pageCount } from "../../../board/geometry.js";
import { encodeOverview } from "../../../protocol/overview-codec.js";
import type { Instance } from "../../instance/instance.js";
import { refuseAway } from "../../pages/store-refusal.js";
import { addressOf, boardFor } from "../requests/request-context.js";
import { type CacheRules, FOR_A_SECOND, setCaching } from "../requests/shared-caches.js";

/** Counts that are read for one of Admission's work units. */
const COUNTS_PER_WORK = 100;

export function countsSender(instance: Instance, caching: CacheRules): RequestHandler {
  return async (request, response) => {
    const board = boardFor(instance, response, String(request.params.board), "view");
    const pages = pageCount(board.size);
    instance.admission.admitWork(addressOf(request), 1 + pages / COUNTS_PER_WORK);
    const tallies = await instance.store.overview.read(board.name).catch(refuseAway);
    const counts = new Uint32Array(pages);
    // The list may know pages that the board no longer has.
    for (const { page, checked } of tallies) if (page < pages) counts[page] = checked;
    setCaching(instance, response, board, caching, FOR_A_SECOND);
    response.type("application/octet-stream").send(Buffer.from(encodeOverview(0, counts)));
  };
}
