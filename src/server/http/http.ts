/*
 * The door to Express: the board over HTTP, the health of the instance, and the page. Every error is answered from the
 * one table, as `{"error": {code, message}}`.
 */

import { randomBytes } from "node:crypto";
import express, {
  type ErrorRequestHandler,
  type Express,
  type Request,
  type RequestHandler,
  type Response,
  Router,
} from "express";
import { type Options as LimitOptions, MemoryStore, rateLimit } from "express-rate-limit";
import helmet from "helmet";
import { RedisStore } from "rate-limit-redis";
import { cellsInPage, PAGE_CELLS, pageCount } from "../../board/geometry.js";
import { formatPosition } from "../../board/position.js";
import { Refusal } from "../../protocol/errors.js";
import { TEACHING_BOARD } from "../../protocol/version.js";
import { ofBoard } from "../../store/by-board.js";
import { formatDurability } from "../../store/durability.js";
import { ANYBODY, type Visitor } from "../access/access.js";
import { callerOf } from "../access/authorise.js";
import type { Right } from "../access/grant.js";
import { type HttpGate, refuseChunked } from "../connections/gate.js";
import type { ClusterState } from "../fleet/cluster-report.js";
import { rightAddress } from "../input/base-path.js";
import { cellBody, historyQuery, parseRequest, regionBody } from "../input/requests.js";
import { checkPage, type Instance } from "../instance/instance.js";
import { addressKey } from "../limits/address.js";
import { clientAddress, type Trust } from "../limits/client-address.js";
import { type SharedCommand, withScripts } from "../limits/limit-scripts.js";
import { SharedLimits } from "../limits/shared-limits.js";
import type { HostedBoard } from "../pages/pages.js";
import { readState } from "../sockets/teaching/teaching.js";
import { commitChanges } from "../writes/commit-changes.js";
import { ADMIN_ACTIONS, administer, frozenRegions } from "./admin.js";
import { CODINGS, PageBodies } from "./page-bodies.js";
import { HistoryReads } from "./page-history.js";

export interface HttpOptions {
  readonly requestsPerMinute: number;
  /** Runs a command on the Valkey that instances share, so that they count together; without it each counts alone. */
  readonly sharedCounter: SharedCommand | undefined;
  /** What stands before the key of a shared counter. */
  readonly limitPrefix: string;
  /** Speak the teaching protocol's GET /state. */
  readonly teaching: boolean;
  /** Tell here what only operators need to know; else `createOperatorApp` does, elsewhere. */
  readonly forOperators: boolean;
  /** What every request passes first. */
  readonly gate: HttpGate;
  /** The folder of the built page, where /cluster is to be one for people too. */
  readonly pageFolder?: string;
}

/** What is ours in the app of someone else, where `/state` may be that app's own. */
function routesIn(teaching: boolean): string[] {
  return ["/health", "/ready", "/metrics", "/cluster", "/boards", ...(teaching ? ["/state"] : [])];
}

/** In units of Admission: gathering all numbers takes some milliseconds. */
const METRICS_WORK = 50;
const PAGE_WORK = 10;
const HISTORY_WORK = 20;
const KIB = 1_024;
const STATE_CELLS_PER_WORK = 500;

/** What only operators need to know. */
export interface OperatorView {
  readonly cluster: () => ClusterState;
  /** As Prometheus reads it. */
  readonly metrics: () => Promise<string>;
}

export interface AppOptions extends HttpOptions {
  /** Which proxies are believed. */
  readonly trust: Trust;
}

/** What an app believes of proxies: its own setting `trust proxy`. */
export function trustOf(app: { get(name: string): unknown }): Trust {
  const trust: unknown = app.get("trust proxy fn");
  return (address, hop) => typeof trust === "function" && Boolean(trust(address, hop));
}

export interface PageOptions {
  /** The folder of the built page. */
  readonly folder: string;
  /** The instances that /demo shows beside each other, as URLs; empty where it is to show this one alone. */
  readonly demoUrls: () => readonly string[];
  /** As in `Config`. */
  readonly basePath: string;
}

