/* Whether what a system stored and showed is what was written. Pure: the harness gives it what was written, stored and shown. */

import type { BoardClient } from "./system.js";

export interface Correctness {
  /** Cells that the store has otherwise than they were last written. */
  readonly lostWrites: number;
  /** Clients that show a cell otherwise than the store. */
  readonly divergedClients: number;
  readonly brokenConnections: number;
  /** Writes that the server said it did not make. */
  readonly refusedWrites: number;
  /** Frames that did not fit what the client had. */
  readonly gaps: number;
}

export interface Written {
  readonly cells: number;
  /** Each cell that was written, once, with its last value. */
  readonly last: Iterable<readonly [cell: number, value: boolean]>;
  readonly stored: (cell: number) => boolean;
}

type Shown = Pick<BoardClient, "get" | "isOpen" | "refused" | "gaps">;

export function judge({ cells, last, stored }: Written, clients: readonly Shown[]): Correctness {
  const refused = clients.flatMap((client) => client.refused ?? []);
  // Whoever was told that nothing was changed has lost nothing.
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

/** What may be in no run of ours, in words: a run with any of it has failed. */
export function faultsOf(system: string, found: Omit<Correctness, "gaps">): string[] {
  const faults = [
    [found.lostWrites, "lost writes"],
    [found.divergedClients, "diverged clients"],
    [found.brokenConnections, "connections cut off"],
    [found.refusedWrites, "refused writes, though all limits are raised"],
  ] as const;
  return faults.filter(([count]) => count > 0).map(([count, what]) => `${system}: ${count} ${what}`);
}

/** What is to be said of the runs of a scenario, gathered from one fleet after the other. */
export class Remarks {
  readonly faults: string[] = [];
  readonly notes: string[] = [];

  add(system: string, judged: Correctness): void {
    this.faults.push(...faultsOf(system, judged));
    this.notes.push(...gapNotes(system, judged));
  }
}

/** Gaps are no fault, as a snapshot may mend them, but are not to be passed over. */
export function gapNotes(system: string, { gaps }: Pick<Correctness, "gaps">): string[] {
  return gaps > 0 ? [`${system}: ${gaps} frames did not fit what their clients had.`] : [];
}
