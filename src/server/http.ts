/*
 * The door to Express: the board over HTTP, the health of the instance, and the page. Every error is answered from the
 * one table, as `{"error": {code, message}}`.
 */

import { randomBytes } from "node:crypto";
import express, { type ErrorRequestHandler, type Express, type Request, type Response, Router } from "express";
import { type Store as LimitStore, rateLimit } from "express-rate-limit";
import helmet from "helmet";
import { RedisStore } from "rate-limit-redis";
import { cellsInPage, PAGE_CELLS, pageCount } from "../board/geometry.js";
import { formatPosition } from "../board/position.js";
import { Refusal } from "../protocol/errors.js";
import { TEACHING_BOARD } from "../protocol/version.js";
import { durabilityOf, formatDurability } from "../store/durability.js";
import { historyMsOf } from "../store/history.js";
import { LIMIT_PREFIX } from "../store/keys.js";
import { addressKey } from "./address.js";
import type { Instance } from "./instance.js";
import { type SharedCommand, withScripts } from "./limit-scripts.js";
import { CODINGS, PageBodies } from "./page-bodies.js";
import { readHistory } from "./page-history.js";
import type { HostedBoard } from "./pages.js";
import { cellBody, historyQuery, parseRequest } from "./requests.js";
import { checkPage, commitChanges } from "./session.js";
import { readState } from "./teaching.js";

export interface HttpOptions {
  readonly requestsPerMinute: number;
  /** Runs a command on the Valkey that instances share, so that they count together; without it each counts alone. */
  readonly sharedCounter: SharedCommand | undefined;
  /** Speak the teaching protocol's GET /state. */
  readonly teaching: boolean;
}

export interface PageOptions {
  /** The folder of the built page. */
  readonly folder: string;
  /** The instances that /demo shows beside each other, as URLs; empty where it is to show this one alone. */
  readonly demoUrls: () => readonly string[];
}

const WINDOW_MS = 60_000;
const BODY_BYTES_MAX = 16_384;

/** The routes of an instance, to be mounted in any Express app. */
export function boardRoutes(instance: Instance, options: HttpOptions): Router {
  const router = Router();
  router.get("/health", (_, response) => void response.json({ ok: true, instance: instance.name }));
  router.get("/ready", (_, response) => {
    const ready = instance.store.available;
    response.status(ready ? 200 : 503).json(ready ? { ok: true } : { error: new Refusal("STORE_AWAY").toBody() });
  });
  router.get("/metrics", async (_, response) => {
    response.type(instance.metrics.registry.contentType).send(await instance.metrics.text());
  });

  router.use(["/state", "/boards"], limiter(instance, options));
  if (options.teaching) {
    router.get("/state", async (_, response) => {
      response.json({ state: await readState(instance, boardNamed(instance, TEACHING_BOARD)) });
    });
  }
  router.get("/boards", (_, response) => {
    response.json({ boards: Array.from(instance.boards.values(), (board) => describeBoard(instance, board)) });
  });
  router.get("/boards/:board", (request, response) => {
    response.json(describeBoard(instance, boardNamed(instance, request.params.board)));
  });
  const bodies = new PageBodies();
  router.get("/boards/:board/pages/:page", (request, response) => sendPage(instance, bodies, request, response));
  router.get("/boards/:board/pages/:page/history", async (request, response) => {
    const { board, page } = pageNamed(instance, request);
    const { from, to } = parseRequest(historyQuery, request.query);
    response.set("Cache-Control", "no-store").json(await readHistory(instance, board, page, from, to));
  });
  router.put(
    "/boards/:board/cells/:index",
    express.json({ limit: BODY_BYTES_MAX, strict: false }),
    async (request, response) => {
      const board = boardNamed(instance, request.params.board);
      const cell = wholeNumber(request.params.index);
      if (cell === undefined || cell >= board.size) throw new Refusal("CELL_OUT_OF_RANGE");
      const { value } = parseRequest(cellBody, request.body);
      const session = randomBytes(16).toString("base64url");
      instance.admission.admitWrite(addressKey(request.ip), undefined, 1);
      const at = await commitChanges(instance, board, session, 1, [[cell, value ? 1 : 0]]);
      response.json({ ok: true, cell, value: Boolean(value), at });
    },
  );
  router.use("/boards", refuseUnknown);
  router.use(refuse(instance));
  return router;
}

/** An app of its own for `socketscaler serve`: the routes and the page. */
export function createApp(instance: Instance, options: HttpOptions, page: PageOptions): Express {
  const app = express();
  app.disable("x-powered-by");
  // Panes are other ports of this machine: those of the demo, or, for instances started one by one, whichever ?ports= names.
  const frames = () => {
    const urls = page.demoUrls();
    return (urls.length > 0 ? urls.flatMap(anyHost) : ["http://localhost:*", "http://127.0.0.1:*"]).join(" ");
  };
  app.use(secure(frames));
  app.use(boardRoutes(instance, options));
  app.get("/demo/instances", (_, response) => void response.json({ urls: page.demoUrls() }));
  app.get("/demo", (_, response) => response.sendFile("demo.html", { root: page.folder }));
  app.use(express.static(page.folder, { setHeaders: cacheHashed }));
  app.use(refuseUnknown);
  app.use(refuse(instance));
  return app;
}

function describeBoard(instance: Instance, board: HostedBoard) {
  return {
    name: board.name,
    size: board.size,
    pages: pageCount(board.size),
    pageCells: PAGE_CELLS,
    instance: instance.name,
    engine: instance.store.engine,
    durability: formatDurability(durabilityOf(instance.durabilities, board.name)),
    historyMs: historyMsOf(instance.history, board.name),
  };
}

