/*
 * Sends a page's whole bitmap. The ETag is the page's position and its number of cells, so that
 * `If-None-Match` costs no body. The cells count because a board that grew has a longer last page
 * at the same position.
 */

import type { Request, RequestHandler } from "express";
import { cellsInPage } from "../../board/geometry.js";
import { formatPosition } from "../../board/position.js";
import type { Instance } from "../instance/instance.js";
import { CODINGS, PageBodies } from "./page-bodies.js";
import { addressOf, pageFor, visitorOf } from "./request-context.js";

/** In units of Admission. */
const PAGE_WORK = 10;

export function pageSender(instance: Instance): RequestHandler {
  const bodies = new PageBodies();
  return async (request, response) => {
    const { board, page } = pageFor(instance, request, response);
    const isFromStore = wantsOrigin(request);
    instance.admission.admitWork(addressOf(request), PAGE_WORK);
    const snapshot = await (isFromStore ? instance.readStored(board, page) : instance.readPage(board, page));
    // A body that was compressed earlier is a copy too.
    const accepted = isFromStore ? "identity" : request.acceptsEncodings([...CODINGS]);
    const coding = CODINGS.find((each) => each === accepted) ?? "identity";
    const cells = cellsInPage(board.size, page);
    // Compressed, it is the same page in another representation.
    const weak = coding === "identity" ? "" : "W/";
    response.set({
      ETag: `${weak}"${formatPosition(snapshot.position)}.${cells}"`,
      "Cache-Control": visitorOf(response).grant ? "private, no-cache" : "no-cache",
    });
    response.vary("Accept-Encoding");
    if (request.fresh) {
      response.status(304).end();
      return;
    }
    const body = await bodies.encode(board.name, snapshot, cells, coding);
    if (coding !== "identity") response.set("Content-Encoding", coding);
    response.type("application/octet-stream").send(body);
  };
}

/** Whether no copy will do (RFC 9111, 5.2.1.4). A replica is a copy; the store is the origin. */
function wantsOrigin(request: Request): boolean {
  return /(^|,)\s*no-cache\s*(,|$)/i.test(request.headers["cache-control"] ?? "");
}
