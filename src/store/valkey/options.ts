/* The options of the store over Valkey, and the address that they make. */

import { createSecureContext } from "node:tls";
import type { Durabilities } from "../durability.js";
import type { Histories } from "../history.js";
import { type StoreLimits, StoreUnusable } from "../store.js";
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
  /** Where to reach servers that a cluster, or Sentinel, calls by other addresses. */
  readonly nat?: NatMap | undefined;
  /** User and password for Sentinels that ask for them. */
  readonly sentinelAccess?: SentinelAccess | undefined;
}

export interface ValkeyStoreOptions extends ValkeyAccess {
  /** Stands before every key and channel: several deployments may share a server. */
  readonly keyPrefix?: string | undefined;
  /** Boards whose keys and channels the user must have the rights for. */
  readonly boards?: readonly string[];
  readonly limits?: StoreLimits;
  /** How safe a write must be before it is acknowledged. Default: `applied`. */
  readonly durabilities?: Durabilities;
  /** How long one attempt at a write waits for its copies. Default: DURABILITY_WAIT_MS. */
  readonly durabilityWaitMs?: number;
  /** Default: no board keeps history. */
  readonly histories?: Histories;
  /** Called once for each incident. */
  readonly incident?: (message: string, cause?: unknown) => void;
}

/** Throws StoreUnusable if the parts do not fit together. */
export function addressOf({ url, ca, cert, key, nat, sentinelAccess }: ValkeyAccess): ValkeyAddress {
  const parsed = parseValkeyUrl(url);
  const shown = withoutPassword(url);
  if (!parsed) throw new StoreUnusable(`${shown} is not a valid Valkey URL`);
  const tlsOption = ca !== undefined ? "VALKEY_CA" : cert !== undefined ? "VALKEY_CERT" : undefined;
  if (tlsOption !== undefined && !parsed.tls) {
    throw new StoreUnusable(`${tlsOption} is set, but ${shown} asks for no TLS: write valkeys:// instead of valkey://`);
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
