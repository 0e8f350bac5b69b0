/* Requests to the store that are repeated until they succeed. */

import { backOffMs, type Clock, pause } from "../../protocol/clock.js";
import { StoreAway } from "../../store/store.js";

export interface Persistence {
  readonly clock: Clock;
  readonly retryMs: { readonly first: number; readonly most: number };
  readonly isClosed: () => boolean;
  /** Called for each failure except an unavailable store. */
  readonly failed: (error: unknown) => void;
}

/** Resolves with undefined if the caller is closed before `action` succeeds. */
export async function persist<Result>(
  { clock, retryMs, isClosed, failed }: Persistence,
  action: () => Promise<Result>,
): Promise<Result | undefined> {
  for (let attempt = 0; !isClosed(); attempt++) {
    try {
      return await action();
    } catch (error) {
      if (!(error instanceof StoreAway)) failed(error);
      await pause(clock, backOffMs(clock, attempt, retryMs.first, retryMs.most));
    }
  }
  return undefined;
}
