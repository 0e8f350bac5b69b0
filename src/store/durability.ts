/*
 * How safe a write is before it is acknowledged, by board:
 *
 *     applied        the primary (or the embedded store) has applied it
 *     fsynced        and it is in the append-only file on disk (WAITAOF; embedded: LMDB's sync)
 *     replicated:2   and two replicas have it (WAIT)
 *
 * docs/guarantees.md lists the faults that each level survives. Only other faults can lose an
 * acknowledged write.
 */

import { type ByBoard, parseByBoard } from "./by-board.js";

export type Durability =
  | { readonly level: "applied" }
  | { readonly level: "fsynced" }
  | { readonly level: "replicated"; readonly replicas: number };

export const APPLIED: Durability = { level: "applied" };

/**
 * How long one attempt at a write waits for its copies. `appendfsync everysec` needs one second.
 */
export const DURABILITY_WAIT_MS = 1_500;

export type Durabilities = ByBoard<Durability>;

export const ALL_APPLIED: Durabilities = { boards: new Map(), others: APPLIED };

/**
 * Parses `fsynced`, `main=replicated:2,seats=fsynced` or `applied,seats=fsynced`. Undefined for
 * others.
 */
export function parseDurabilities(text: string): Durabilities | undefined {
  return parseByBoard(text, parseDurability, APPLIED);
}

const REPLICATED = /^replicated(?::([1-9]))?$/;

/** The durability that `text` names, or undefined. */
function parseDurability(text: string): Durability | undefined {
  if (text === "applied" || text === "fsynced") return { level: text };
  const match = REPLICATED.exec(text);
  return match ? { level: "replicated", replicas: Number(match[1] ?? 1) } : undefined;
}

export function formatDurability(durability: Durability): string {
  return durability.level === "replicated" ? `replicated:${durability.replicas}` : durability.level;
}
