/*
 * Deltas as Valkey holds them: published, in the log, and in the history. Anyone with access to
 * Valkey can write there.
 */

import type { Delta } from "../../board/delta.js";
import type { PageRef } from "../../board/geometry.js";
import type { Position } from "../../board/position.js";
import { INVALID_RECORD, type Recorded } from "../history.js";
import { deltaTo, isDelta, PAGE_BYTES } from "../logged.js";
import type { Names } from "./keys.js";
import type { ValkeyLink } from "./link.js";
import { list } from "./scripts.js";

const PUBLISHED = /^([1-9]\d{0,15}):([\w-]{8}):([\w-]{8}):((?:[0-O][0-o]{2})*)$/;

/** A delta as commit.lua publishes it, `version:from-tag:tag:ops`; undefined if it is none. */
export function readPublished(page: number, message: string): Delta | undefined {
  const [, version, fromTag, toTag, ops] = PUBLISHED.exec(message) ?? [];
  if (fromTag === undefined || toTag === undefined || ops === undefined) return undefined;
  return deltaTo(page, Number(version), fromTag, toTag, ops);
}

/** The log's deltas between two positions; up to the first entry that is none. */
export async function readLog(
  link: ValkeyLink,
  names: Names,
  ref: PageRef,
  from: Position,
  to: Position,
): Promise<Iterable<Delta>> {
  const count = to.version - from.version;
  if (count === 0) return [];
  const { log } = names.page(ref);
  const range = [`${from.version + 1}-0`, `${to.version}-0`, "COUNT", String(count)];
  return deltasOf(ref.page, await link.command(log, "XRANGE", log, ...range));
}

function* deltasOf(page: number, reply: unknown): Iterable<Delta> {
  for (const entry of list(reply)) {
    const [id, fields] = list(entry);
    const [, from, , to, , ops] = list(fields);
    const delta = readPublished(page, `${Number.parseInt(String(id), 10)}:${from}:${to}:${ops}`);
    if (!delta) return;
    yield delta;
  }
}

export interface StreamRecord extends Recorded {
  readonly id: string;
}

/** Records as XRANGE and XREVRANGE give them, in Buffers. */
export function readRecorded(reply: unknown): StreamRecord[] {
  return list(reply).map((entry) => {
    const [name, fields] = list(entry);
    const [, number, , from, , to, , done, , bits] = list(fields);
    const id = String(name);
    const ms = Number.parseInt(id, 10);
    const [version, fromTag, toTag, ops] = [Number(String(number)), String(from), String(to), String(done)];
    if (!isDelta(version, fromTag, toTag, ops)) return { id, ms, ...INVALID_RECORD };
    const keyframe = Buffer.isBuffer(bits) && bits.length <= PAGE_BYTES ? { bits } : {};
    return { id, ms, version, fromTag, toTag, ops, ...keyframe };
  });
}
