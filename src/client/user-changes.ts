/* The user's changes enter the outbox here: they are checked, shown at once, and queued. */

import type { Bit } from "../board/bitmap.js";
import { BOARD_CELLS_MAX } from "../board/geometry.js";
import { type CellChanges, inSteps, type SetAllOptions } from "../board/steps.js";
import type { Clock } from "../protocol/clock.js";
import { Refusal } from "../protocol/errors.js";
import type { OpenResult } from "../protocol/events.js";
import type { CellChange } from "./board.js";
import type { Dropped } from "./confirmed.js";
import type { Outbox } from "./outbox.js";
import type { ShownCells } from "./shown-cells.js";
import type { Settle } from "./unit.js";

/** Calls of `set`, and cells of `setAll`, that may wait on one board. */
const PENDING_MAX = 10_000;

interface Parts {
  readonly outbox: Outbox;
  readonly shown: ShownCells;
  readonly clock: Clock;
  /** The instance's last answer to `open`. */
  known(): OpenResult | undefined;
  /** Why the board is closed, if it is. */
  failure(): Refusal | undefined;
  changed(changes: readonly CellChange[]): void;
  refused(changes: readonly Dropped[], refusal: Refusal): void;
  /** The outbox has something to send. */
  queued(): void;
}

export class UserChanges {
  readonly #parts: Parts;

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  set(cell: number, value: boolean): Promise<void> {
    const { outbox, clock } = this.#parts;
    const bit = value ? 1 : 0;
    return this.#enter([[[cell, bit]]], true, (_, settle) => outbox.set(cell, bit, clock.now(), settle));
  }

  setAll(changes: Iterable<readonly [cell: number, value: boolean]>, { split = false }: SetAllOptions): Promise<void> {
    const { outbox, clock, known } = this.#parts;
    const last = new Map<number, Bit>();
    for (const [cell, value] of changes) last.set(cell, value ? 1 : 0);
    const steps = inSteps(last, known()?.limits.writeCellsMax ?? Number.POSITIVE_INFINITY);
    return this.#enter(steps, split, (step, settle) => outbox.setAll(step, split, clock.now(), settle));
  }

  #enter(
    steps: readonly CellChanges[],
    canSplit: boolean,
    queue: (step: CellChanges, settle: Settle) => void,
  ): Promise<void> {
    const { shown, changed, refused, queued } = this.#parts;
    const ops = steps.flat().map(([cell, value]) => ({ cell, value }));
    const refusal = this.#check(ops) ?? (steps.length > 1 && !canSplit ? new Refusal("NEEDS_SPLIT") : undefined);
    if (refusal) {
      refused(ops, refusal);
      return Promise.reject(refusal);
    }
    const changes = ops.flatMap(({ cell, value }) => {
      const isChecked = value === 1;
      return shown.get(cell) === isChecked ? [] : { cell, value: isChecked, mine: true };
    });
    const settled = steps.map(
      (step) =>
        new Promise<void>((done, fail) => {
          let open = step.length;
          queue(step, (error) => {
            if (error) fail(error);
            else if (--open === 0) done();
          });
        }),
    );
    changed(changes);
    queued();
    return Promise.all(settled).then(() => undefined);
  }

  #check(ops: readonly Dropped[]): Refusal | undefined {
    const { outbox, known, failure } = this.#parts;
    const size = known()?.size ?? BOARD_CELLS_MAX;
    const cells = ops.flatMap(({ cell }) => (Number.isSafeInteger(cell) && cell >= 0 && cell < size ? [] : cell));
    return (
      failure() ??
      (cells.length > 0 ? new Refusal("CELL_OUT_OF_RANGE", { cells }) : undefined) ??
      (outbox.waiting + ops.length > PENDING_MAX ? new Refusal("OUTBOX_FULL") : undefined)
    );
  }
}
