/* Reads a board's history over HTTP. A malformed answer counts as none. */

import { bitmapBytes } from "../../../board/bitmap.js";
import { decodeSnapshot } from "../../../protocol/codec.js";
import { decodeDelta } from "../../../protocol/delta-text.js";
import { fromBase64url } from "../../../protocol/from-base64url.js";
import { boardPath, isObject, readJson } from "../../address/instance-answers.js";
import type { RecordedChanges } from "./page-replay.js";
import type { PageRecord } from "./track.js";

/** The store's clock, which dates the record; undefined if it is unavailable. */
export async function readStoreMs(board: string): Promise<number | undefined> {
  // No delta is as late as this, so the answer is small.
  const answer = await readJson(`${boardPath(board)}/pages/0/history?from=${Number.MAX_SAFE_INTEGER}`);
  return isObject(answer) && typeof answer.now === "number" ? answer.now : undefined;
}

/**
 * When these pages first changed in that time, and how much happened on them together since then.
 * Undefined if unavailable.
 */
export async function readActivity(
  board: string,
  pages: readonly number[],
  range: { readonly fromMs: number; readonly toMs: number },
): Promise<{ readonly fromMs: number; readonly counts: readonly number[] } | undefined> {
  const query = `from=${range.fromMs}&to=${range.toMs}&pages=${pages.join()}`;
  const answer = await readJson(`${boardPath(board)}/history?${query}`);
  if (!isObject(answer) || typeof answer.from !== "number" || !Array.isArray(answer.counts)) return undefined;
  const counts = answer.counts.map((count: unknown) => (typeof count === "number" ? count : 0));
  return { fromMs: answer.from, counts };
}

export async function readPageRecord(
  board: string,
  page: number,
  cells: number,
  range: { readonly fromMs: number; readonly toMs: number },
): Promise<PageRecord | undefined> {
  const query = `from=${range.fromMs}&to=${range.toMs}`;
  const answer = await readJson(`${boardPath(board)}/pages/${page}/history?${query}`);
  if (!isObject(answer) || typeof answer.from !== "number") return undefined;
  if (typeof answer.start !== "string" || !Array.isArray(answer.deltas)) return undefined;
  const frame = fromBase64url(answer.start);
  const snapshot = frame && decodeSnapshot(frame, () => cells);
  if (!snapshot) return undefined;
  const start = new Uint8Array(bitmapBytes(cells));
  start.set(snapshot.content.bits.subarray(0, start.length));
  return { cells, fromMs: answer.from, start, record: answer.deltas.flatMap(readChanges) };
}

function readChanges(item: unknown): RecordedChanges[] {
  const [ms, frame]: unknown[] = Array.isArray(item) ? item : [];
  const delta = typeof frame === "string" ? decodeDelta(frame) : undefined;
  return typeof ms === "number" && delta ? [{ ms, changes: delta.content.changes }] : [];
}
