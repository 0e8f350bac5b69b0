/*
 * Whether the servers can do what the boards ask, found out at the start rather than at the first write. A server without
 * WAITAOF, or without an append-only file, is refused; missing replicas may still come, and are only reported.
 */

import { asked, type Durabilities } from "./durability.js";
import { StoreAway, StoreUnusable } from "./store.js";
import type { ValkeyLink } from "./valkey-link.js";

/** Rejects with StoreUnusable. */
export async function checkDurabilities(
  durabilities: Durabilities,
  link: ValkeyLink,
  incident: (message: string) => void,
): Promise<void> {
  let replicas = 0;
  for (const durability of asked(durabilities)) {
    if (durability.level === "fsynced") await checkFsync(link);
    if (durability.level === "replicated") replicas = Math.max(replicas, durability.replicas);
  }
  if (replicas === 0) return;
  const present = (await link.everywhere("INFO", "replication")).map(connectedReplicas);
  const fewest = Math.min(...present);
  if (fewest >= replicas) return;
  incident(
    `a board asks for ${replicas} replicas and there are ${fewest}: its writes are not acknowledged until there are`,
  );
}

async function checkFsync(link: ValkeyLink): Promise<void> {
  try {
    // Nothing was written on this connection, so that there is nothing to wait for.
    await link.everywhere("WAITAOF", "1", "0", "100");
  } catch (error) {
    if (error instanceof StoreAway) throw error;
    const words = error instanceof Error ? error.message : String(error);
    throw new StoreUnusable(
      `a board asks for durability fsynced, which this Valkey cannot confirm (${words}). ` +
        "It takes Valkey 7.2 or Redis 7.2 or later, with appendonly yes; or set DURABILITY to applied or replicated.",
      error,
    );
  }
}

function connectedReplicas(info: unknown): number {
  return Number(/^connected_slaves:(\d+)/m.exec(String(info))?.[1] ?? 0);
}
