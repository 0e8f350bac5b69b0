/*
 * The frozen ranges of a page. They are stored with the page and checked inside the commit, in the
 * step that would set the bits. Once a freeze is acknowledged, no instance can write there.
 */

import { PAGE_CELLS } from "../board/geometry.js";

/** Offsets `start` … `end - 1` of a page. */
export interface OffsetRange {
  readonly start: number;
  readonly end: number;
}

/** Most ranges in a page. A freeze or thaw that would make more is refused. */
export const FROZEN_RANGES_MAX = 32;

/** Adds or removes a range, as freeze.lua does. Ranges are sorted and never touch each other. */
export function withRange(ranges: readonly OffsetRange[], range: OffsetRange, isFrozen: boolean): OffsetRange[] {
  let { start, end } = range;
  const kept: OffsetRange[] = [];
  for (const each of ranges) {
    if (isFrozen && each.end >= start && each.start <= end) {
      start = Math.min(start, each.start);
      end = Math.max(end, each.end);
    } else if (isFrozen || each.end <= start || each.start >= end) kept.push(each);
    else {
      if (each.start < start) kept.push({ start: each.start, end: start });
      if (each.end > end) kept.push({ start: end, end: each.end });
    }
  }
  if (isFrozen) kept.push({ start, end });
  return kept.sort((a, b) => a.start - b.start);
}

export function isIn(ranges: readonly OffsetRange[], offset: number): boolean {
  return ranges.some(({ start, end }) => offset >= start && offset < end);
}

/** Parses `10-20,30-65536`, as freeze.lua writes it. Undefined if the text is malformed. */
export function parseRanges(text: string): OffsetRange[] | undefined {
  const ranges: OffsetRange[] = [];
  for (const part of text === "" ? [] : text.split(",")) {
    const [, start, end] = /^(\d{1,5})-(\d{1,5})$/.exec(part) ?? [];
    const range = { start: Number(start), end: Number(end) };
    const isAfter = range.start >= (ranges.at(-1)?.end ?? 0);
    if (!isAfter || range.end <= range.start || range.end > PAGE_CELLS) return undefined;
    ranges.push(range);
  }
  return ranges.length <= FROZEN_RANGES_MAX ? ranges : undefined;
}
