/*
 * Sends many changes in portions: the next ones as earlier ones are acknowledged. So a large area
 * never fills the client's outbox, and the server's write budget sets the pace. Changes that still
 * wait here can be stopped. Their number is bounded by the caller.
 */

import { SendingPace } from "../../state/sending-pace.js";
import type { CellValue, Reader } from "./strokes.js";

/** The most changes that are on their way at a time. */
const PORTION_CELLS_MAX = 100;
/** At first, the burst is faster than the pace that lasts. So the pace is measured after it. */
const BURST_MS = 2_000;

interface PortionsOptions {
  readonly read: Reader;
  /** Resolves when the change is committed, and rejects if it is refused. */
  readonly set: (cell: number, value: boolean) => Promise<void>;
  /** These changes of a step will not be made. */
  readonly leftOut: (step: number, cells: readonly number[]) => void;
  readonly changed: () => void;
  readonly nowMs: () => number;
}

interface Progress {
  readonly done: number;
  readonly total: number;
  /** An estimate from the pace so far; undefined until there is one. */
  readonly secondsLeft: number | undefined;
}

export class Portions {
  readonly #options: PortionsOptions;
  readonly #waiting = new Map<number, CellValue & { readonly step: number }>();
  #underWay = 0;
  #isStopped = false;
  #done = 0;
  /** Refusals since the last change that was accepted. */
  #refusals = 0;
  #startMs: number | undefined;
  readonly #pace = new SendingPace();

  constructor(options: PortionsOptions) {
    this.#options = options;
  }

  get waiting(): number {
    return this.#waiting.size;
  }

  /** Undefined if all changes are acknowledged, or if no more will be sent after a stop. */
  get progress(): Progress | undefined {
    if (this.#waiting.size === 0 && (this.#underWay === 0 || this.#isStopped)) return undefined;
    const secondsLeft = this.#pace.secondsToGo(this.#options.nowMs());
    return { done: this.#done, total: this.#done + this.#left, secondsLeft };
  }

  get #left(): number {
    return this.#underWay + this.#waiting.size;
  }

  /** A few changes are made immediately, even if others wait. */
  send(step: number, values: readonly CellValue[]): void {
    if (values.length <= PORTION_CELLS_MAX) {
      for (const { cell, value } of values) {
        this.forget(cell);
        this.#options.set(cell, value).catch(() => undefined);
      }
      return;
    }
    for (const { cell, value } of values) {
      this.forget(cell);
      this.#waiting.set(cell, { cell, value, step });
    }
    this.#isStopped = false;
    this.#more();
    this.#options.changed();
  }

  /** The user has changed this cell in another way since. */
  forget(cell: number): void {
    const change = this.#waiting.get(cell);
    if (change) this.#leaveOut([change]);
  }

  /** Makes no more changes of this step; without one, of any. */
  stop(step?: number): void {
    this.#isStopped = true;
    this.#leaveOut([...this.#waiting.values()].filter((change) => step === undefined || change.step === step));
    this.#options.changed();
  }

  #leaveOut(changes: readonly (CellValue & { readonly step: number })[]): void {
    for (const { cell } of changes) this.#waiting.delete(cell);
    const steps = new Map<number, number[]>();
    for (const { step, cell } of changes) {
      const cells = steps.get(step);
      if (cells) cells.push(cell);
      else steps.set(step, [cell]);
    }
    for (const [step, cells] of steps) this.#options.leftOut(step, cells);
    this.#ended();
  }

  #more(): void {
    const { read, set, leftOut } = this.#options;
    for (const [cell, { value, step }] of this.#waiting) {
      if (this.#underWay >= PORTION_CELLS_MAX) break;
      this.#waiting.delete(cell);
      // Somebody else has set it meanwhile, so it is not this user's to undo.
      if (read(cell) === value) leftOut(step, [cell]);
      else {
        this.#underWay++;
        set(cell, value).then(
          () => this.#settled(true),
          () => this.#settled(false),
        );
      }
    }
    this.#ended();
  }

  #settled(isAccepted: boolean): void {
    this.#underWay--;
    this.#done++;
    this.#refusals = isAccepted ? 0 : this.#refusals + 1;
    const nowMs = this.#options.nowMs();
    this.#startMs ??= nowMs;
    if (nowMs - this.#startMs >= BURST_MS) this.#pace.note(this.#left, nowMs);
    // The reason for so many refusals would hold for the others, too.
    if (this.#refusals >= PORTION_CELLS_MAX) this.stop();
    if (this.#underWay <= PORTION_CELLS_MAX / 2) this.#more();
    this.#options.changed();
  }

  #ended(): void {
    if (this.#left > 0) return;
    this.#done = 0;
    this.#refusals = 0;
    this.#startMs = undefined;
    this.#pace.note(0, 0);
  }
}
