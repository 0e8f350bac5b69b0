/*
 * One instance as a server: puts Express, Socket.IO and the parts of instance.ts on one port, and takes them down again.
 * attach-boards.ts does the same inside someone else's app.
 */

import { once } from "node:events";
import { createServer, type Server as HttpServer } from "node:http";
import type { Server as SocketServer } from "socket.io";
import { Refusal } from "../protocol/errors.js";
import type { Store } from "../store/store.js";
import type { Config } from "./config.js";
import { TcpConnections } from "./connections/tcp-connections.js";
import { createApp, createOperatorApp } from "./http/http.js";
import type { Instance } from "./instance/instance.js";
import { trustIn, trustNobody } from "./limits/client-address.js";
import { connectionsMax } from "./open-files.js";
import { connectionLimits, httpOptions, runInstance } from "./run-instance.js";
import { joinNeighbours, type WorkerPlace } from "./sockets/neighbours.js";
import { attachSockets, createSocketServer } from "./sockets/sockets.js";
import type { Log } from "./telemetry/log.js";

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

/** Rejects with the system's error if the port cannot be had. */
export async function startServer(options: ServerOptions): Promise<RunningServer> {
  const { config, store, log, pageFolder } = options;
  let listening: HttpServer | undefined;
  const address = () => listening?.address() ?? { port: config.port };
  const running = runInstance(config, store, log, { wallClock: options.wallClock, address });
  const { instance } = running;
  const view = { ...running.view, ...(options.metrics ? { metrics: options.metrics } : {}) };
  const trust = trustIn(config.trustedProxies) ?? trustNobody;
  const httpDoor = httpOptions(config, store, trust);
  const app = createApp(
    instance,
    view,
    { ...httpDoor, trust },
    {
      folder: pageFolder,
      demoUrls: options.demoUrls ?? (() => []),
      basePath: config.basePath,
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
  listening = http;
  http.setTimeout(STILL_MS_MAX);
  const perAddressMax = config.connectionsPerAddress + EXTRA_TCP_PER_ADDRESS;
  const tcp = new TcpConnections(http, perAddressMax, connectionsMax(), trust);
  const operators =
    config.metricsPort === undefined
      ? undefined
      : createServer(createOperatorApp(instance, view, httpDoor.gate, pageFolder));
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
  for (const server of operators ? [http, operators] : [http]) instance.survives(server);
  const { basePath } = config;
  const io = createSocketServer(http, {
    origins: config.origins,
    messageBytesMax: config.messageBytes,
    silentMsMax,
    basePath,
  });
  for (const server of operators ? [http, operators] : [http]) httpDoor.gate.guard(server);
  const sockets = attachSockets(io, instance, {
    presence: running.presence,
    teaching: true,
    limits: connectionLimits(config),
    gate: httpDoor.gate,
    trust,
    countsAll: true,
    origins: config.origins,
    basePath,
  });
  // After the gate: what is passed on has passed it here.
  const neighbours = options.worker && (await joinNeighbours(io.engine, options.worker, config.messageBytes));
  if (neighbours) instance.survives(neighbours);
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