const WINDOW_MS = 60_000;
const HTTP_WAIT_MS_MAX = 2_000;
const BODY_BYTES_MAX = 16_384;

/** The routes of an instance, to be mounted in any Express app. */
export function boardRoutes(instance: Instance, view: OperatorView, options: HttpOptions): Router {
  const router = Router();
  // The app of `serve` is ours as a whole, and every request has passed the gate already.
  const ours = options.pageFolder ? "/" : routesIn(options.teaching);
  if (!options.pageFolder) router.use(ours, options.gate.pass, refuseChunked);
  router.use(routesIn(options.teaching), (_, response, next) => {
    response.set("X-Content-Type-Options", "nosniff");
    next();
  });
  // Of their own account: a balancer asks them in everybody's name, and others behind its address must not delay that.
  router.use(["/health", "/ready"], limitAll(instance, "probes of "));
  router.get("/health", (_, response) => void response.json({ ok: true, instance: instance.name }));
  router.get("/ready", (_, response) => {
    const refusal = unready(instance);
    response.status(refusal ? 503 : 200).json(refusal ? { error: refusal.toBody() } : { ok: true });
  });
  router.use(ours, limitAll(instance));
  if (options.forOperators) router.use(operatorRoutes(instance, view, options.pageFolder, true));

  const guarded = options.teaching ? ["/state", "/boards"] : ["/boards"];
  router.use(guarded, limiter(instance, options), identify(instance));
  if (options.teaching) {
    router.get("/state", async (request, response) => {
      const board = boardFor(instance, response, TEACHING_BOARD, "view");
      instance.admission.admitWork(addressOf(request), board.size / STATE_CELLS_PER_WORK);
      response.json({ state: await readState(instance, board) });
    });
  }
  router.get("/boards", (_, response) => {
    const visitor = visitorOf(response);
    const seen = Array.from(instance.boards.values()).filter(({ name }) => instance.access.may(visitor, name, "view"));
    response.json({ boards: seen.map((board) => describeBoard(instance, board)) });
  });
  router.get("/boards/:board", (request, response) => {
    response.json(describeBoard(instance, boardFor(instance, response, request.params.board, "view")));
  });
  const bodies = new PageBodies();
  router.get("/boards/:board/pages/:page", (request, response) => sendPage(instance, bodies, request, response));
  const histories = new HistoryReads(instance);
  router.get("/boards/:board/pages/:page/history", async (request, response) => {
    const { board, page } = pageFor(instance, request, response);
    const { from, to } = parseRequest(historyQuery, request.query);
    histories.require(board);
    instance.admission.admitWork(addressOf(request), HISTORY_WORK);
    const body = JSON.stringify(await histories.read(board, page, from, to));
    instance.admission.chargeWork(addressOf(request), body.length / KIB);
    response.set("Cache-Control", "no-store").type("json").send(body);
  });
  router.put(
    "/boards/:board/cells/:index",
    express.json({ limit: BODY_BYTES_MAX, strict: false }),
    async (request, response) => {
      const board = boardFor(instance, response, request.params.board, "write");
      const cell = wholeNumber(request.params.index);
      if (cell === undefined || cell >= board.size)
        throw new Refusal("CELL_OUT_OF_RANGE", cell === undefined ? {} : { cells: [cell] });
      const { value } = parseRequest(cellBody, request.body);
      const session = randomBytes(16).toString("base64url");
      instance.admission.admitWrite(addressOf(request), undefined, 1);
      const changes = [[cell, value ? 1 : 0]] as const;
      await instance.access.requireConsent(visitorOf(response), board.name, changes);
      const at = await commitChanges(instance.writer, board.name, session, 1, changes);
      response.json({ ok: true, cell, value: Boolean(value), at });
    },
  );
  // It costs the store a question for each page, of which a board may have 65,536.
  router.get("/boards/:board/frozen", async (request, response) => {
    response.json({
      frozen: await frozenRegions(instance, boardFor(instance, response, request.params.board, "admin")),
    });
  });
  for (const action of ADMIN_ACTIONS) {
    router.post(`/boards/:board/${action}`, express.json({ limit: BODY_BYTES_MAX }), async (request, response) => {
      const board = instance.boards.get(request.params.board ?? "");
      if (!board) throw new Refusal("UNKNOWN_BOARD");
      const { start = 0, end = board.size } = parseRequest(regionBody, request.body ?? {});
      const by = { visitor: visitorOf(response), address: addressOf(request) };
      response.locals.isAudited = true;
      response.json({ ok: true, ...(await administer(instance, board, action, { start, end }, by)) });
    });
  }
  router.use("/boards", refuseUnknown);
  router.use(refuse(instance));
  return router;
}

