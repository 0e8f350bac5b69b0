/* The refusals of requests if the store is unavailable, or its data of a page is damaged. */

import { Refusal } from "../../protocol/errors.js";
import { DamagedPage } from "../../store/damage.js";
import { StoreAway } from "../../store/store.js";

/** A person must repair the page. */
const DAMAGED_RETRY_MS = 10_000;

/** For the `catch` of a read: throws the refusal for a fault of the store, or the error itself. */
export function refuseAway(error: unknown): never {
  if (error instanceof StoreAway) throw new Refusal("STORE_AWAY", { retryAfterMs: 1_000, cause: error });
  throw refuseDamaged(error);
}

/** The refusal for a damaged page, or the error itself. */
export function refuseDamaged(error: unknown): unknown {
  return error instanceof DamagedPage
    ? new Refusal("PAGE_DAMAGED", { retryAfterMs: DAMAGED_RETRY_MS, cause: error })
    : error;
}
