/* Boards over HTTP: descriptions, pages, their history, writes of one cell, and admin actions. */

import { randomBytes } from "node:crypto";
import express, { type Request, type Response, Router } from "express";
import { PAGE_CELLS, pageCount } from "../../board/geometry.js";
import { Refusal } from "../../protocol/errors.js";
import { ofBoard } from "../../store/by-board.js";
import { formatRule } from "../../store/claims.js";
import { formatDurability } from "../../store/durability.js";
import { type Actor, ADMIN_ACTIONS, administer, audited, frozenRegions } from "../admin/admin.js";
import { deleteBoard, putBoard } from "../admin/board-admin.js";
import { actOnClaims, type ClaimAction, listClaims, ownerOf } from "../claims/board-claims.js";
import { visitorOwner } from "../claims/owners.js";
import {
  activityQuery,
  boardBody,
  cellBody,
  claimBody,
  historyQuery,
  parseRequest,
  regionBody,
} from "../input/requests.js";
import { checkPage, type Instance } from "../instance/instance.js";
import type { HostedBoard } from "../pages/pages.js";
import { committed } from "../writes/commit-changes.js";
import { feedSender } from "./feed/feed-sender.js";
import { overviewPicture } from "./pictures/overview-picture.js";
import { previewSender } from "./pictures/preview.js";
import { countsSender } from "./reads/counts-sender.js";
import { HistoryReads, requireHistory } from "./reads/page-history.js";
import { pageSender } from "./reads/page-sender.js";
import { addressOf, boardFor, pageFor, visitorOf, wholeNumber } from "./requests/request-context.js";
import { type CacheRules, FOR_A_SECOND, setCaching } from "./requests/shared-caches.js";

const BODY_BYTES_MAX = 16_384;
/** For as many cells as one write may have. */
const CLAIMS_BYTES_MAX = 65_536;
/** Base cost of reading history, in Admission's work units. Each KiB costs one more unit. */
const HISTORY_WORK = 20;
/** Cost of one page's activity, which is up to 50 short reads. */
const ACTIVITY_WORK = 40;
const KIB = 1_024;

