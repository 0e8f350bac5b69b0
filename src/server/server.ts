/*
 * One instance as a server: puts Express, Socket.IO and the parts of instance.ts on one port, and takes them down again.
 * `attachBoards` does the same inside someone else's app.
 */

import { once } from "node:events";
import { readFileSync } from "node:fs";
import { createServer, type Server as HttpServer } from "node:http";
import type { Express } from "express";
import type { Server as SocketServer } from "socket.io";
import { Refusal } from "../protocol/errors.js";
import { EmbeddedStore } from "../store/embedded-store.js";
import { type Store, StoreUnusable } from "../store/store.js";
import { ValkeyStore } from "../store/valkey-store.js";
import { Access } from "./access.js";
import { trustIn, trustNobody } from "./client-address.js";
import { realClock } from "./clock.js";
import { ClusterReport } from "./cluster-report.js";
import { type Config, readConfig } from "./config.js";
import { boardRoutes, createApp, createOperatorApp, trustOf } from "./http.js";
import { Instance } from "./instance.js";
import { createLog, type Log } from "./log.js";
import { joinNeighbours, type WorkerPlace } from "./neighbours.js";
import { attachSockets, createSocketServer } from "./sockets.js";
import { TcpConnections } from "./tcp-connections.js";
import { tokenVerifier } from "./tokens.js";

export interface RunningServer {
  readonly port: number;
  readonly url: string;
  /** Where /metrics and /cluster are, if they have a port of their own. */
  readonly metricsUrl: string | undefined;
  readonly instance: Instance;
  /** The Socket.IO server, for namespaces beside ours. */
  readonly io: SocketServer;
  /** As `close`, but clients are told to move one by one over DRAIN_MS; meanwhile `/ready` is 503, and new sockets are refused. */
  drain(): Promise<void>;
  /** Tells clients to go elsewhere, lets requests under way finish, and frees the port. The store stays open. */
  close(): Promise<void>;
}

export interface ServerOptions {
  readonly config: Config;
  readonly store: Store;
  readonly log: Log;
  /** The folder of the built page. */
  readonly pageFolder: string;
  /** The instances /demo shows, as URLs. */
  readonly demoUrls?: () => readonly string[];
  /** Where this instance stands among the workers that share its port. */
  readonly worker?: WorkerPlace | undefined;
  /** What /metrics answers; the instance's own without it. */
  readonly metrics?: (() => Promise<string>) | undefined;
  /** Who connects and says nothing is let go after this; 10 s. */
  readonly silentMsMax?: number;
  /** Milliseconds since 1970, by which tokens end. */
  readonly wallClock?: () => number;
}

const SILENT_MS_MAX = 10_000;
const REQUEST_MS_MAX = 30_000;
/** An HTTP connection on which nothing moves, in either direction, is closed. Long-polling is answered every 10 s. */
const STILL_MS_MAX = 60_000;
/** TCP connections of one address beyond its sockets: HTTP requests, and sockets that are being refused with a code. */
const EXTRA_TCP_PER_ADDRESS = 1_000;
/** After this an instance that closes waits for nobody who does not close his connection. */
const CLOSING_MS_MAX = 2_000;

/** The store that the options name. Rejects with StoreUnusable. */
export async function openStore(config: Config, log: Log): Promise<Store> {
  const { valkeyUrl: url, dataDir: directory, durabilities, durabilityWaitMs } = config;
  const { sentinelUsername: username, sentinelPassword: password } = config;
  const histories = { ...config.history, deltasMax: config.historyDeltas };
  const incident = (message: string, cause?: unknown) => log.warn(cause === undefined ? {} : { err: cause }, message);
  return url === undefined
    ? EmbeddedStore.open({ directory, durabilities, histories })
    : ValkeyStore.open({
        url,
        ca: readAuthorities(config.valkeyCa),
        sentinelAccess: password === undefined ? undefined : { username, password },
        durabilities,
        durabilityWaitMs,
        histories,
        incident,
      });
}

function readAuthorities(file: string | undefined): string | undefined {
  try {
    return file === undefined ? undefined : readFileSync(file, "utf8");
  } catch (error) {
    throw new StoreUnusable(`cannot read VALKEY_CA, ${file}`, error);
  }
}

