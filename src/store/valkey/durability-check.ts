/*
 * Checks at startup, rather than at the first write, whether the servers provide the durability
 * that boards need. If a board needs fsynced, a server without WAITAOF or an append-only file is
 * refused. Conditions that may change are only reported: missing replicas, and a file that is never
 * synced.
 */

import { countOf } from "../../protocol/count.js";
import { valuesOf } from "../by-board.js";
import type { Durabilities } from "../durability.js";
import { StoreUnusable } from "../store.js";
import { readInfo } from "./eviction.js";
import type { ValkeyLink } from "./routing/link.js";

type Report = (message: string) => void;

/** The number of replicas that the most demanding board needs. */
export function replicasWanted(durabilities: Durabilities): number {
  return Math.max(...valuesOf(durabilities).map((each) => (each.level === "replicated" ? each.replicas : 0)));
}

/** A sentence for operators, for `present` fewer than `wanted`. */
export function missingReplicas(wanted: number, present: number): string {
  const connected = present === 0 ? "none is" : present === 1 ? "only 1 is" : `only ${present} are`;
  return `a board requires ${countOf(wanted, "replica")}, but ${connected} connected`;
}

/** Rejects with StoreUnusable. */
export async function checkDurabilities(durabilities: Durabilities, link: ValkeyLink, report: Report): Promise<void> {
  if (valuesOf(durabilities).some(({ level }) => level === "fsynced")) await checkFsync(link, report);
  const wanted = replicasWanted(durabilities);
  if (wanted === 0) return;
  const infos = (await link.everywhere("INFO", "replication")).map((info) => readInfo(String(info)));
  const fewest = Math.min(...infos.map((info) => Number(info("connected_slaves"))));
  if (fewest >= wanted) return;
  report(`${missingReplicas(wanted, fewest)}, so its writes are not acknowledged. Add replicas to Valkey`);
}

async function checkFsync(link: ValkeyLink, report: Report): Promise<void> {
  try {
    // Nothing was written on this connection, so this does not wait.
    await link.everywhere("WAITAOF", "1", "0", "100");
  } catch (error) {
    throw new StoreUnusable(
      `a board requires durability fsynced, which this Valkey cannot confirm (${error instanceof Error ? error.message : error}). ` +
        "Use Valkey 7.2 or Redis 7.2 or later with appendonly yes, or set DURABILITY to applied or replicated:N",
      error,
    );
  }
  // The ACL user may lack CONFIG.
  const settings = await link.everywhere("CONFIG", "GET", "appendfsync").catch(() => []);
  if (settings.some((setting) => String(setting) === "appendfsync,no")) {
    report(
      "a board requires durability fsynced, but appendfsync is no, so its writes are not acknowledged. Set appendfsync everysec",
    );
  }
}
