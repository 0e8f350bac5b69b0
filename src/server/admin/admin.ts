/*
 * The actions of admins: freeze, thaw or clear a board or a region of it. Every action gets one log
 * line at any log level, even if it fails. Refusals for a missing right share lines.
 *
 * Pages are processed a few at a time, each completely or not at all. Repeating an action is
 * harmless.
 */

import { eachDifference } from "../../board/bitmap.js";
import { packChanges } from "../../board/delta.js";
import { cellAt, PAGE_CELLS, pagesBetween } from "../../board/geometry.js";
import { Refusal, refusalOf } from "../../protocol/errors.js";
import type { OffsetRange } from "../../store/frozen.js";
import { BATCH_CHANGES_MAX, StoreAway } from "../../store/store.js";
import { newTag } from "../../store/tag.js";
import type { Visitor } from "../access/access.js";
import type { Instance } from "../instance/instance.js";
import type { HostedBoard } from "../pages/pages.js";
import { refuseAway, refuseDamaged } from "../pages/store-refusal.js";

export const ADMIN_ACTIONS = ["freeze", "thaw", "clear"] as const;
type AdminAction = (typeof ADMIN_ACTIONS)[number];

/** Cells `start` … `end - 1` of a board. */
export interface Region {
  /** The first cell. */
  readonly start: number;
  /** The cell after the last one. */
  readonly end: number;
}

interface Part extends OffsetRange {
  readonly page: number;
}

const PAGES_AT_ONCE = 32;
const HEADS_AT_ONCE = 1_000;

/** The admin, with the client's address for the log. */
export interface Actor {
  readonly visitor: Visitor;
  readonly address: string;
}

/** Rejects with a Refusal. */
export function administer(
  instance: Instance,
  board: HostedBoard,
  action: AdminAction,
  region: Region,
  by: Actor,
): Promise<{ readonly cells: number }> {
  const line = { audit: action, board: board.name, ...region };
  return audited(instance, line, by, async (begin) => {
    if (region.end > board.size || region.start >= region.end) throw new Refusal("CELL_OUT_OF_RANGE");
    begin();
    const cells = await (action === "clear"
      ? clear(instance, board.name, region)
      : freeze(instance, board, region, action));
    return { cells };
  });
}

/**
 * Logs an action that only admins may take, with what it returns. It calls `begin` once nothing is
 * wrong with the request. Rejects with a Refusal.
 */
export async function audited<Result extends object>(
  instance: Instance,
  action: { readonly audit: string; readonly board: string; readonly [more: string]: unknown },
  { visitor, address }: Actor,
  run: (begin: () => void) => Promise<Result>,
): Promise<Result> {
  const line = { ...action, by: visitor.grant?.subject, address };
  let isBegun = false;
  try {
    instance.access.require(visitor, action.board, "admin");
    const result = await run(() => {
      isBegun = true;
    });
    const done: object = { ...line, outcome: "done", ...result };
    instance.audit.info(done, "admin action");
    return result;
  } catch (error) {
    const refusal = asRefusal(error);
    const refused = { ...line, outcome: refusal.code };
    if (isBegun) instance.audit.info(refused, "admin action");
    else instance.auditRefused(refused);
    throw refusal;
  }
}

interface FrozenRegions {
  readonly frozen: readonly Region[];
  /** Pages whose stored ranges are damaged; absent if there are none. */
  readonly unknown?: readonly Region[];
}

/** The frozen regions of the board, ascending; regions that touch across pages are merged. */
export async function frozenRegions(instance: Instance, board: HostedBoard): Promise<FrozenRegions> {
  const frozen: Region[] = [];
  const unknown: Region[] = [];
  const parts = partsOf({ start: 0, end: board.size });
  for (let at = 0; at < parts.length; at += HEADS_AT_ONCE) {
    const some = parts.slice(at, at + HEADS_AT_ONCE);
    const refs = some.map(({ page }) => ({ board: board.name, page }));
    const heads = await instance.store.heads(refs).catch(refuseAway);
    // A page without a head is damaged, or its part of the store did not answer soon.
    const known = await Promise.all(
      refs.map((ref, index) => heads[index]?.frozen ?? instance.store.frozen(ref).catch(refuseAway)),
    );
    for (const [index, { page, start, end }] of some.entries()) {
      const ranges = known[index];
      for (const range of ranges ?? []) addRegion(frozen, board, page, range);
      if (!ranges) addRegion(unknown, board, page, { start, end });
    }
  }
  return { frozen, ...(unknown.length > 0 && { unknown }) };
}

