/*
 * Runs one instance as a server, with Express, Socket.IO and the parts of instance.ts on one port.
 * attach-boards.ts does the same inside a host app.
 */

import { once } from "node:events";
import { createServer, type Server as HttpServer } from "node:http";
import type { Server as SocketServer } from "socket.io";
import { Refusal } from "../protocol/errors.js";
import type { Store } from "../store/store.js";
import type { Config } from "./config.js";
import { TcpConnections } from "./connections/tcp-connections.js";
import { openDoors } from "./doors.js";
import { createApp } from "./http/app.js";
import { createOperatorApp } from "./http/operators.js";
import type { Instance } from "./instance/instance.js";
import { trustIn, trustNobody } from "./limits/client-address.js";
import { connectionsMax } from "./open-files.js";
import { connectionLimits, httpOptions, runInstance } from "./run-instance.js";
import { joinNeighbours, type WorkerPlace } from "./sockets/neighbours.js";
import { createSocketServer } from "./sockets/sockets.js";
import type { Log } from "./telemetry/log.js";

/** An instance that listens. */
export interface RunningServer {
  /** The port that it listens on. */
  readonly port: number;
  /** Its URL on this machine. */
  readonly url: string;
  /** URL of /metrics and /cluster, if they have their own port. */
  readonly metricsUrl: string | undefined;
  /** The parts of this instance, for tests and tools. They may change in any release. */
  readonly instance: Instance;
  /** The Socket.IO server, for namespaces of your own. */
  readonly io: SocketServer;
  /** Number of open connections, over the lane and over Socket.IO. */
  online(): number;
  /**
   * Like `close`, but asks one client after another over DRAIN_MS. `/ready` answers 503
   * meanwhile.
   */
  drain(): Promise<void>;
  /** Asks clients to move, answers pending requests, and frees the port. The store stays open. */
  close(): Promise<void>;
}

/** Options of `startServer`. */
export interface ServerOptions {
  /** Made by `readConfig`. */
  readonly config: Config;
  /** Made by `openStore`. The server does not close it. */
  readonly store: Store;
  /** Made by `createLog`, or a pino logger of your own. */
  readonly log: Log;
  /** The folder of the built app: `dist/page` of this package. */
  readonly pageFolder: string;
  /** URLs of the instances that `/demo` shows side by side. Default: none. */
  readonly demoUrls?: () => readonly string[];
  /** The instance's place among the workers that share the port. */
  readonly worker?: WorkerPlace | undefined;
  /** Produces the answer to /metrics. Default: this instance's metrics. */
  readonly metrics?: (() => Promise<string>) | undefined;
  /** A connection that sends nothing for this long is closed. Default: 10 s. */
  readonly silentMsMax?: number;
  /** Milliseconds since 1970, for the expiry of tokens. */
  readonly wallClock?: () => number;
}

const SILENT_MS_MAX = 10_000;
const REQUEST_MS_MAX = 30_000;
/**
 * An HTTP connection without traffic for this long is closed. Long-polling is answered every 10 s.
 */
const IDLE_MS_MAX = 60_000;
/**
 * TCP connections per address beyond its sockets, for HTTP requests and for refusals with a code.
 */
const EXTRA_TCP_PER_ADDRESS = 1_000;
/** A closing instance waits this long for clients to close their connections. */
const CLOSING_MS_MAX = 2_000;

/**
 * Starts an instance. Rejects with the system's error if the instance cannot listen on the port.
 */
export async function startServer(options: ServerOptions): Promise<RunningServer> {
  const { config, store, log, pageFolder, silentMsMax = SILENT_MS_MAX, demoUrls = () => [] } = options;
  const { basePath, frameOrigins, view: reading } = config;
  let listening: HttpServer | undefined;
  const address = () => listening?.address() ?? { port: config.port };
  const running = runInstance(config, store, log, { wallClock: options.wallClock, address });
  const { instance } = running;
  await running.start();
  const view = { ...running.view, ...(options.metrics ? { metrics: options.metrics } : {}) };
  const trust = trustIn(config.trustedProxies) ?? trustNobody;
  const httpDoor = httpOptions(config, store, trust);
  const app = createApp(instance, view, {
    ...httpDoor,
    trust,
    pageFolder,
    demoUrls,
    basePath,
    frameOrigins,
    view: reading,
  });
  const http = createServer(
    {
      headersTimeout: silentMsMax,
      requestTimeout: REQUEST_MS_MAX,
      connectionsCheckingInterval: Math.min(silentMsMax, 2_000),
    },
    app,
  );
  listening = http;
  http.setTimeout(IDLE_MS_MAX);
  const perAddressMax = config.connectionsPerAddress + EXTRA_TCP_PER_ADDRESS;
  const tcp = new TcpConnections(http, perAddressMax, connectionsMax(), trust, (limit, address) =>
    instance.limitReached(limit, address),
  );
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
  const servers = operators ? [http, operators] : [http];
  for (const server of servers) instance.survives(server);
  const io = createSocketServer(http, {
    origins: config.origins,
    messageBytesMax: config.messageBytes,
    silentMsMax,
    basePath,
  });
  for (const server of servers) httpDoor.gate.guard(server, () => instance.metrics.requested());
  const doors = openDoors(io, instance, {
    presence: running.presence,
    teaching: true,
    limits: connectionLimits(config),
    gate: httpDoor.gate,
    trust,
    countsAll: true,
    origins: config.origins,
    basePath,
    lanePath: config.lanePath,
    relaySecret: config.relaySecret,
    passesMiddleware: false,
    silentMsMax,
  });
  // Added after the gate, so that requests pass the gate before they go to another worker.
  const neighbours = options.worker && (await joinNeighbours(io.engine, options.worker, config.messageBytes));
  if (neighbours) instance.survives(neighbours);
  running.counts(doors.online);
  const port = portOf(http) ?? config.port;
  let closing: Promise<void> | undefined;
  const close = () => {
    closing ??= (async () => {
      instance.departures.begin();
      instance.departures.endRequests();
      doors.close(new Refusal("GOING_AWAY", { retryAfterMs: 100 }));
      await running.finish();
      // Lets the answers to the last commits be sent before the connections are closed.
      await new Promise(setImmediate);
      doors.closeLane();
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
    online: doors.online,
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
