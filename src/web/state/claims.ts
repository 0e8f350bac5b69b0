/*
 * Whose a checkbox is on a board with claims, in words and with the time left. Pure: the time is in
 * ms since 1970, and comes from outside.
 */

import type { Board } from "../../client/index.js";

export type Owned = Pick<Board, "claims" | "mine" | "get" | "isTaken">;
export type Owner = "mine" | "taken";

/** How often a countdown is read: often enough that it skips no second. */
export const TICK_MS = 250;

const SECOND_MS = 1_000;
const MINUTE_S = 60;
const HOUR_S = 3_600;
const DAY_S = 86_400;

/** Undefined for a free cell, and on boards without claims. */
export function ownerAt(board: Owned, cell: number): Owner | undefined {
  if (!board.claims) return undefined;
  // A cell that the user is giving back is still in `mine`.
  if (board.mine.has(cell) && board.get(cell)) return "mine";
  return board.isTaken(cell) ? "taken" : undefined;
}

export function ownerText(board: Owned, cell: number, nowMs: number): string | undefined {
  const owner = ownerAt(board, cell);
  if (owner !== "mine") return owner;
  if (board.claims?.isLease) return "yours while you are here";
  const left = leftOf(board, cell, nowMs);
  return left === undefined ? "yours" : `yours, ${timeText(left)} left`;
}

/** For a note at the cell; undefined if there is nothing to count down. */
export function countdownText(board: Owned, cell: number, nowMs: number): string | undefined {
  const left = ownerAt(board, cell) === "mine" ? leftOf(board, cell, nowMs) : undefined;
  return left === undefined ? undefined : `Yours, ${timeText(left)} left`;
}

/** How many boxes are the user's, and how soon the first of them ends; undefined without claims. */
export function summaryText(board: Owned, nowMs: number): string | undefined {
  if (!board.claims) return undefined;
  const cells = [...board.mine.keys()].filter((cell) => board.get(cell));
  const ends = cells.flatMap((cell) => leftOf(board, cell, nowMs) ?? []);
  if (ends.length === 0) return String(cells.length);
  const [first, last] = [Math.min(...ends), Math.max(...ends)];
  const isSame = ends.length === cells.length && last - first < SECOND_MS;
  return `${cells.length}, ${isSame ? `${timeText(first)} left` : `first ends in ${timeText(first)}`}`;
}

/** A text on the effect of a click, and on the look of the boxes of others. */
export function claimsText({ claims }: Owned, isViewer: boolean): string | undefined {
  if (!claims) return undefined;
  const isTaken = "Other people’s boxes have a cross, or are grey when small.";
  if (isViewer) return isTaken;
  const until = claims.isLease ? " while you are here" : claims.ms > 0 ? ` for ${spanText(claims.ms)}` : "";
  return `Check a free box, and it is yours${until}. ${isTaken}`;
}

/**
 * Whether a screen reader should announce this time left. It announces each new label of the
 * focused cell, and every second would be too often.
 */
export function isAnnounced(leftMs: number): boolean {
  const seconds = secondsOf(leftMs);
  return seconds % MINUTE_S === 0 || seconds === 30 || seconds === 10;
}

/** The time that is left of the user's hold; undefined if it has no end, or is renewed. */
export function leftOf({ claims, mine }: Owned, cell: number, nowMs: number): number | undefined {
  const endMs = claims?.isLease ? undefined : mine.get(cell);
  return endMs === undefined ? undefined : Math.max(0, endMs - nowMs);
}

/** 4:12, 1:04:12, or 2 d 3 h. */
export function timeText(ms: number): string {
  const seconds = secondsOf(ms);
  if (seconds >= DAY_S) return `${Math.floor(seconds / DAY_S)} d ${Math.floor((seconds % DAY_S) / HOUR_S)} h`;
  const two = (count: number) => String(count).padStart(2, "0");
  const [hours, minutes] = [Math.floor(seconds / HOUR_S), Math.floor(seconds / MINUTE_S) % MINUTE_S];
  const tail = two(seconds % MINUTE_S);
  return hours > 0 ? `${hours}:${two(minutes)}:${tail}` : `${minutes}:${tail}`;
}

function spanText(ms: number): string {
  const seconds = secondsOf(ms);
  if (seconds < 2 * MINUTE_S) return `${seconds} s`;
  if (seconds < 2 * HOUR_S) return `${Math.round(seconds / MINUTE_S)} min`;
  return seconds < 2 * DAY_S ? `${Math.round(seconds / HOUR_S)} h` : `${Math.round(seconds / DAY_S)} d`;
}

function secondsOf(ms: number): number {
  return Math.ceil(ms / SECOND_MS);
}
