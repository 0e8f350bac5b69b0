/* What the peer of a request that only reads is told of a store that is away. */

import { Refusal } from "../protocol/errors.js";
import { StoreAway } from "../store/store.js";

/** For `catch`: throws STORE_AWAY for a store that is away, and everything else as it came. */
export function refuseAway(error: unknown): never {
  if (error instanceof StoreAway) throw new Refusal("STORE_AWAY", { retryAfterMs: 1_000, cause: error });
  throw error;
}
