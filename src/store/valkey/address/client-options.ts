/* The Valkey client's options for one address. connection.ts explains why its features are off. */

import { backOffMs, realClock } from "../../../protocol/clock.js";
import { type Endpoint, tlsOptions, type ValkeyAddress } from "./url.js";

export const CONNECT_MS_MAX = 3_000;
/**
 * How long to wait for a ping's answer. A server that hangs causes no error, so only a ping reveals
 * it.
 */
export const ANSWER_MS_MAX = 2_000;

/** Pause before reconnect attempt number `attempt`, which counts from 1. */
export function retryMs(attempt: number): number {
  return backOffMs(realClock, attempt, 25, 1_000);
}

export function clientOptions(address: ValkeyAddress, { host, port }: Endpoint) {
  const { username, password } = address;
  const tls = address.tls ? tlsOptions(address) : undefined;
  return {
    ...BEHAVIOUR,
    ...(username === undefined ? {} : { username }),
    ...(password === undefined ? {} : { password }),
    ...(tls ? { tls } : {}),
    ...(address.kind === "sentinel" ? sentinelOptions(address, tls) : { host, port }),
  };
}

const BEHAVIOUR = {
  protocol: 2,
  lazyConnect: true,
  enableOfflineQueue: false,
  autoResendUnfulfilledCommands: false,
  autoResubscribe: false,
  // Commands in flight fail when the connection closes. With any other value they wait for a
  // reconnect.
  maxRetriesPerRequest: 0,
  connectTimeout: CONNECT_MS_MAX,
  disconnectTimeout: 200,
} as const;

type SentinelAddress = Extract<ValkeyAddress, { kind: "sentinel" }>;

function sentinelOptions(address: SentinelAddress, tls: ReturnType<typeof tlsOptions> | undefined) {
  const { username, password } = address.sentinelAccess ?? {};
  return {
    sentinels: address.sentinels.map((sentinel) => ({ ...sentinel })),
    ...(address.nat ? { natMap: Object.fromEntries(address.nat) } : {}),
    name: address.name,
    role: "master" as const,
    failoverDetector: true,
    // Without this, the client would give up forever if no Sentinel answered for a moment.
    sentinelRetryStrategy: retryMs,
    // A hanging Sentinel must not keep the client from asking the next one.
    sentinelCommandTimeout: ANSWER_MS_MAX,
    // TLS to Sentinels needs both options. With only one of them, the traffic is not encrypted.
    ...(tls ? { sentinelTLS: tls, enableTLSForSentinelMode: true } : {}),
    ...(username === undefined ? {} : { sentinelUsername: username }),
    ...(password === undefined ? {} : { sentinelPassword: password }),
  };
}
