/* The parts that all watches share: three ways to end them, and refusals that name the board. */

import type { Watch } from "../api/board.js";
import { untilAborted } from "../timing/until-aborted.js";
import { named } from "./named.js";

/** The pages or counts that a watch holds. */
export interface Held {
  readonly ready: Promise<void>;
  stop(): void;
}

export function watchOf(board: string, held: Held, signal: AbortSignal | undefined): Watch {
  // Listens to the signal before `stop` does, because `stop` settles `ready`.
  const ready = untilAborted(named(board, held.ready), signal);
  ready.catch(() => undefined);
  const stop = () => {
    signal?.removeEventListener("abort", stop);
    held.stop();
  };
  if (signal?.aborted) stop();
  else signal?.addEventListener("abort", stop);
  return { ready, stop, [Symbol.dispose]: stop };
}