export function boardsRouter(instance: Instance, caching: CacheRules): Router {
  const router = Router();
  router.get("/boards", (_, response) => {
    const visitor = visitorOf(response);
    const seen = Array.from(instance.boards.values()).filter(({ name }) => instance.access.may(visitor, name, "view"));
    response.json({ boards: seen.map((board) => describeBoard(instance, board)) });
  });
  router.get("/boards/:board", (request, response) => {
    const board = boardFor(instance, response, request.params.board, "view");
    setCaching(instance, response, board, caching, FOR_A_SECOND);
    response.json(describeBoard(instance, board));
  });
  router.put("/boards/:board", express.json({ limit: BODY_BYTES_MAX }), async (request, response) => {
    const { board: name } = request.params;
    const { size, claims } = parseRequest(boardBody, request.body ?? {});
    response.locals.isAudited = true;
    await putBoard(instance, String(name), size, { claims }, actorOf(request, response));
    response.json(describeBoard(instance, boardFor(instance, response, String(name), "admin")));
  });
  router.delete("/boards/:board", async (request, response) => {
    response.locals.isAudited = true;
    await deleteBoard(instance, String(request.params.board), actorOf(request, response));
    response.json({ ok: true });
  });
  router.get("/boards/:board/pages/:page", pageSender(instance, caching));
  router.get("/boards/:board/pages/:page/since/:position", feedSender(instance, caching));
  router.get("/boards/:board/preview.png", previewSender(instance));
  router.get("/boards/:board/overview", overviewPicture(instance, caching));
  router.get("/boards/:board/counts", countsSender(instance, caching));
  const histories = new HistoryReads(instance);
  router.get("/boards/:board/pages/:page/history", async (request, response) => {
    const { board, page } = pageFor(instance, request, response);
    const { from, to } = parseRequest(historyQuery, request.query);
    requireHistory(instance, board);
    instance.admission.admitWork(addressOf(request), HISTORY_WORK);
    const body = JSON.stringify(await histories.read(board, page, from, to));
    instance.admission.chargeWork(addressOf(request), body.length / KIB);
    response.set("Cache-Control", "no-store").type("json").send(body);
  });
  router.get("/boards/:board/history", async (request, response) => {
    const board = boardFor(instance, response, request.params.board, "view");
    const { from, to, pages } = parseRequest(activityQuery, request.query);
    for (const page of pages) checkPage(board, page);
    requireHistory(instance, board);
    instance.admission.admitWork(addressOf(request), pages.length * ACTIVITY_WORK);
    response.set("Cache-Control", "no-store").json(await histories.activity(board, pages, from, to));
  });
  const setsCell = express.json({ limit: BODY_BYTES_MAX, strict: false });
  router.put("/boards/:board/cells/:index", setsCell, async (request, response) => {
    const board = boardFor(instance, response, request.params.board, "write");
    const cell = wholeNumber(request.params.index);
    if (cell === undefined || cell >= board.size)
      throw new Refusal("CELL_OUT_OF_RANGE", cell === undefined ? {} : { cells: [cell] });
    const { value } = parseRequest(cellBody, request.body);
    const session = randomBytes(16).toString("base64url");
    instance.admission.admitWrite(addressOf(request), undefined, 1);
    const changes = [[cell, value ? 1 : 0]] as const;
    await instance.access.requireConsent(visitorOf(response), board.name, changes);
    const owner = board.claims && visitorOwner(visitorOf(response), { address: addressOf(request) });
    const at = await committed(instance.writer, { board: board.name, session, seq: 1, changes, owner });
    response.json({ ok: true, cell, value: Boolean(value), at });
  });
  // For admins only, because it asks the store about each page of the board, up to 65,536.
  router.get("/boards/:board/frozen", async (request, response) => {
    const board = boardFor(instance, response, request.params.board, "admin");
    response.json(await frozenRegions(instance, board));
  });
  router.get("/boards/:board/claims", async (request, response) => {
    const board = boardFor(instance, response, request.params.board, "admin");
    const claims = await listClaims(instance, board, { start: 0, end: board.size });
    response.json({ claims: claims.map((claim) => ({ ...claim, endMs: claim.endMs ?? null })) });
  });
  router.post("/boards/:board/claims", express.json({ limit: CLAIMS_BYTES_MAX }), async (request, response) => {
    const board = instance.boards.get(String(request.params.board));
    if (!board) throw new Refusal("UNKNOWN_BOARD");
    const body = parseRequest(claimBody, request.body ?? {});
    const { action, cells, subject, visitor } = body;
    const act: ClaimAction = body.action === "extend" ? { kind: "extend", ms: body.ms } : { kind: body.action };
    const owner = ownerOf({ ...(subject !== undefined && { subject }), ...(visitor !== undefined && { visitor }) });
    response.locals.isAudited = true;
    const line = { audit: action, board: board.name, cells: cells.length, subject };
    await audited(instance, line, actorOf(request, response), async (begin) => {
      begin();
      await actOnClaims(instance, board, cells, act, owner);
      return {};
    });
    response.json({ ok: true });
  });
  for (const action of ADMIN_ACTIONS) {
    router.post(`/boards/:board/${action}`, express.json({ limit: BODY_BYTES_MAX }), async (request, response) => {
      const board = instance.boards.get(request.params.board ?? "");
      if (!board) throw new Refusal("UNKNOWN_BOARD");
      const { start = 0, end = board.size } = parseRequest(regionBody, request.body ?? {});
      response.locals.isAudited = true;
      const by = actorOf(request, response);
      response.json({ ok: true, ...(await administer(instance, board, action, { start, end }, by)) });
    });
  }
  return router;
}

function actorOf(request: Request, response: Response): Actor {
  return { visitor: visitorOf(response), address: addressOf(request) };
}

function describeBoard(instance: Instance, board: HostedBoard) {
  return {
    name: board.name,
    size: board.size,
    pages: pageCount(board.size),
    pageCells: PAGE_CELLS,
    instance: instance.name,
    engine: instance.store.engine,
    access: instance.access.ruleOf(board.name),
    durability: formatDurability(ofBoard(instance.durabilities, board.name)),
    historyMs: ofBoard(instance.history, board.name),
    ...(board.claims && { claims: formatRule(board.claims) }),
  };
}
