/* The options of the store on Valkey, and the address built from them. */

import { createSecureContext } from "node:tls";
import type { ClaimRules } from "../../claims.js";
import type { Durabilities } from "../../durability.js";
import type { Histories } from "../../history.js";
import { type StoreLimits, StoreUnusable } from "../../store.js";
import {
  type NatMap,
  type Pem,
  parseValkeyUrl,
  type SentinelAccess,
  tlsOptions,
  type ValkeyAddress,
  withoutPassword,
} from "./url.js";

/** The certificates and the key are for `valkeys://`. */
interface ValkeyAccess extends Pem {
  /** See url.ts. */
  readonly url: string;
  /** Reachable addresses of servers that a cluster or Sentinel announces by other addresses. */
  readonly nat?: NatMap | undefined;
  /** User and password for Sentinels that require them. */
  readonly sentinelAccess?: SentinelAccess | undefined;
}

export interface ValkeyStoreOptions extends ValkeyAccess {
  /** Precedes every key and channel, so that several deployments can share a server. */
  readonly keyPrefix?: string | undefined;
  /** Boards to whose keys and channels the ACL user needs rights. */
  readonly boards?: readonly string[];
  readonly limits?: StoreLimits;
  /** How safe a write must be before it is acknowledged. Default: `applied`. */
  readonly durabilities?: Durabilities;
  /** How long one attempt at a write waits for its copies. Default: DURABILITY_WAIT_MS. */
  readonly durabilityWaitMs?: number;
  /** Default: no board keeps history. */
  readonly histories?: Histories;
  /** Default: no board has claims. */
  readonly claims?: ClaimRules;
  /** Called once per incident. */
  readonly incident?: (message: string, cause?: unknown) => void;
}

/** Throws StoreUnusable if the options contradict each other. */
export function addressOf({ url, ca, cert, key, nat, sentinelAccess }: ValkeyAccess): ValkeyAddress {
  const parsed = parseValkeyUrl(url);
  const shown = withoutPassword(url);
  if (!parsed) throw new StoreUnusable(`${shown} is not a valid Valkey URL`);
  const tlsOption = ca !== undefined ? "VALKEY_CA" : cert !== undefined ? "VALKEY_CERT" : undefined;
  if (tlsOption !== undefined && !parsed.tls) {
    throw new StoreUnusable(
      `${tlsOption} is set, but ${shown} does not use TLS: write valkeys:// instead of valkey://`,
    );
  }
  if (sentinelAccess !== undefined && parsed.kind !== "sentinel") {
    throw new StoreUnusable(`SENTINEL_PASSWORD is set, but ${shown} names no Sentinel: write valkey+sentinel://`);
  }
  const address = { ...parsed, ...tlsOptions({ ca, cert, key }), ...(nat === undefined ? {} : { nat }) };
  try {
    createSecureContext(tlsOptions(address));
  } catch (error) {
    const words = error instanceof Error ? error.message : String(error);
    throw new StoreUnusable(
      `cannot use VALKEY_CA, VALKEY_CERT or VALKEY_KEY (${words}): each must name a PEM file`,
      error,
    );
  }
  return address.kind === "sentinel" && sentinelAccess !== undefined ? { ...address, sentinelAccess } : address;
}
