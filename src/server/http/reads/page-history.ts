/*
 * The history of pages over a period, for replay. Of one page: a snapshot of the start, and each
 * later delta with its time. Both are protocol frames in base64url, which clients can decode
 * already. Of several pages: when the first change was, and how much happened since.
 */

import { cropUpdate } from "../../../board/delta.js";
import { cellsInPage } from "../../../board/geometry.js";
import { toBase64url } from "../../../protocol/base64url.js";
import { encodeSnapshot } from "../../../protocol/codec.js";
import { encodeDelta } from "../../../protocol/delta-text.js";
import { Refusal } from "../../../protocol/errors.js";
import { ofBoard } from "../../../store/by-board.js";
import type { Instance } from "../../instance/instance.js";
import type { HostedBoard } from "../../pages/pages.js";
import { refuseAway } from "../../pages/store-refusal.js";
import { InTurn } from "../requests/in-turn.js";

export interface HistoryBody {
  readonly page: number;
  /**
   * Milliseconds since 1970 by the store's clock. Later than requested if the record begins later,
   * or if the answer would be too large.
   */
  readonly from: number;
  readonly to: number;
  readonly now: number;
  /** A snapshot frame of the page at `from`. */
  readonly start: string;
  readonly deltas: readonly (readonly [ms: number, frame: string])[];
}

export interface ActivityBody {
  /** The time of the first change in the period, by the store's clock; `to` if there is none. */
  readonly from: number;
  readonly to: number;
  /** The number of batches in each equal part of `from` to `to`; empty if there is none. */
  readonly counts: readonly number[];
}

/** Parts of the answer about activity: a few pixels of a slider each. */
const PARTS = 48;
/**
 * Most requests in the queue. A replay asks for up to 64 pages, so this is enough for several
 * viewers.
 */
const WAITING_MAX = 256;
/** Deltas encoded in one turn of the event loop, which takes one or two milliseconds. */
const ENCODED_AT_ONCE = 200;

/** Answers requests one after another, because several at the same time would delay clicks. */
export class HistoryReads {
  readonly #instance: Instance;
  readonly #turns = new InTurn(WAITING_MAX);

  constructor(instance: Instance) {
    this.#instance = instance;
  }

  /** Reads the whole record by default: from its start to the present. */
  async read(board: HostedBoard, page: number, fromMs = 0, toMs = Number.POSITIVE_INFINITY): Promise<HistoryBody> {
    return this.#turns.run(() => readHistory(this.#instance, board, page, { fromMs, toMs }));
  }

  /**
   * How much happened on the pages together, since the first change in the period. Each page is a
   * turn of its own, so that a question about many does not hold up the others.
   */
  async activity(board: HostedBoard, pages: readonly number[], fromMs: number, toMs: number): Promise<ActivityBody> {
    const { store } = this.#instance;
    const keptMs = requireHistory(this.#instance, board);
    const read = (page: number, fromMs: number, parts: number) =>
      this.#turns.run(() => store.activity({ board: board.name, page }, { fromMs, toMs }, parts).catch(refuseAway));
    const active: number[] = [];
    let firstMs = toMs;
    for (const page of pages) {
      const found = await read(page, fromMs, 0);
      if (found?.firstMs === undefined) continue;
      active.push(page);
      // The store may have more than it promises.
      firstMs = Math.min(firstMs, Math.max(found.firstMs, found.nowMs - keptMs));
    }
    const counts = new Array<number>(active.length === 0 ? 0 : PARTS).fill(0);
    for (const page of active) {
      const found = await read(page, firstMs, PARTS);
      for (const [part, count] of (found?.counts ?? []).entries()) counts[part] = (counts[part] ?? 0) + count;
    }
    return { from: firstMs, to: toMs, counts };
  }
}

async function readHistory(
  instance: Instance,
  board: HostedBoard,
  page: number,
  range: { readonly fromMs: number; readonly toMs: number },
): Promise<HistoryBody> {
  const keptMs = requireHistory(instance, board);
  const history = await instance.store.history({ board: board.name, page }, range).catch(refuseAway);
  if (!history) throw new Refusal("NOT_FOUND");
  const cells = cellsInPage(board.size, page);
  const { nowMs, deltas } = history;
  const frames: [ms: number, frame: string][] = [];
  for (const [index, { ms, delta }] of deltas.entries()) {
    if (index % ENCODED_AT_ONCE === 0) await new Promise(setImmediate);
    frames.push([ms, encodeDelta(board.handle, cropUpdate(delta, cells))]);
  }
  const from = Math.max(history.fromMs, nowMs - keptMs);
  return {
    page,
    from,
    to: Math.max(from, Math.min(range.toMs, nowMs)),
    now: nowMs,
    start: toBase64url(encodeSnapshot(board.handle, cropUpdate(history.start, cells))),
    deltas: frames,
  };
}

/**
 * How long the board's history is kept, in milliseconds. Throws NOT_FOUND if the board keeps none.
 */
export function requireHistory(instance: Instance, { name }: HostedBoard): number {
  const keptMs = ofBoard(instance.history, name);
  if (keptMs === 0)
    throw new Refusal("NOT_FOUND", { message: `Board ${name} keeps no history. Turn it on with HISTORY.` });
  return keptMs;
}
