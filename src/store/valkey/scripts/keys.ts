/*
 * The names of all keys and channels. All keys of a page have the page's name as hash tag. They are
 * therefore in one slot, where one script can use them all, while the pages of a board spread over
 * a cluster.
 *
 * Several deployments can share a server, because a prefix precedes all names of one deployment.
 * Databases separate keys but not Pub/Sub, so a channel names its database. The channels of
 * database 0 do not, because they are older than the support for other databases.
 */

import { type PageRef, pageName } from "../../../board/geometry.js";

export interface PageKeys {
  /** A string: the bitmap. */
  readonly bits: string;
  /** A hash; commit.lua lists its fields. */
  readonly head: string;
  /** A stream with one entry per delta; the entry's id is the version. */
  readonly log: string;
  /** Two generations, each a hash: session -> highest sequence number and window. */
  readonly seen: readonly [string, string];
  /** A stream with one entry per delta, by time. Used only if the board keeps history. */
  readonly history: string;
  /** A hash: offset -> owner and end. Used only on a board with claims. */
  readonly claims: string;
  readonly channel: string;
}

/** Excludes the characters that have a meaning in a hash tag, an ACL pattern or a log line. */
export const KEY_PREFIX = /^[A-Za-z0-9_.:-]{0,64}$/;

/** The names that one deployment uses. */
export class Names {
  /** The prefix of all keys of this deployment, and of no others. */
  readonly keys: string;
  /** The prefix of this deployment's channels in all databases. */
  readonly channels: string;
  readonly #broker: string;
  /** The roll of instances, in one slot: when each announced itself last, and its record. */
  readonly roll: { readonly heard: string; readonly records: string };
  /** The records of all boards, in one slot. */
  readonly boards: { readonly records: string; readonly channel: string };
  /** The index of pages that may have holds: a sorted set, see holds.lua. */
  readonly holds: string;
  /** Prefix of the request counters that instances share. */
  readonly limits: string;

  constructor(prefix = "", database = 0) {
    this.keys = `${prefix}ss:`;
    this.channels = `${prefix}server:broker:`;
    this.#broker = database === 0 ? this.channels : `${this.channels}${database}:`;
    this.roll = { heard: `${this.keys}{roll}:heard`, records: `${this.keys}{roll}:records` };
    this.boards = { records: `${this.keys}{boards}:records`, channel: `${this.#broker}{boards}` };
    this.holds = `${this.keys}{holds}:pages`;
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
      claims: `${key}:claims`,
      channel: `${this.#broker}${tag}`,
    };
  }

  /** The overview of a board: one list for all its pages, in its own slot. */
  overview(board: string): { readonly list: string; readonly channel: string } {
    const tag = `{${board}:overview}`;
    return { list: `${this.keys}${tag}:counts`, channel: `${this.#broker}${tag}` };
  }
}
