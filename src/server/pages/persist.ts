/* Requests to the store that are made until they succeed. */

import { backOffMs, type Clock, pause } from "../../protocol/clock.js";
import { StoreAway } from "../../store/store.js";

export interface Persistence {
  readonly clock: Clock;
  readonly retryMsFirst: number;
  readonly retryMsMax: number;
  readonly isClosed: () => boolean;
  /** Called for each failure that is not the world's. */
  readonly failed: (error: unknown) => void;
}

/** Undefined if the caller is closed before `action` succeeds. */
export async function persist<Result>(
  { clock, retryMsFirst, retryMsMax, isClosed, failed }: Persistence,
  action: () => Promise<Result>,
): Promise<Result | undefined> {
  for (let attempt = 0; !isClosed(); attempt++) {
    try {
      return await action();
    } catch (error) {
      if (!(error instanceof StoreAway)) failed(error);
      await pause(clock, backOffMs(clock, attempt, retryMsFirst, retryMsMax));
    }
  }
  return undefined;
}
