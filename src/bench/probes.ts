/*
 * The time that a click takes to show. Instances merge changes, so if a cell is written twice, it
 * is unknown which write a client shows. Every tenth cell is therefore a probe, written only when
 * its last write is acknowledged and five seconds old. Its arrival is timed at every client.
 * Probes travel in the same frames as the rest, so their times hold for all. The times of their
 * writes are in memory that all threads share, by one monotonic clock.
 */

const STRIDE = 10;
const REST_MS = 5_000;

/** Milliseconds of the machine's monotonic clock, the same on every thread. */
export const sharedNow: () => number = (() => {
  const offset = Number(process.hrtime.bigint()) / 1e6 - performance.now();
  return () => performance.now() + offset;
})();

export class Probes {
  readonly count: number;
  readonly #stride: number;
  /** Time of each probe's last write, negative if the value was 0. 64-bit stores never tear. */
  readonly #written: Float64Array;

  /** For the cells 0 … cells - 1. All threads get the same `shared`, made by `Probes.memory`. */
  constructor(cells: number, shared: SharedArrayBuffer) {
    this.#stride = Math.min(STRIDE, cells);
    this.count = Math.floor(cells / this.#stride);
    this.#written = new Float64Array(shared);
  }

  static memory(cells: number): SharedArrayBuffer {
    return new SharedArrayBuffer(8 * Math.floor(cells / Math.min(STRIDE, cells)));
  }

  cellOf(probe: number): number {
    return probe * this.#stride + this.#stride - 1;
  }

  /** The cell itself, or its neighbour if it is a probe: the load must not touch probes. */
  beside(cell: number): number {
    return this.#isProbe(cell) && this.#stride > 1 ? cell - 1 : cell;
  }

  wrote(probe: number, value: boolean): void {
    this.#written[probe] = value ? sharedNow() : -sharedNow();
  }

  /** Milliseconds since the write; undefined if the cell is not a probe or shows an older write. */
  seen(cell: number, value: boolean): number | undefined {
    if (!this.#isProbe(cell)) return undefined;
    const written = this.#written[Math.floor(cell / this.#stride)] ?? 0;
    if (written === 0 || written > 0 !== value) return undefined;
    return sharedNow() - Math.abs(written);
  }

  #isProbe(cell: number): boolean {
    return cell % this.#stride === this.#stride - 1;
  }
}

/** One thread's share of the probes, in turn. No two threads write the same probe. */
export class ProbeTurns {
  readonly #probes: Probes;
  readonly #first: number;
  readonly #step: number;
  readonly #count: number;
  readonly #turns = new Map<number, { atMs: number; isOpen: boolean; value: boolean }>();
  #next = 0;

  constructor(probes: Probes, worker: number, workers: number) {
    this.#probes = probes;
    this.#first = worker;
    this.#step = workers;
    this.#count = Math.floor((probes.count - 1 - worker) / workers) + 1;
  }

  /** The next probe, if it has rested. Successive probes lie far apart, on all pages. */
  take(): number | undefined {
    if (this.#count < 1) return undefined;
    const probe = this.#first + this.#step * (this.#next % this.#count);
    const turn = this.#turns.get(probe);
    if (turn && (turn.isOpen || sharedNow() - turn.atMs < REST_MS)) return undefined;
    this.#next += coprimeStep(this.#count);
    return probe;
  }

  wrote(probe: number, value: boolean): void {
    this.#turns.set(probe, { atMs: sharedNow(), isOpen: true, value });
    this.#probes.wrote(probe, value);
  }

  /** After a refusal, nothing is known about the probe. */
  settled(probe: number, isAcknowledged: boolean): void {
    const turn = this.#turns.get(probe);
    if (!turn) return;
    turn.isOpen = false;
    if (!isAcknowledged) this.#turns.delete(probe);
  }

  /** Acknowledged values that the store must have, because they are the last writes. */
  *acknowledged(): Iterable<{ readonly cell: number; readonly value: boolean }> {
    for (const [probe, { isOpen, value }] of this.#turns) {
      if (!isOpen) yield { cell: this.#probes.cellOf(probe), value };
    }
  }
}

/** A step near the golden ratio that visits all of `count` places before it repeats. */
function coprimeStep(count: number): number {
  for (let step = Math.max(1, Math.round(count * 0.618)); ; step++) if (gcd(step, count) === 1) return step;
}

function gcd(a: number, b: number): number {
  return b === 0 ? a : gcd(b, a % b);
}
