/*
 * The user's changes, from `set` to their fate. They are checked, shown at once, queued, sent, and
 * reported if they are refused.
 */

import type { Bit } from "../board/bitmap.js";
import { BOARD_CELLS_MAX } from "../board/geometry.js";
import { type CellChanges, inSteps, type SetAllOptions } from "../board/steps.js";
import type { Clock } from "../protocol/clock.js";
import { Refusal } from "../protocol/errors.js";
import type { OpenResult } from "../protocol/events.js";
import type { BoardEvents, CellChange } from "./board.js";
import type { Dropped } from "./confirmed.js";
import type { Line } from "./line.js";
import { Outbox } from "./outbox.js";
import { Sender } from "./sender.js";
import { ShownCells } from "./shown-cells.js";
import type { Settle } from "./unit.js";
import type { WatchedPages } from "./watched-pages.js";

/** Calls of `set`, and cells of `setAll`, that may wait on one board. */
const PENDING_MAX = 10_000;

interface Listener extends Pick<BoardEvents, "delayed" | "roundTrip"> {
  changed(changes: readonly CellChange[]): void;
  refused(changes: readonly Dropped[], refusal: Refusal): void;
  /** The instance has acknowledged a write. */
  heard(): void;
}

export class UserChanges {
  readonly outbox = new Outbox();
  readonly shown: ShownCells;
  readonly #sender: Sender;
  readonly #clock: Clock;
  readonly #listener: Listener;
  #opened: OpenResult | undefined;
  #failure: Refusal | undefined;

  constructor(pages: WatchedPages, line: Line, session: string, clock: Clock, listener: Listener) {
    this.shown = new ShownCells(this.outbox, pages);
    this.#clock = clock;
    this.#listener = listener;
    this.#sender = new Sender(this.outbox, line, session, clock, {
      ...listener,
      acknowledged: (at) => {
        listener.heard();
        listener.changed(this.shown.acknowledged(at));
      },
      dropped: (dropped, refusal) => this.#dropped(dropped, refusal),
    });
  }

  set(cell: number, value: boolean): Promise<void> {
    const bit = value ? 1 : 0;
    return this.#enter([[[cell, bit]]], true, (_, settle) => this.outbox.set(cell, bit, this.#clock.now(), settle));
  }

  setAll(changes: Iterable<readonly [cell: number, value: boolean]>, { split = false }: SetAllOptions): Promise<void> {
    const last = new Map<number, Bit>();
    for (const [cell, value] of changes) last.set(cell, value ? 1 : 0);
    const steps = inSteps(last, this.#opened?.limits.writeCellsMax ?? Number.POSITIVE_INFINITY);
    return this.#enter(steps, split, (step, settle) => this.outbox.setAll(step, split, this.#clock.now(), settle));
  }

  connected(opened: OpenResult): void {
    this.#opened = opened;
    this.#sender.connected(opened);
  }

  disconnected(): void {
    this.#sender.disconnected();
  }

  close(reason: Refusal): void {
    this.#failure = reason;
    this.#sender.close();
    this.expire(Number.POSITIVE_INFINITY, reason);
  }

  /** Gives up the changes that were made before `beforeMs`. */
  expire(beforeMs: number, reason: Refusal): void {
    this.#dropped(this.outbox.expire(beforeMs, reason), reason);
  }

  #enter(
    steps: readonly CellChanges[],
    canSplit: boolean,
    queue: (step: CellChanges, settle: Settle) => void,
  ): Promise<void> {
    const ops = steps.flat().map(([cell, value]) => ({ cell, value }));
    const refusal = this.#check(ops) ?? (steps.length > 1 && !canSplit ? new Refusal("NEEDS_SPLIT") : undefined);
    if (refusal) {
      this.#listener.refused(ops, refusal);
      return Promise.reject(refusal);
    }
    const changes = ops.flatMap(({ cell, value }) => {
      const isChecked = value === 1;
      return this.shown.get(cell) === isChecked ? [] : { cell, value: isChecked, mine: true };
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
    this.#listener.changed(changes);
    this.#sender.wake();
    return Promise.all(settled).then(() => undefined);
  }

  #check(ops: readonly Dropped[]): Refusal | undefined {
    if (this.#failure) return this.#failure;
    const size = this.#opened?.size ?? BOARD_CELLS_MAX;
    const cells = ops.flatMap(({ cell }) => (Number.isSafeInteger(cell) && cell >= 0 && cell < size ? [] : cell));
    if (cells.length > 0) return new Refusal("CELL_OUT_OF_RANGE", { cells });
    return this.outbox.waiting + ops.length > PENDING_MAX ? new Refusal("OUTBOX_FULL") : undefined;
  }

  #dropped(dropped: readonly Dropped[], refusal: Refusal): void {
    this.#listener.changed(this.shown.dropped(dropped, true));
    this.#listener.refused(dropped, refusal);
  }
}
