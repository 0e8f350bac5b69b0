/* Builds an instance from its options, for `startServer` and for a host app (attach-boards.ts). */

import { hostname } from "node:os";
import { realClock } from "../protocol/clock.js";
import type { Store } from "../store/store.js";
import { UpstreamStore } from "../store/upstream/upstream-store.js";
import { ValkeyStore } from "../store/valkey/valkey-store.js";
import { Access } from "./access/access.js";
import { type AuthoriseHook, authoriser } from "./access/authorise.js";
import { Guard } from "./access/guard.js";
import { tokenVerifier } from "./access/tokens.js";
import { type Config, UNSEEN_MS } from "./config.js";
import type { ConnectionLimits } from "./connections/connections.js";
import { HttpGate } from "./connections/gate.js";
import { Fleet } from "./fleet/fleet.js";
import { readersOf } from "./http/requests/shared-caches.js";
import { Instance } from "./instance/instance.js";
import { type Trust, trustIn, trustNobody } from "./limits/client-address.js";
import type { InflowLimits } from "./limits/meter.js";
import type { Rate } from "./limits/token-bucket.js";
import type { FanOutLimits } from "./pages/fan-out.js";
import type { Log } from "./telemetry/log.js";

const FAN_OUT = { flushMsMax: 1_000, share: 0.2, framesUnseen: 500, dozeMsMax: UNSEEN_MS };
const QUEUED_CHANGES_MAX = 200_000;
export const REQUESTS = { perSecond: 200, burst: 400 };
/**
 * In pages. Each may cost a request to the store and a snapshot of 8 KiB. The burst lets a client
 * join every page that it may watch, and the rate exceeds anyone's scrolling.
 */
const WATCHES = { perSecond: 100, burst: 2_048 };

const BYTES_PER_CELL = 32;
const KIB = 1_024;

/**
 * Allows twice the message rate of answered requests, plus the largest writes at one session's
 * rate.
 */
function inflowOf(config: Config): InflowLimits {
  const { messageBytes, writesPerSecond, writeBurst } = config;
  return {
    messages: { perSecond: REQUESTS.perSecond * 2, burst: REQUESTS.burst * 2 },
    bytes: {
      perSecond: 128 * KIB + writesPerSecond * BYTES_PER_CELL,
      burst: Math.max(KIB * KIB, messageBytes * 4) + writeBurst * BYTES_PER_CELL,
    },
  };
}

export function connectionLimits(config: Config): ConnectionLimits {
  const { clientBufferBytes: bufferBytesMax, messageBytes: messageBytesMax } = config;
  return { bufferBytesMax, messageBytesMax, inflow: inflowOf(config) };
}

/**
 * For all routes, as a multiple of HTTP_PER_MINUTE: many people behind one address may load the app
 * at once.
 */
export const HTTP_PACE = { times: 6, perSecondMin: 50, burstSeconds: 5 };

function httpOf({ httpPerMinute }: Config): Rate {
  const { times, perSecondMin, burstSeconds } = HTTP_PACE;
  const perSecond = Math.max(perSecondMin, (httpPerMinute / 60) * times);
  return { perSecond, burst: perSecond * burstSeconds };
}

interface Others {
  /** Milliseconds since 1970, for the expiry of tokens. */
  readonly wallClock?: (() => number) | undefined;
  readonly authorise?: AuthoriseHook | undefined;
  /** The address that the instance listens on, for its name. Null until it is known. */
  readonly address?: (() => Address | null) | undefined;
}

export function runInstance(config: Config, store: Store, log: Log, others: Others = {}) {
  const instance = createInstance(config, store, log, others);
  const { loop } = instance.metrics;
  loop.start();
  let online = () => 0;
  const fleet = new Fleet(instance, () => online());
  return {
    instance,
    presence: fleet.presence,
    /** Resolves when the boards are as the store says. */
    start: () => instance.keeper.start(),
    view: { cluster: () => fleet.state(), metrics: () => instance.metrics.text() },
    /** Sets the function that counts open connections. */
    counts: (connections: () => number) => {
      online = connections;
    },
    /** Resolves when every write is answered and the last reports have reached other instances. */
    finish: async () => {
      await Promise.all([instance.writer.close(), fleet.close()]);
      await instance.reporter.flush();
    },
    close: () => {
      loop.stop();
      instance.close();
    },
  };
}

export function fanOutOf({ flushMs, flushUnseenMs }: Config): FanOutLimits {
  return { ...FAN_OUT, flushMsMin: flushMs, unseenMs: flushUnseenMs };
}

function createInstance(config: Config, store: Store, log: Log, others: Others): Instance {
  const { wallClock = Date.now, authorise } = others;
  const { jwtSecret: secret, jwksUrl, jwtIssuer: issuer, jwtAudience: audience } = config;
  const keys = { secret, jwksUrl, issuer, audience };
  const verify = tokenVerifier(keys, wallClock, (error) => instance.keysAway(error));
  const guard = new Guard(realClock, (hook, error) => instance.hookFailed(hook, error));
  const ask =
    authorise && authoriser(authorise, guard, config.origins, (request) => instance.refusedOrigins.refusal(request));
  const instance = new Instance({
    name: () => config.name || nameAt(others.address?.() ?? null),
    boards: config.boards,
    durabilities: store instanceof UpstreamStore ? store.durabilities : config.durabilities,
    history: store instanceof UpstreamStore ? store.retention : config.history,
    claims: config.claims,
    store,
    access: new Access(config.access, verify, wallClock, ask),
    clock: realClock,
    log,
    admission: {
      writes: { perSecond: config.writesPerSecond, burst: config.writeBurst },
      requests: REQUESTS,
      watches: { ...WATCHES, burst: Math.max(WATCHES.burst, config.watchedPages) },
      connectionsPerAddress: config.connectionsPerAddress,
      // After the loss of an instance, all connections of an address may reconnect at the same
      // time.
      connects: { perSecond: config.connectsPerSecond, burst: config.connectionsPerAddress },
      http: httpOf(config),
    },
    writer: { waitMs: config.writeWaitMs, queuedChangesMax: QUEUED_CHANGES_MAX },
    fanOut: fanOutOf(config),
    watchedPagesMax: config.watchedPages,
  });
  return instance;
}

type Address = string | { readonly port: number };

/** `host:port`, or `host:path` for a Unix socket. */
export function nameAt(address: Address | null): string {
  if (address === null) return hostname();
  return `${hostname()}:${typeof address === "string" ? address : address.port}`;
}

export function httpOptions(config: Config, store: Store, trust: Trust) {
  return {
    gate: new HttpGate({ inflow: inflowOf(config), bodyBytesMax: config.messageBytes }, trust, realClock),
    requestsPerMinute: config.httpPerMinute,
    countShared:
      store instanceof ValkeyStore
        ? (address: string, windowMs: number) => store.countRequest(address, windowMs)
        : undefined,
    caching: { readers: readersOf(config.origins), trusted: trustIn(config.trustedCaches) ?? trustNobody },
    teaching: true,
    forOperators: config.metricsPort === undefined,
  };
}
