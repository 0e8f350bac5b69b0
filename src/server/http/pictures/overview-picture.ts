/*
 * Sends coarse pictures of pages, for the app's overview. The ETag is made from the pages'
 * positions, so that `If-None-Match` can avoid a body.
 */

import { createHash } from "node:crypto";
import type { RequestHandler } from "express";
import { coarseQuery, parseRequest } from "../../input/requests.js";
import type { Instance } from "../../instance/instance.js";
import { checkPage } from "../../instance/instance.js";
import { CoarsePages } from "../../overview/coarse-pages.js";
import { refuseAway } from "../../pages/store-refusal.js";
import { InTurn } from "../requests/in-turn.js";
import { addressOf, boardFor } from "../requests/request-context.js";
import { type CacheRules, FOR_A_SECOND, setCaching } from "../requests/shared-caches.js";

/** Cost of a page whose picture is known, and of reading one, in Admission's work units. */
const KNOWN_WORK = 1;
const READ_WORK = 10;
const WAITING_MAX = 32;

export function overviewPicture(instance: Instance, caching: CacheRules): RequestHandler {
  const coarse = new CoarsePages({
    positions: async (board, pages) => {
      const heads = await instance.store.heads(pages.map((page) => ({ board: board.name, page }))).catch(refuseAway);
      return heads.map((head) => head?.position);
    },
    read: (board, page) => instance.readPage(board, page),
  });
  const turns = new InTurn(WAITING_MAX);
  return async (request, response) => {
    const board = boardFor(instance, response, String(request.params.board), "view");
    const { pages } = parseRequest(coarseQuery, request.query);
    for (const page of pages) checkPage(board, page);
    const address = addressOf(request);
    // In turn, so that each is judged by what the ones before it have cost.
    const { bytes, at } = await turns.run(async () => {
      instance.admission.admitWork(address, pages.length * KNOWN_WORK);
      const picture = await coarse.read(board, pages);
      instance.admission.chargeWork(address, picture.read * READ_WORK);
      return picture;
    });
    response.set("ETag", `"${createHash("sha256").update(at.join()).digest("base64url")}"`);
    setCaching(instance, response, board, caching, FOR_A_SECOND);
    if (request.fresh) response.status(304).end();
    else response.type("application/octet-stream").send(bytes);
  };
}