/** Rejects with the system's error if the port cannot be had. */
export async function startServer(options: ServerOptions): Promise<RunningServer> {
  const { config, store, log, pageFolder } = options;
  const running = runInstance(config, store, log, options.wallClock);
  const { instance } = running;
  const view = { ...running.view, ...(options.metrics ? { metrics: options.metrics } : {}) };
  const trust = trustIn(config.trustedProxies) ?? trustNobody;
  const app = createApp(
    instance,
    view,
    { ...httpOptions(config, store), trust },
    {
      folder: pageFolder,
      demoUrls: options.demoUrls ?? (() => []),
    },
  );
  const silentMsMax = options.silentMsMax ?? SILENT_MS_MAX;
  const http = createServer(
    {
      headersTimeout: silentMsMax,
      requestTimeout: REQUEST_MS_MAX,
      connectionsCheckingInterval: Math.min(silentMsMax, 2_000),
    },
    app,
  );
  http.setTimeout(STILL_MS_MAX);
  const tcp = new TcpConnections(http, config.connectionsPerAddress + EXTRA_TCP_PER_ADDRESS, trust);
  const operators =
    config.metricsPort === undefined ? undefined : createServer(createOperatorApp(instance, view, pageFolder));
  try {
    http.listen(config.port, config.host);
    await once(http, "listening");
    operators?.listen(config.metricsPort, config.metricsHost);
    if (operators) await once(operators, "listening");
  } catch (error) {
    http.close();
    await running.finish();
    running.close();
    throw error;
  }
  const io = createSocketServer(http, { origins: config.origins, messageBytesMax: config.messageBytes, silentMsMax });
  const neighbours = options.worker && (await joinNeighbours(io.engine, options.worker));
  const sockets = attachSockets(io, instance, {
    teaching: true,
    clientBufferBytesMax: config.clientBufferBytes,
    trust,
    countsAll: true,
  });
  running.counts(sockets.online);
  const port = portOf(http) ?? config.port;
  let closing: Promise<void> | undefined;
  const close = () => {
    closing ??= (async () => {
      instance.departures.begin();
      sockets.close(new Refusal("GOING_AWAY", { retryAfterMs: 100 }));
      await running.finish();
      // Answers that follow from the last commit are sent before the connections are ended.
      await new Promise(setImmediate);
      const impatient = setTimeout(() => tcp.destroyAll(), CLOSING_MS_MAX);
      await io.close();
      clearTimeout(impatient);
      neighbours?.close();
      neighbours?.closeAllConnections();
      operators?.close();
      operators?.closeAllConnections();
      running.close();
    })();
    return closing;
  };
  let draining: Promise<void> | undefined;
  return {
    port,
    url: `http://localhost:${port}`,
    metricsUrl: operators && `http://localhost:${portOf(operators)}`,
    instance,
    io,
    drain: () => {
      draining ??= instance.departures.drain(config.drainMs, config.writeWaitMs).then(close);
      return draining;
    },
    close,
  };
}

function portOf(server: HttpServer): number | undefined {
  const address = server.address();
  return typeof address === "object" && address !== null ? address.port : undefined;
}

export interface AttachBoardsOptions {
  /** Board name -> cells. */
  readonly boards: Readonly<Record<string, number>>;
  /** Where the boards live: as for the environment variables; `./data` without either. */
  readonly valkeyUrl?: string;
  readonly valkeyCa?: string;
  readonly sentinelUsername?: string;
  readonly sentinelPassword?: string;
  readonly dataDir?: string;
  /** How safe a write is before it is acknowledged, as for the environment variable: `applied` without it. */
  readonly durability?: string;
  /** How long it is recorded what was changed when, as for the environment variable: `off` without it. */
  readonly history?: string;
  /** Who may do what, and how tokens are checked, as for the environment variables: `open` without them. */
  readonly access?: string;
  readonly jwtSecret?: string;
  readonly jwksUrl?: string;
  readonly jwtIssuer?: string;
  readonly jwtAudience?: string;
  /** Speak the teaching protocol in your namespace `/` and at GET /state. */
  readonly teaching?: boolean;
}

export interface AttachedBoards {
  readonly instance: Instance;
  /** Lets go of the store. Close your own server first. */
  close(): Promise<void>;
}

/**
 * Mounts boards in an Express app and a Socket.IO server of yours: the routes under `/boards`, `/health`, `/ready` and
 * `/metrics`, and the namespace `/boards`. Any number of instances of your app, on any machines, share the boards if all
 * have the same `valkeyUrl`.
 */
