/*
 * Checks at the start, rather than at the first write, whether the servers provide the durability
 * that boards need. A server without WAITAOF or an append-only file is refused. Conditions that may
 * change are only reported: missing replicas, and a file that is never synced.
 */

import { valuesOf } from "../by-board.js";
import type { Durabilities } from "../durability.js";
import { StoreUnusable } from "../store.js";
import type { ValkeyLink } from "./link.js";

/** Rejects with StoreUnusable. */
export async function checkDurabilities(
  durabilities: Durabilities,
  link: ValkeyLink,
  incident: (message: string) => void,
): Promise<void> {
  let replicas = 0;
  let isFsyncAsked = false;
  for (const durability of valuesOf(durabilities)) {
    if (durability.level === "fsynced") isFsyncAsked = true;
    if (durability.level === "replicated") replicas = Math.max(replicas, durability.replicas);
  }
  if (isFsyncAsked) await checkFsync(link, incident);
  if (replicas > 0) await checkReplicas(link, replicas, incident);
}

async function checkFsync(link: ValkeyLink, incident: (message: string) => void): Promise<void> {
  try {
    // Nothing was written on this connection, so this does not wait.
    await link.everywhere("WAITAOF", "1", "0", "100");
  } catch (error) {
    throw new StoreUnusable(
      `a board needs durability fsynced, which this Valkey cannot confirm (${error instanceof Error ? error.message : error}). ` +
        "Use Valkey 7.2 or Redis 7.2 or later with appendonly yes, or set DURABILITY to applied or replicated",
      error,
    );
  }
  // Not every operator allows CONFIG.
  const settings = await link.everywhere("CONFIG", "GET", "appendfsync").catch(() => []);
  if (settings.some((setting) => String(setting) === "appendfsync,no")) {
    incident("a board needs durability fsynced, but appendfsync is no, so its writes fail. Set appendfsync everysec");
  }
}

async function checkReplicas(link: ValkeyLink, wanted: number, incident: (message: string) => void): Promise<void> {
  const present = (await link.everywhere("INFO", "replication")).map(connectedReplicas);
  const fewest = Math.min(...present);
  if (fewest >= wanted) return;
  incident(`a board needs ${wanted} replicas and there are ${fewest}, so its writes fail. Add replicas to Valkey`);
}

function connectedReplicas(info: unknown): number {
  return Number(/^connected_slaves:(\d+)/m.exec(String(info))?.[1] ?? 0);
}
