/* One visit of an adapter to a board, with bounds in time, and its failure in words. */

import type { Adapter, Visit } from "../adapters/adapter.js";
import { type BoardState, requireBoard } from "../adapters/board-state.js";
import { boundedGet } from "../adapters/bounded-get.js";
import { BadAnswer } from "../adapters/errors.js";
import { plainText } from "../adapters/plain-text.js";
import { inTime, whileWaiting } from "./wait.js";

const READ_MS_MAX = 6_000;

interface VisitOptions {
  readonly turn?: (() => Promise<void>) | undefined;
  /** The address of this machine from which the visitor comes. */
  readonly localAddress?: string;
  /** Counts the uses of `get`. */
  readonly asked?: { count: number };
}

export function visitTo(url: string, signal: AbortSignal, { turn, localAddress, asked }: VisitOptions = {}): Visit {
  return {
    url,
    signal,
    get: (path) => {
      if (asked) asked.count++;
      return boundedGet(new URL(path, `${url}/`), { signal, localAddress });
    },
    turn: turn ?? (async () => undefined),
  };
}

export async function readBoard(
  adapter: Adapter,
  url: string,
  signal: AbortSignal,
  options: VisitOptions = {},
): Promise<BoardState> {
  const tooLate = () => new BadAnswer(`${url} did not send its board within ${READ_MS_MAX / 1_000} s`);
  const sent = await whileWaiting(signal, (own) =>
    inTime(adapter.read(visitTo(url, own, options)), READ_MS_MAX, own, tooLate),
  ).catch((error) => fail(url, error));
  return requireBoard(sent, url);
}

/** Adapters fail with errors of any kind. */
export function fail(url: string, error: unknown): never {
  if (error instanceof BadAnswer) throw error;
  throw new BadAnswer(`${url}: ${plainText(error instanceof Error ? error.message : error)}`);
}