/** The page's whole bitmap; its position is the ETag, so that `If-None-Match` costs no body. */
async function sendPage(instance: Instance, bodies: PageBodies, request: Request, response: Response): Promise<void> {
  const { board, page } = pageNamed(instance, request);
  const snapshot = await instance.readPage(board, page);
  const accepted = request.acceptsEncodings([...CODINGS]);
  const coding = CODINGS.find((each) => each === accepted) ?? "identity";
  // The same position in other bytes: the same page, but not the same representation.
  const weak = coding === "identity" ? "" : "W/";
  response.set({ ETag: `${weak}"${formatPosition(snapshot.position)}"`, "Cache-Control": "no-cache" });
  response.vary("Accept-Encoding");
  if (request.fresh) {
    response.status(304).end();
    return;
  }
  const body = await bodies.encode(board.name, snapshot, cellsInPage(board.size, page), coding);
  if (coding !== "identity") response.set("Content-Encoding", coding);
  response.type("application/octet-stream").send(body);
}

function pageNamed(instance: Instance, request: Request): { board: HostedBoard; page: number } {
  const board = boardNamed(instance, String(request.params.board));
  const page = wholeNumber(String(request.params.page));
  if (page === undefined) throw new Refusal("PAGE_OUT_OF_RANGE");
  checkPage(board, page);
  return { board, page };
}

function boardNamed(instance: Instance, name: string): HostedBoard {
  const board = instance.boards.get(name);
  if (!board) throw new Refusal("UNKNOWN_BOARD");
  return board;
}

function wholeNumber(text: string): number | undefined {
  return /^(0|[1-9]\d{0,15})$/.test(text) ? Number(text) : undefined;
}

function limiter(instance: Instance, options: HttpOptions) {
  const sharedCounter = options.sharedCounter && withScripts(options.sharedCounter);
  const store: LimitStore | undefined =
    sharedCounter &&
    new RedisStore({
      prefix: LIMIT_PREFIX,
      // The library types replies as Redis types; what comes is what Valkey sent.
      sendCommandCluster: async ({ key, command: [name = "", ...args] }) =>
        toReply(await sharedCounter(key ?? LIMIT_PREFIX, name, ...args)),
    });
  return rateLimit({
    windowMs: WINDOW_MS,
    limit: options.requestsPerMinute,
    ...(store ? { store } : {}),
    // While the store is away, reads go on uncounted.
    passOnStoreError: true,
    standardHeaders: "draft-7",
    legacyHeaders: false,
    keyGenerator: (request) => addressKey(request.ip),
    // The library looks for its helper in the generator's text; addressKey calls it.
    validate: { keyGeneratorIpFallback: false },
    handler: (request, response) => {
      sendRefusal(instance, response, new Refusal("RATE_LIMITED", { retryAfterMs: windowLeftMs(request) }));
    },
  });
}

/** Until the address's window ends, as the limiter notes it on the request. */
function windowLeftMs(request: object): number {
  const noted: unknown = "rateLimit" in request ? request.rateLimit : undefined;
  const reset = typeof noted === "object" && noted !== null && "resetTime" in noted ? noted.resetTime : undefined;
  return reset instanceof Date ? Math.max(1, reset.getTime() - Date.now()) : WINDOW_MS;
}

type Reply = boolean | number | string | (boolean | number | string)[];

function toReply(reply: unknown): Reply {
  if (Array.isArray(reply)) return reply.map((item) => (typeof item === "number" ? item : String(item)));
  return typeof reply === "number" || typeof reply === "boolean" ? reply : String(reply);
}

/** `frames` names, separated by spaces, where panes come from; it is asked for each answer. */
function secure(frames: () => string) {
  return helmet({
    contentSecurityPolicy: {
      directives: {
        "connect-src": ["'self'", "http:", "https:", "ws:", "wss:"],
        "frame-src": ["'self'", frames],
        "frame-ancestors": ["'self'", frames],
        // The page is served over plain HTTP on many a machine; whoever terminates TLS sets this.
        "upgrade-insecure-requests": null,
      },
    },
    strictTransportSecurity: false,
  });
}

/** The demo's panes are reached under whatever name this machine has for the visitor. */
function anyHost(url: string): string[] {
  const { protocol, port } = new URL(url);
  return [`${protocol}//*:${port}`, `${protocol}//localhost:${port}`, `${protocol}//127.0.0.1:${port}`];
}

function cacheHashed(response: Response, path: string): void {
  const isHashed = /[/\\]assets[/\\]/.test(path);
  response.set("Cache-Control", isHashed ? "public, max-age=31536000, immutable" : "no-cache");
}

function refuseUnknown(): never {
  throw new Refusal("NOT_FOUND");
}

function refuse(instance: Instance): ErrorRequestHandler {
  return (error: unknown, _request, response, next) => {
    if (response.headersSent) return next(error);
    sendRefusal(instance, response, asRefusal(instance, error));
  };
}

function asRefusal(instance: Instance, error: unknown): Refusal {
  if (error instanceof Refusal) return error;
  // Express and its parsers mark the peer's faults with a status.
  const status = error instanceof Error && "status" in error ? Number(error.status) : 500;
  if (status === 413) return new Refusal("PAYLOAD_TOO_LARGE");
  if (status === 404) return new Refusal("NOT_FOUND");
  if (status >= 400 && status < 500) return new Refusal("BAD_REQUEST");
  instance.log.error({ err: error }, "a request failed");
  return new Refusal("INTERNAL");
}

function sendRefusal(instance: Instance, response: Response, refusal: Refusal): void {
  instance.metrics.refused(refusal.code);
  if (refusal.retryAfterMs !== undefined) response.set("Retry-After", String(Math.ceil(refusal.retryAfterMs / 1000)));
  response.status(refusal.rule.http).json({ error: refusal.toBody() });
}
