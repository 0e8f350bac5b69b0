/*
 * The writes that have a number and no outcome yet. A later change of one of their cells waits. If
 * it were sent now, an earlier attempt could overtake it.
 */

import type { CellChanges } from "../../board/steps.js";
import { changesOf, opsOf, type Unit } from "./queue.js";

export interface OutboxWrite {
  readonly seq: number;
  readonly changes: CellChanges;
}

interface Write {
  units: readonly Unit[];
  /** Whether it was sent on the current connection. */
  isSent: boolean;
  /** An earlier attempt may have taken effect, or may still do so. */
  isUncertain: boolean;
}

export class InFlight {
  readonly cells = new Set<number>();
  readonly #writes = new Map<number, Write>();

  get size(): number {
    return this.#writes.size;
  }

  /** The smallest open number. */
  get oldest(): number | undefined {
    const [oldest] = this.#writes.keys();
    return oldest;
  }

  /** Oldest first. */
  get all(): readonly (readonly [seq: number, units: readonly Unit[]])[] {
    return Array.from(this.#writes, ([seq, { units }]) => [seq, units] as const);
  }

  get(seq: number): Readonly<Write> | undefined {
    return this.#writes.get(seq);
  }

  /** `isUncertain`: it may have been sent before. Otherwise it is sent now. */
  add(seq: number, units: readonly Unit[], isUncertain = false): void {
    this.#writes.set(seq, { units, isSent: !isUncertain, isUncertain });
    for (const { cell } of opsOf(units)) this.cells.add(cell);
  }

  /** The write consists of these units alone from now on. */
  reduce(seq: number, units: readonly Unit[]): void {
    const write = this.#writes.get(seq);
    if (!write) return;
    for (const { cell } of opsOf(write.units)) this.cells.delete(cell);
    for (const { cell } of opsOf(units)) this.cells.add(cell);
    write.units = units;
  }

  /** The number is used up. */
  close(seq: number): readonly Unit[] {
    const { units } = this.#writes.get(seq) ?? { units: [] };
    this.#writes.delete(seq);
    for (const { cell } of opsOf(units)) this.cells.delete(cell);
    return units;
  }

  /** The outcome is unknown, so the write must be sent again. */
  unsettled(seq: number): void {
    const write = this.#writes.get(seq);
    if (!write) return;
    write.isSent = false;
    write.isUncertain = true;
  }

  disconnected(): void {
    for (const seq of this.#writes.keys()) this.unsettled(seq);
  }

  /** The writes to send again, oldest first. */
  takeUnsent(): OutboxWrite[] {
    const writes: OutboxWrite[] = [];
    for (const [seq, write] of this.#writes) {
      if (write.isSent) continue;
      write.isSent = true;
      writes.push({ seq, changes: changesOf(write.units) });
    }
    return writes;
  }
}
