/*
 * Every key and channel. All keys of a page carry the page's name as hash tag, so that they live in one slot and one
 * script may touch them all, while the pages of a board spread over a cluster.
 */

import { type PageRef, pageName } from "../board/geometry.js";

export interface PageKeys {
  /** String: the bitmap. */
  readonly bits: string;
  /** Hash: v version, t tag, n cells checked, g and gs the current generation of `seen` and when it began, x, m, l, c and hb see commit.lua, fz what is frozen. */
  readonly head: string;
  /** Stream: one entry for each delta, its id the version. */
  readonly log: string;
  /** Hashes, two generations: session -> highest sequence number and window. */
  readonly seen: readonly [string, string];
  /** Stream: one entry for each delta, by time; only where a history is kept. */
  readonly history: string;
  readonly channel: string;
}

export function pageKeys(ref: PageRef): PageKeys {
  const tag = `{${pageName(ref)}}`;
  return {
    bits: `ss:${tag}:bits`,
    head: `ss:${tag}:head`,
    log: `ss:${tag}:log`,
    seen: [`ss:${tag}:seen:0`, `ss:${tag}:seen:1`],
    history: `ss:${tag}:history`,
    channel: `server:broker:${tag}`,
  };
}

/** The overview of a board: one list for all its pages, in a slot of its own. No page has a number that is this word. */
export function overviewKeys(board: string): { readonly list: string; readonly channel: string } {
  const tag = `{${board}:overview}`;
  return { list: `ss:${tag}:counts`, channel: `server:broker:${tag}` };
}

/** Hash: the instances that are there. */
export const INSTANCES_KEY = "ss:{instances}";
/** The roll of instances, in one slot: when each was heard last, and what it said. */
export const ROLL_KEYS = { heard: "ss:{roll}:heard", records: "ss:{roll}:records" } as const;

/** Prefix of the request counters that instances share. */
export const LIMIT_PREFIX = "ss:limit:";
