/* Compares what a system stored and showed with what was written. */

import { setTimeout as pause } from "node:timers/promises";
import type { BoardClient } from "./system.js";

export interface Correctness {
  /** Cells whose stored value is not the last one written. */
  readonly lostWrites: number;
  /** Clients that show some cell with a value that differs from the store. */
  readonly divergedClients: number;
  readonly brokenConnections: number;
  readonly refusedWrites: number;
  /** Frames that did not fit the client's position. */
  readonly gaps: number;
}

export interface Written {
  readonly cells: number;
  /** Each cell that was written, once, with its last value. */
  readonly last: Iterable<readonly [cell: number, value: boolean]>;
  readonly stored: (cell: number) => boolean;
}

const SETTLE_MS_MAX = 5_000;
const EVERY_MS = 200;

type Shown = Pick<BoardClient, "get" | "isOpen" | "refused" | "gaps">;

export function judge({ cells, last, stored }: Written, clients: readonly Shown[]): Correctness {
  const refused = clients.flatMap((client) => client.refused ?? []);
  // A refused write is not lost.
  const refusedCells = new Set(refused.map(({ cell }) => cell));
  let lostWrites = 0;
  for (const [cell, value] of last) if (stored(cell) !== value && !refusedCells.has(cell)) lostWrites++;
  const differs = (client: Shown) => {
    for (let cell = 0; cell < cells; cell++) if (client.get(cell) !== stored(cell)) return true;
    return false;
  };
  return {
    lostWrites,
    divergedClients: clients.filter(differs).length,
    brokenConnections: clients.filter(({ isOpen }) => !isOpen).length,
    refusedWrites: refused.length,
    gaps: clients.reduce((sum, client) => sum + (client.gaps ?? 0), 0),
  };
}

/** Describes the faults that no run of SocketScaler may have. */
export function faultsOf(system: string, found: Omit<Correctness, "gaps">): string[] {
  const faults = [
    [found.lostWrites, "lost writes"],
    [found.divergedClients, "diverged clients"],
    [found.brokenConnections, "connections cut off"],
    [found.refusedWrites, "refused writes, though all limits are raised"],
  ] as const;
  return faults.filter(([count]) => count > 0).map(([count, what]) => `${system}: ${count} ${what}`);
}

/** The faults and notes of a scenario, collected fleet by fleet. */
export class Remarks {
  readonly faults: string[] = [];
  readonly notes: string[] = [];

  add(system: string, judged: Correctness): void {
    this.faults.push(...faultsOf(system, judged));
    this.notes.push(...gapNotes(system, judged));
  }
}

/** Gaps are not faults, because a snapshot may repair them, but the report mentions them. */
export function gapNotes(system: string, { gaps }: Pick<Correctness, "gaps">): string[] {
  return gaps > 0 ? [`${system}: ${gaps} frames did not fit the position of their clients.`] : [];
}

/** The first judgement without a fault, or the last: a late frame is not a divergence. */
export async function judgeSettled(judgeNow: () => Promise<Correctness>): Promise<Correctness> {
  const endMs = performance.now() + SETTLE_MS_MAX;
  for (;;) {
    const judged = await judgeNow();
    if (faultsOf("", judged).length === 0 || performance.now() > endMs) return judged;
    await pause(EVERY_MS);
  }
}
