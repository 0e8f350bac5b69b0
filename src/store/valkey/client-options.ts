/* The options of the Valkey client for one address; connection.ts gives the reasons. */

import { backOffMs, realClock } from "../../protocol/clock.js";
import { type Endpoint, tlsOptions, type ValkeyAddress } from "./url.js";

export const CONNECT_MS_MAX = 3_000;
/** A server that hangs is silent without an error. Only an unanswered ping reveals it. */
export const ANSWER_MS_MAX = 2_000;

/** Before attempt number `attempt` to connect again; the first is 1. */
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
  // Fails what is in flight when the connection closes. Any other value waits for a reconnect.
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
    // Without it, a moment without an answer of any Sentinel would end the connection forever.
    sentinelRetryStrategy: retryMs,
    // A Sentinel that hangs must not keep the client from asking the next one.
    sentinelCommandTimeout: ANSWER_MS_MAX,
    // TLS towards Sentinels takes both options. With one alone the traffic is in clear text.
    ...(tls ? { sentinelTLS: tls, enableTLSForSentinelMode: true } : {}),
    ...(username === undefined ? {} : { sentinelUsername: username }),
    ...(password === undefined ? {} : { sentinelPassword: password }),
  };
}
