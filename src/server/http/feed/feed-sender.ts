/*
 * GET /boards/:board/pages/:page/since/:position: the feed, for viewers without a socket.
 *
 *     200  what has changed, as a delta or a snapshot: a message of the lane
 *     204  nothing has changed for 25 s
 *     410  the store does not know the position: begin again with the page
 *
 * The position may have the page's number of cells behind it, as in the page's ETag. A page of
 * another size then counts as another page, so that no cache gives a viewer too few cells.
 */

import type { Request, RequestHandler } from "express";
import { cellsInPage } from "../../../board/geometry.js";
import { formatPosition, type Position, parsePosition } from "../../../board/position.js";
import { Refusal } from "../../../protocol/errors.js";
import type { Instance } from "../../instance/instance.js";
import type { HostedBoard } from "../../pages/pages.js";
import { addressOf, pageFor, wholeNumber } from "../requests/request-context.js";
import {
  type CacheRules,
  FOR_A_MINUTE,
  FOR_A_SECOND,
  FOR_A_SECOND_ONLY,
  isFromTrustedCache,
  setCaching,
} from "../requests/shared-caches.js";
import { Feeds } from "./feeds.js";
import { WaitingRequests } from "./waiting-requests.js";

/** Cost of an answer, in Admission's work units. The store may have to be asked for it. */
const ANSWER_WORK = 5;

const ASKED = /^(\d+\.[\w-]{8})(?:\.(\d+))?$/;

export function feedSender(instance: Instance, rules: CacheRules): RequestHandler {
  const feeds = new Feeds(instance);
  const waiting = new WaitingRequests(instance);
  return async (request, response) => {
    const { board, page } = pageFor(instance, request, response);
    const { position, cells } = askedIn(request, board, page);
    const address = addressOf(request);
    instance.admission.admitOwnWork(address, ANSWER_WORK);
    const counted = isFromTrustedCache(request, rules) ? undefined : address;
    const sendGone = (at?: Position) => {
      const refusal = new Refusal("UNKNOWN_POSITION");
      instance.metrics.refused(refusal.code);
      // After a restore, a whole crowd asks from the same lost position.
      setCaching(instance, response, board, rules, FOR_A_SECOND_ONLY);
      const now = at && `${formatPosition(at)}.${cellsInPage(board.size, page)}`;
      response.status(410).json({ error: refusal.toBody(), ...(now !== undefined && { position: now }) });
    };
    if (cells !== undefined && cells !== cellsInPage(board.size, page)) return sendGone();
    const asking = feeds.ask(board, page);
    const answer = await waiting.wait(response, counted, () => asking.since(position)).finally(asking.end);
    if (!answer) return;
    // The board may have been removed, and the visitor's token may have expired.
    pageFor(instance, request, response);
    switch (answer.kind) {
      case "unknown":
        sendGone(answer.position);
        return;
      case "closed":
        sendGone();
        return;
      case "nothing":
        setCaching(instance, response, board, rules, FOR_A_SECOND_ONLY);
        response.status(204).end();
        return;
      case "snapshot":
      case "delta": {
        // Every page begins at version 0, also that of a board that was removed and added again.
        const staysTrue = answer.kind === "delta" && position.version > 0;
        setCaching(instance, response, board, rules, staysTrue ? FOR_A_MINUTE : FOR_A_SECOND);
        response.set("Content-Length", String(answer.bytes.length)).type("application/octet-stream");
        response.end(answer.bytes);
      }
    }
  };
}

/**
 * Throws a Refusal unless the address is spelled as the library does, or without the cells. A cache
 * takes each other spelling for another address, and would pass on a request for each.
 */
function askedIn(
  request: Request,
  board: HostedBoard,
  page: number,
): { position: Position; cells: number | undefined } {
  const [, text = "", cells] = ASKED.exec(String(request.params.position)) ?? [];
  const position = parsePosition(text);
  if (!position) throw new Refusal("BAD_REQUEST", { detail: "a position is the text in a page's ETag" });
  const tail = cells === undefined ? "" : `.${Number(cells)}`;
  if (request.url !== `/boards/${board.name}/pages/${page}/since/${formatPosition(position)}${tail}`)
    throw new Refusal("BAD_REQUEST", { detail: "the address of a feed has lower-case words and no query" });
  return { position, cells: cells === undefined ? undefined : (wholeNumber(cells) ?? 0) };
}