function operatorRoutes(
  instance: Instance,
  view: OperatorView,
  pageFolder: string | undefined,
  isPublic: boolean,
): Router {
  const router = Router();
  router.get("/metrics", async (request, response) => {
    if (isPublic) instance.admission.admitWork(addressOf(request), METRICS_WORK);
    response.type(instance.metrics.registry.contentType).send(await view.metrics());
  });
  router.get("/cluster", (request, response) => {
    response.vary("Accept").set("Cache-Control", "no-store");
    // Programs that take anything get the data; browsers ask for a document first.
    const wantsPage = pageFolder !== undefined && request.accepts(["json", "html"]) === "html";
    if (wantsPage) response.sendFile("cluster.html", { root: pageFolder, cacheControl: false });
    else response.json(view.cluster());
  });
  return router;
}

/** What operators need to know, for a port of its own. */
export function createOperatorApp(instance: Instance, view: OperatorView, gate: HttpGate, pageFolder: string): Express {
  const app = express();
  app.disable("x-powered-by");
  app.use(gate.pass, refuseChunked, limitAll(instance));
  app.use(secure(() => ""));
  app.use(redirectBrowsers(""));
  app.use(operatorRoutes(instance, view, pageFolder, false));
  app.use(express.static(pageFolder, { index: false, setHeaders: cacheHashed }));
  app.use(refuseUnknown);
  app.use(refuse(instance));
  return app;
}

/** An app of its own for `socketscaler serve`: the routes and the page. */
export function createApp(instance: Instance, view: OperatorView, options: AppOptions, page: PageOptions): Express {
  const app = express();
  app.set("trust proxy", options.trust);
  app.disable("x-powered-by");
  // Panes are other ports of this machine: those of the demo, or, for instances started one by one, whichever ?ports= names.
  const frames = () => {
    const urls = page.demoUrls();
    return (urls.length > 0 ? urls.flatMap(anyHost) : ["http://localhost:*", "http://127.0.0.1:*"]).join(" ");
  };
  app.use(options.gate.pass, refuseChunked, secure(frames));
  app.use((_, response, next) => {
    // The next request of a connection that is kept open would come to an instance that is gone.
    if (instance.departures.isDraining) response.set("Connection", "close");
    next();
  });
  app.use(redirectBrowsers(page.basePath));
  app.use(boardRoutes(instance, view, { ...options, pageFolder: page.folder }));
  app.get("/demo/instances", (_, response) => void response.json({ urls: page.demoUrls() }));
  app.get("/demo", (_, response) => response.sendFile("demo.html", { root: page.folder }));
  // It would redirect a folder to where it is without a path in front.
  app.use(express.static(page.folder, { redirect: false, setHeaders: cacheHashed }));
  app.use(refuseUnknown);
  app.use(refuse(instance));
  return app;
}

/** Bounds what one address asks, of any route: it is slowed down first, and refused if that does not help. */
function limitAll(instance: Instance, account = ""): RequestHandler {
  return (request, response, next) => {
    const waitMs = instance.admission.paceHttp(account + addressOf(request));
    if (waitMs === 0) next();
    else if (waitMs <= HTTP_WAIT_MS_MAX) instance.clock.after(waitMs, () => next());
    else {
      // A refusal costs nearly what an answer does: so the next request needs another connection.
      response.set("Connection", "close");
      throw new Refusal("RATE_LIMITED", { retryAfterMs: Math.ceil(waitMs) });
    }
  };
}

