/*
 * What happened on a page in a time, for a replay: what the page was at the beginning, and each delta since with its time.
 * Both are the frames of the protocol, in base64url, so that whoever reads those can replay.
 */

import { cropUpdate } from "../board/delta.js";
import { cellsInPage } from "../board/geometry.js";
import { toBase64url } from "../protocol/base64url.js";
import { encodeDelta, encodeSnapshot } from "../protocol/codec.js";
import { Refusal } from "../protocol/errors.js";
import { ofBoard } from "../store/by-board.js";
import type { Instance } from "./instance.js";
import type { HostedBoard } from "./pages.js";
import { refuseAway } from "./store-refusal.js";

export interface HistoryBody {
  readonly page: number;
  /** Milliseconds since 1970 by the store's clock. `from` may be later than asked: where the record, or the answer, begins. */
  readonly from: number;
  readonly to: number;
  readonly now: number;
  /** A snapshot frame: the page at `from`. */
  readonly start: string;
  /** Delta frames, in order. */
  readonly deltas: readonly (readonly [ms: number, frame: string])[];
}

/** Without `fromMs` as far back as is recorded, without `toMs` up to the present. */
export async function readHistory(
  instance: Instance,
  board: HostedBoard,
  page: number,
  fromMs: number | undefined,
  toMs: number | undefined,
): Promise<HistoryBody> {
  const keptMs = ofBoard(instance.history, board.name);
  if (keptMs === 0) throw new Refusal("NOT_FOUND", { detail: `board ${board.name} keeps no history: see HISTORY` });
  const range = { fromMs: fromMs ?? 0, toMs: toMs ?? Number.POSITIVE_INFINITY };
  const history = await instance.store.history({ board: board.name, page }, range).catch(refuseAway);
  if (!history) throw new Refusal("NOT_FOUND");
  const cells = cellsInPage(board.size, page);
  const { nowMs, deltas } = history;
  const from = Math.max(history.fromMs, nowMs - keptMs);
  return {
    page,
    from,
    to: Math.max(from, Math.min(range.toMs, nowMs)),
    now: nowMs,
    start: toBase64url(encodeSnapshot(board.handle, cropUpdate(history.start, cells))),
    deltas: deltas.map(({ ms, delta }) => [ms, encodeDelta(board.handle, cropUpdate(delta, cells))]),
  };
}
