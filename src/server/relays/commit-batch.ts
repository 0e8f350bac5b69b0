/*
 * Commits a relay's batch through the writer of this instance, where it joins what other relays and
 * clients write to the page. So the writer draws the tag, and the batch may become a part of a
 * larger one, or be split.
 */

import { offsetOf, type PageRef } from "../../board/geometry.js";
import { Refusal } from "../../protocol/errors.js";
import { DamagedPage } from "../../store/damage.js";
import {
  type Batch,
  type Committed,
  type Store,
  StoreAway,
  Unconfirmed,
  type WriteOutcome,
} from "../../store/store.js";
import type { SettleWrite, Writer } from "../writes/writer.js";

/** Rejects as `commit` of the store contract does. */
export function commitBatch(
  store: Pick<Store, "commit">,
  writer: Pick<Writer, "writeAll">,
  page: PageRef,
  batch: Batch,
): Promise<Committed> {
  const { writes, overridesFreeze = false } = batch;
  // The writer keeps the rules of frozen cells for all.
  if (overridesFreeze || writes.length === 0) return store.commit(page, batch);
  return new Promise((done, fail) => {
    const outcomes: WriteOutcome[] = [];
    const claimed: (readonly number[])[] = [];
    let last: Committed | undefined;
    let frozen: Committed["frozen"];
    let failure: Error | undefined;
    let left = writes.length;
    const settle =
      (place: number): SettleWrite =>
      (settled, committed, index) => {
        const outcome = index === undefined ? undefined : committed?.outcomes[index];
        if (!committed || !outcome) failure = worse(failure, failureOf(settled));
        else {
          outcomes[place] = outcome;
          if (outcome === "frozen") ({ frozen } = committed);
          if (outcome === "claimed" && settled instanceof Refusal) claimed[place] = (settled.cells ?? []).map(offsetOf);
          if (!last || committed.position.version >= last.position.version) last = committed;
        }
        if (--left > 0) return;
        if (failure || !last) return fail(last && hadNoEffect(failure) ? partlySent(failure) : failure);
        const { position, checked, storeMs } = last;
        done({
          position,
          outcomes,
          checked,
          ...(frozen && { frozen }),
          ...(claimed.length > 0 && { claimed: claimed.filter((offsets) => offsets !== undefined) }),
          ...(storeMs !== undefined && { storeMs }),
        });
      };
    writer.writeAll(page, writes, settle);
  });
}

function hadNoEffect(error: Error | undefined): boolean {
  return error instanceof StoreAway && !error.sent;
}

/** Other writes of the batch had an effect. */
function partlySent(cause: unknown): StoreAway {
  return new StoreAway("only part of the batch was committed", { sent: true, cause });
}

/** The failure that leaves more open. */
function worse(one: Error | undefined, other: Error): Error {
  return one && !hadNoEffect(one) ? one : other;
}

/** The store's error, for a write that the store has not judged. */
function failureOf(settled: unknown): Error {
  if (!(settled instanceof Refusal)) return new Error("the writer gave no outcome");
  const { message } = settled;
  switch (settled.code) {
    case "STORE_AWAY":
    case "BUSY":
    case "GOING_AWAY":
      return new StoreAway(message, { sent: false, cause: settled });
    case "OUTCOME_UNKNOWN":
      return new StoreAway(message, { sent: true, cause: settled });
    case "NOT_CONFIRMED":
      return new Unconfirmed(message);
    case "PAGE_DAMAGED":
      return new DamagedPage(message, settled);
  }
  return settled;
}