/** To where the relative links of a page lead to what they mean. */
function redirectBrowsers(basePath: string): RequestHandler {
  return (request, response, next) => {
    const address = rightAddress(request.originalUrl, basePath);
    const isPage = request.method === "GET" && request.accepts(["json", "html"]) === "html";
    if (address === undefined || !isPage) next();
    else response.redirect(address);
  };
}

/** Why a balancer should send nobody here, if so. */
function unready({ departures, store }: Instance): Refusal | undefined {
  if (departures.isDraining) return new Refusal("GOING_AWAY");
  return store.available ? undefined : new Refusal("STORE_AWAY");
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
  };
}

/**
 * The page's whole bitmap. The ETag is its position and its cells, so that `If-None-Match` costs no body: the cells count,
 * because a board that grew has a longer last page at the same position.
 */
async function sendPage(instance: Instance, bodies: PageBodies, request: Request, response: Response): Promise<void> {
  const { board, page } = pageFor(instance, request, response);
  const isFromStore = wantsOrigin(request);
  instance.admission.admitWork(addressOf(request), PAGE_WORK);
  const snapshot = await (isFromStore ? instance.readStored(board, page) : instance.readPage(board, page));
  // What was compressed before is a copy too.
  const accepted = isFromStore ? "identity" : request.acceptsEncodings([...CODINGS]);
  const coding = CODINGS.find((each) => each === accepted) ?? "identity";
  const cells = cellsInPage(board.size, page);
  // The same position in other bytes: the same page, but not the same representation.
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
}

/** Whether no copy held on the way will do (RFC 9111, section 5.2.1.4). An instance's replica is such a copy; the store is the origin. */
function wantsOrigin(request: Request): boolean {
  return /(^|,)\s*no-cache\s*(,|$)/i.test(request.headers["cache-control"] ?? "");
}

/** The page that a request names, if the visitor may view its board. */
function pageFor(instance: Instance, request: Request, response: Response): { board: HostedBoard; page: number } {
  const board = boardFor(instance, response, String(request.params.board), "view");
  const page = wholeNumber(String(request.params.page));
  if (page === undefined) throw new Refusal("PAGE_OUT_OF_RANGE");
  checkPage(board, page);
  return { board, page };
}

/** The board, if there is one and the visitor has the right to it. */
function boardFor(instance: Instance, response: Response, name: string, right: Right): HostedBoard {
  const board = instance.boards.get(name);
  if (!board) throw new Refusal("UNKNOWN_BOARD");
  instance.access.require(visitorOf(response), name, right);
  return board;
}

/** Who asks, by the token in `Authorization: Bearer`, or what the app's hook makes of the request. What only some may see stays out of shared caches. */
function identify(instance: Instance): RequestHandler {
  return async (request, response, next) => {
    // Other schemes, such as Basic, are between the client and a proxy in front, or the app around.
    const [scheme, token, ...others] = (request.headers.authorization ?? "").trim().split(/\s+/);
    const isOurs = scheme?.toLowerCase() === "bearer";
    if (isOurs && (token === undefined || others.length > 0)) throw new Refusal("UNAUTHORIZED");
    const visitor = await instance.access.visitor(callerOf("http", request, isOurs ? token : undefined));
    response.locals.visitor = visitor;
    response.vary("Authorization");
    if (instance.access.hasHook) response.vary("Cookie");
    if (visitor.grant) response.set("Cache-Control", "private, no-cache");
    next();
  };
}

function visitorOf(response: Response): Visitor {
  const { visitor }: { visitor?: Visitor } = response.locals;
  return visitor ?? ANYBODY;
}

/** As limits count it. Not Express's `request.ip`, which reads less of what proxies write. */
function addressOf(request: Request): string {
  return addressKey(clientAddress(request, trustOf(request.app)));
}

function wholeNumber(text: string): number | undefined {
  return /^(0|[1-9]\d{0,15})$/.test(text) ? Number(text) : undefined;
}

