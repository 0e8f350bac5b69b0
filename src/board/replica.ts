/*
 * A replica: a copy of one page that follows the page's history. The same class runs in the
 * instance, behind Pub/Sub, and in the client, behind a socket. Both channels may lose messages,
 * and only this class detects it.
 *
 *     receive(delta)     delta.from is our position            -> applied
 *                        delta.to is our position, or was      -> duplicate, dropped
 *                        anything else                         -> gap: the caller asks for the rest
 *     receive(snapshot)  always applied. The caller asked for it at our position, on an ordered
 *                        channel. Its version may be lower than ours, if the store was
 *                        restored from an older dump or lost its last writes.
 *
 * Pure: no clock, no I/O. A new replica is at genesis, which is a true state of every page.
 */

import { type Bit, bitmapBytes, countBits, eachDifference, getBit, setBit } from "./bitmap.js";
import { changedOffset, changedValue, type Delta, type Snapshot } from "./delta.js";
import { keepNewest } from "./keep-newest.js";
import { GENESIS, type Position, samePosition } from "./position.js";

export type Outcome = "applied" | "duplicate" | "gap";

/** Called for each cell that actually changed, in ascending order. */
type ChangeVisitor = (offset: number, value: Bit) => void;

/** Remembered positions, which distinguish a late duplicate from a fork. */
const PASSED_MAX = 128;

export class Replica {
  readonly page: number;
  readonly cells: number;
  readonly bits: Uint8Array;
  #position: Position = GENESIS;
  #checked = 0;
  /** Version -> tag of the last positions of this replica, oldest first. */
  readonly #passed = new Map<number, string>([[GENESIS.version, GENESIS.tag]]);

  constructor(page: number, cells: number) {
    this.page = page;
    this.cells = cells;
    this.bits = new Uint8Array(bitmapBytes(cells));
  }

  get position(): Position {
    return this.#position;
  }

  get checked(): number {
    return this.#checked;
  }

  get(offset: number): Bit {
    return getBit(this.bits, offset);
  }

  receive(update: Delta | Snapshot, visit?: ChangeVisitor): Outcome {
    return update.kind === "delta" ? this.#apply(update, visit) : this.#restart(update, visit);
  }

  snapshot(): Snapshot {
    return { kind: "snapshot", page: this.page, position: this.#position, bits: this.bits };
  }

  #apply(delta: Delta, visit: ChangeVisitor | undefined): Outcome {
    if (!samePosition(delta.from, this.#position)) {
      return this.#passed.get(delta.to.version) === delta.to.tag ? "duplicate" : "gap";
    }
    const last = delta.changes.at(-1);
    if (last !== undefined && changedOffset(last) >= this.cells) throw this.#misfit();
    for (const change of delta.changes) {
      const offset = changedOffset(change);
      const value = changedValue(change);
      if (!setBit(this.bits, offset, value)) continue;
      this.#checked += value ? 1 : -1;
      visit?.(offset, value);
    }
    this.#moveTo(delta.to);
    return "applied";
  }

  #restart(snapshot: Snapshot, visit: ChangeVisitor | undefined): Outcome {
    if (samePosition(snapshot.position, this.#position)) return "duplicate";
    if (snapshot.bits.length > this.bits.length) throw this.#misfit();
    const after = new Uint8Array(this.bits.length);
    after.set(snapshot.bits);
    if (visit) eachDifference(this.bits, after, visit);
    this.bits.set(after);
    this.#checked = countBits(after);
    this.#passed.clear();
    this.#moveTo(snapshot.position);
    return "applied";
  }

  #misfit(): RangeError {
    return new RangeError(`an update of page ${this.page} exceeds its ${this.cells} cells`);
  }

  #moveTo(position: Position): void {
    this.#position = position;
    this.#passed.set(position.version, position.tag);
    keepNewest(this.#passed, PASSED_MAX);
  }
}