export async function attachBoards(
  io: SocketServer,
  app: Express,
  options: AttachBoardsOptions,
): Promise<AttachedBoards> {
  const { valkeyUrl, dataDir, durability, history, teaching = false } = options;
  const boards = Object.entries(options.boards).map(([name, size]) => `${name}=${size}`);
  const config = readConfig(
    {
      VALKEY_URL: valkeyUrl,
      VALKEY_CA: options.valkeyCa,
      SENTINEL_USERNAME: options.sentinelUsername,
      SENTINEL_PASSWORD: options.sentinelPassword,
      DATA_DIR: dataDir,
      BOARDS: boards.join(),
      DURABILITY: durability,
      HISTORY: history,
      ACCESS: options.access,
      JWT_SECRET: options.jwtSecret,
      JWKS_URL: options.jwksUrl,
      JWT_ISSUER: options.jwtIssuer,
      JWT_AUDIENCE: options.jwtAudience,
    },
    {},
  );
  const log = createLog("warn");
  const store = await openStore(config, log);
  const running = runInstance(config, store, log);
  const { instance, view } = running;
  app.use(boardRoutes(instance, view, { ...httpOptions(config, store), teaching }));
  const sockets = attachSockets(io, instance, {
    teaching,
    clientBufferBytesMax: config.clientBufferBytes,
    trust: trustOf(app),
    countsAll: false,
  });
  running.counts(sockets.online);
  return {
    instance,
    close: async () => {
      sockets.close(new Refusal("GOING_AWAY", { retryAfterMs: 100 }));
      await running.finish();
      running.close();
      await store.close();
    },
  };
}

const FAN_OUT = { flushMsMax: 1_000, share: 0.2, framesUnseen: 500 };
const QUEUED_CHANGES_MAX = 200_000;
const REQUESTS = { perSecond: 200, burst: 400 };
/**
 * Pages asked for in `watch`: each may cost the store a question and 8 KiB of snapshot. The burst lets a client join all it
 * may watch, the rate is more than anyone scrolls.
 */
const WATCHES = { perSecond: 100, burst: 2_048 };

/** An instance with what is measured and told of it as long as it runs, whatever serves it. */
function runInstance(config: Config, store: Store, log: Log, wallClock?: () => number) {
  const instance = createInstance(config, store, log, wallClock);
  const stopMeasuring = instance.metrics.measureLoop();
  let online = () => 0;
  const report = new ClusterReport(instance, () => online());
  return {
    instance,
    view: { cluster: () => report.state(), metrics: () => instance.metrics.text() },
    /** `sockets` counts the sockets, from now on. */
    counts: (sockets: () => number) => {
      online = sockets;
    },
    /** Resolves when every write taken has its answer, and others know that this instance goes and what it committed. */
    finish: async () => {
      await Promise.all([instance.writer.close(), report.close()]);
      await instance.reporter.flush();
    },
    close: () => {
      stopMeasuring();
      instance.close();
    },
  };
}

function createInstance(config: Config, store: Store, log: Log, wallClock: () => number = Date.now): Instance {
  const { jwtSecret: secret, jwksUrl, jwtIssuer: issuer, jwtAudience: audience } = config;
  return new Instance({
    name: config.name,
    boards: config.boards,
    durabilities: config.durabilities,
    history: config.history,
    store,
    access: new Access(config.access, tokenVerifier({ secret, jwksUrl, issuer, audience }, wallClock), wallClock),
    clock: realClock,
    log,
    admission: {
      writes: { perSecond: config.writesPerSecond, burst: config.writeBurst },
      requests: REQUESTS,
      watches: { ...WATCHES, burst: Math.max(WATCHES.burst, config.watchedPages) },
      connectionsPerAddress: config.connectionsPerAddress,
      // All that an address may have open may come back at once, as after the loss of an instance.
      connects: { perSecond: config.connectsPerSecond, burst: config.connectionsPerAddress },
    },
    writer: { waitMs: config.writeWaitMs, queuedChangesMax: QUEUED_CHANGES_MAX },
    fanOut: { ...FAN_OUT, flushMsMin: config.flushMs, unseenMs: config.flushUnseenMs },
    watchedPagesMax: config.watchedPages,
  });
}

function httpOptions(config: Config, store: Store) {
  return {
    requestsPerMinute: config.httpPerMinute,
    sharedCounter:
      store instanceof ValkeyStore
        ? (key: string, name: string, ...args: string[]) => store.command(key, name, ...args)
        : undefined,
    teaching: true,
    forOperators: config.metricsPort === undefined,
  };
}