function addRegion(regions: Region[], board: HostedBoard, page: number, range: OffsetRange): void {
  const start = cellAt(page, range.start);
  const end = Math.min(cellAt(page, range.end), board.size);
  const last = regions.at(-1);
  if (last?.end === start) regions[regions.length - 1] = { start: last.start, end };
  else regions.push({ start, end });
}

async function freeze(instance: Instance, board: HostedBoard, region: Region, action: AdminAction): Promise<number> {
  await eachPart(partsOf(region), async ({ page, start, end }) => {
    const isDone = await instance.store.freeze({ board: board.name, page }, { start, end }, action === "freeze");
    if (!isDone) throw new Refusal("TOO_MANY_REGIONS");
  });
  instance.frozen.ask();
  return region.end - region.start;
}

/** Unchecks all cells in the region that are checked at that moment, frozen or not. */
async function clear(instance: Instance, board: string, region: Region): Promise<number> {
  const parts = partsOf(region);
  let cleared = 0;
  for (let at = 0; at < parts.length; at += HEADS_AT_ONCE) {
    const some = parts.slice(at, at + HEADS_AT_ONCE);
    const heads = await instance.store.heads(some.map(({ page }) => ({ board, page })));
    // Most pages of a large board were never written to, so they have nothing to clear.
    const written = some.filter((_, index) => heads[index]?.position.version !== 0);
    await eachPart(written, async (part) => {
      const cells = await clearPart(instance, board, part);
      cleared += cells;
    });
  }
  return cleared;
}

/**
 * Thaws and unchecks the cells that a board loses, up to its end, and so frees them on a board with
 * claims. Pages of which nothing is left are replaced, damaged ones too.
 */
export async function empty(instance: Instance, { name: board }: HostedBoard, region: Region): Promise<void> {
  const parts = partsOf(region);
  for (let at = 0; at < parts.length; at += HEADS_AT_ONCE) {
    const some = parts.slice(at, at + HEADS_AT_ONCE);
    const heads = await instance.store.heads(some.map(({ page }) => ({ board, page })));
    const used = some.filter((_, index) => {
      const { position, frozen = [] } = heads[index] ?? {};
      return position?.version !== 0 || frozen.length > 0;
    });
    await eachPart(used, async (part) => {
      const { page, start } = part;
      const ref = { board, page };
      await instance.store.freeze(ref, part, false);
      if (start > 0) await clearPart(instance, board, part);
      else {
        const { position, checked } = await instance.store.replace(ref, newTag(), new Uint8Array(0));
        instance.reporter.committed({ page: ref, position, checked });
      }
    });
  }
}

async function clearPart(instance: Instance, board: string, { page, start, end }: Part): Promise<number> {
  const ref = { board, page };
  const { bits } = await instance.store.read(ref);
  const offsets: number[] = [];
  eachDifference(new Uint8Array(bits.length), bits, (offset) => {
    if (offset >= start && offset < end) offsets.push(offset);
  });
  for (let at = 0; at < offsets.length; at += BATCH_CHANGES_MAX) {
    const changes = packChanges(offsets.slice(at, at + BATCH_CHANGES_MAX).map((offset) => [offset, 0] as const));
    const writes = [{ session: "", seq: 1, changes }];
    const { position, checked } = await instance.store.commit(ref, { tag: newTag(), writes, overridesFreeze: true });
    instance.reporter.committed({ page: ref, position, checked });
  }
  return offsets.length;
}

function partsOf({ start, end }: Region): Part[] {
  return pagesBetween(start, end).map((page) => ({
    page,
    start: Math.max(start - cellAt(page, 0), 0),
    end: Math.min(end - cellAt(page, 0), PAGE_CELLS),
  }));
}

async function eachPart(parts: readonly Part[], run: (part: Part) => Promise<void>): Promise<void> {
  for (let at = 0; at < parts.length; at += PAGES_AT_ONCE) {
    await Promise.all(parts.slice(at, at + PAGES_AT_ONCE).map(run));
  }
}

function asRefusal(error: unknown): Refusal {
  // Some pages may be done. Repeating the action is harmless and completes it.
  if (error instanceof StoreAway) return new Refusal("OUTCOME_UNKNOWN", { retryAfterMs: 1_000, cause: error });
  return refusalOf(refuseDamaged(error));
}