function limiter(instance: Instance, options: HttpOptions) {
  const sharedCounter = options.sharedCounter && withScripts(options.sharedCounter);
  const failed = (error: unknown) => instance.failed(error, "HTTP requests are counted by this instance alone");
  const store =
    sharedCounter &&
    new SharedLimits<LimitOptions>({
      shared: new RedisStore({
        prefix: options.limitPrefix,
        // The library types replies as Redis types; what comes is what Valkey sent.
        sendCommandCluster: async ({ key, command: [name = "", ...args] }) =>
          toReply(await sharedCounter(key ?? options.limitPrefix, name, ...args)),
      }),
      own: new MemoryStore(),
      clock: instance.clock,
      isAvailable: () => instance.store.available,
      failed,
    });
  return rateLimit({
    windowMs: WINDOW_MS,
    limit: options.requestsPerMinute,
    ...(store ? { store } : {}),
    passOnStoreError: true,
    // Else the library writes to the console.
    logger: { error: failed, warn: failed },
    standardHeaders: "draft-7",
    legacyHeaders: false,
    keyGenerator: (request) => addressOf(request),
    // The library looks for its helper in the generator's text; addressOf calls it.
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
  // Whatever the clock did meanwhile: no window is longer, and none ends in the past.
  const leftMs = reset instanceof Date ? reset.getTime() - Date.now() : WINDOW_MS;
  return Math.min(WINDOW_MS, Math.max(1, leftMs || WINDOW_MS));
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
      useDefaults: false,
      directives: {
        // The page needs its own scripts, styles and pictures, and its own instance. Nothing else, and nothing inline.
        "default-src": ["'none'"],
        "script-src": ["'self'"],
        "style-src": ["'self'"],
        "img-src": ["'self'", "data:"],
        "connect-src": ["'self'"],
        "manifest-src": ["'self'"],
        "base-uri": ["'none'"],
        "form-action": ["'none'"],
        "frame-src": ["'self'", frames],
        "frame-ancestors": ["'self'", frames],
        // No upgrade-insecure-requests: the page is served over plain HTTP on many a machine.
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
  return (error: unknown, request, response, next) => {
    if (response.headersSent) return next(error);
    const refusal = asRefusal(instance, error);
    auditAttempt(instance, request, response, refusal);
    sendRefusal(instance, response, refusal);
  };
}

const ADMIN_PATH = new RegExp(`^/boards/([^/]+)/(${ADMIN_ACTIONS.join("|")})/?$`, "i");
const LOGGED_CHARACTERS_MAX = 100;

/** What was refused before it came to `administer`, which notes the rest: a bad token, a malformed body, an unknown board. */
function auditAttempt(instance: Instance, request: Request, response: Response, { code }: Refusal): void {
  const [, board = "", action] = (request.method === "POST" && ADMIN_PATH.exec(request.path)) || [];
  if (action === undefined || response.locals.isAudited === true) return;
  const where = { board: board.slice(0, LOGGED_CHARACTERS_MAX), address: addressOf(request) };
  instance.auditRefused({ audit: action.toLowerCase(), ...where, outcome: code });
}

function asRefusal(instance: Instance, error: unknown): Refusal {
  if (error instanceof Refusal) return error;
  // Express and its parsers mark the peer's faults with a status.
  let status = error instanceof Error && "status" in error ? Number(error.status) : 500;
  // So they do the system's, if they cannot read a file of their own.
  if (status === 400 && error instanceof Error && "syscall" in error) status = 500;
  if (status === 413) return new Refusal("PAYLOAD_TOO_LARGE");
  if (status === 404) return new Refusal("NOT_FOUND");
  if (status >= 400 && status < 500) return new Refusal("BAD_REQUEST");
  instance.failed(error, "a request failed");
  return new Refusal("INTERNAL");
}

function sendRefusal(instance: Instance, response: Response, refusal: Refusal): void {
  instance.metrics.refused(refusal.code);
  if (refusal.retryAfterMs !== undefined) response.set("Retry-After", String(Math.ceil(refusal.retryAfterMs / 1000)));
  if (refusal.rule.http === 401) response.set("WWW-Authenticate", "Bearer");
  response.status(refusal.rule.http).json({ error: refusal.toBody() });
}
