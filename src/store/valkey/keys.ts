/*
 * Every key and channel. All keys of a page carry the page's name as hash tag, so that they live in one slot and one
 * script may touch them all, while the pages of a board spread over a cluster.
 *
 * Several deployments may share a server. A prefix stands before all that one of them names.
 * Databases separate keys by themselves; Pub/Sub knows none, so a channel names its database.
 * Database 0 is the one without a name: its channels are as they were before others had any.
 */

import { type PageRef, pageName } from "../../board/geometry.js";

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

/**
 * A prefix without the characters that mean something in a hash tag, in an ACL pattern or in a log
 * line.
 */
export const KEY_PREFIX = /^[A-Za-z0-9_.:-]{0,64}$/;

/** The names of one deployment. */
export class Names {
  /** Every key begins with it, and no other deployment's key does. */
  readonly keys: string;
  /** The same of channels, of any database. */
  readonly channels: string;
  readonly #broker: string;
  /** The roll of instances, in one slot: when each was heard last, and what it said. */
  readonly roll: { readonly heard: string; readonly records: string };
  /** Prefix of the request counters that instances share. */
  readonly limits: string;

  constructor(prefix = "", database = 0) {
    this.keys = `${prefix}ss:`;
    this.channels = `${prefix}server:broker:`;
    this.#broker = database === 0 ? this.channels : `${this.channels}${database}:`;
    this.roll = { heard: `${this.keys}{roll}:heard`, records: `${this.keys}{roll}:records` };
    this.limits = `${this.keys}limit:`;
  }

  page(ref: PageRef): PageKeys {
    const tag = `{${pageName(ref)}}`;
    const key = `${this.keys}${tag}`;
    return {
      bits: `${key}:bits`,
      head: `${key}:head`,
      log: `${key}:log`,
      seen: [`${key}:seen:0`, `${key}:seen:1`],
      history: `${key}:history`,
      channel: `${this.#broker}${tag}`,
    };
  }

  /**
   * The overview of a board: one list for all its pages, in a slot of its own. No page has a number
   * that is this word.
   */
  overview(board: string): { readonly list: string; readonly channel: string } {
    const tag = `{${board}:overview}`;
    return { list: `${this.keys}${tag}:counts`, channel: `${this.#broker}${tag}` };
  }
}
