/*
 * Every key and channel. All keys of a page carry the page's name as hash tag. So they live in one
 * slot, and one script may touch them all, while the pages of a board spread over a cluster.
 *
 * Several deployments may share a server: a prefix stands before all names of one deployment.
 * Databases separate keys by themselves, but not Pub/Sub, so a channel names its database. The
 * channels of database 0 do not, because they are older than the support for others.
 */

import { type PageRef, pageName } from "../../board/geometry.js";

export interface PageKeys {
  /** String: the bitmap. */
  readonly bits: string;
  /** Hash: commit.lua lists its fields. */
  readonly head: string;
  /** Stream: one entry for each delta, its id the version. */
  readonly log: string;
  /** Hashes, two generations: session -> highest sequence number and window. */
  readonly seen: readonly [string, string];
  /** Stream: one entry for each delta, by time, if history is kept. */
  readonly history: string;
  readonly channel: string;
}

/** Leaves out the characters that have a meaning in a hash tag, an ACL pattern or a log line. */
export const KEY_PREFIX = /^[A-Za-z0-9_.:-]{0,64}$/;

/** The names of one deployment. */
export class Names {
  /** All keys of this deployment begin with it, and no others do. */
  readonly keys: string;
  /** The same for the channels of all databases. */
  readonly channels: string;
  readonly #broker: string;
  /** The roll of instances, in one slot: when each was heard last, and its record. */
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

  /** The overview of a board: one list for all its pages, in a slot of its own. */
  overview(board: string): { readonly list: string; readonly channel: string } {
    const tag = `{${board}:overview}`;
    return { list: `${this.keys}${tag}:counts`, channel: `${this.#broker}${tag}` };
  }
}
