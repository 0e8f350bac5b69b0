/* The claims of a page in an exported board: read for a file, and restored from one. */

import { getBit } from "../../board/bitmap.js";
import { packChanges } from "../../board/delta.js";
import type { PageRef } from "../../board/geometry.js";
import { BATCH_WRITES_MAX, type Store, type Write } from "../store.js";
import { newTag } from "../tag.js";
import type { FileClaim } from "./board-file.js";

/** Rejects with StoreAway. */
export async function fileClaims(store: Store, page: PageRef): Promise<FileClaim[]> {
  const { claims } = await store.claims(page);
  const nowMs = Date.now();
  return claims.flatMap(({ offset, owner, leftMs }) =>
    owner === undefined ? [] : [[offset, owner, leftMs === undefined ? null : nowMs + leftMs] as const],
  );
}

/**
 * Gives the checked cells of a page to the owners that the file names, and to nobody otherwise. A
 * hold that has ended since the export ends again within a second. Rejects with StoreAway.
 */
export async function restoreClaims(
  store: Store,
  page: PageRef,
  claims: readonly FileClaim[],
  bits: Uint8Array,
): Promise<void> {
  const wanted = new Map(claims.map(([offset, owner, endMs]) => [offset, { owner, endMs }]));
  const present = await store.claims(page);
  const changes: [offset: number, owner: string | undefined, ms: number][] = [];
  for (const { offset, owner } of present.claims) {
    if (owner !== undefined && !wanted.has(offset)) changes.push([offset, undefined, 0]);
  }
  const nowMs = Date.now();
  for (const [offset, { owner, endMs }] of wanted) {
    if (getBit(bits, offset) === 1) changes.push([offset, owner, endMs === null ? 0 : Math.max(1, endMs - nowMs)]);
  }
  for (let at = 0; at < changes.length; at += BATCH_WRITES_MAX) {
    const writes = changes.slice(at, at + BATCH_WRITES_MAX).map(
      ([offset, owner, ms]): Write => ({
        ...{ session: "", seq: 1, changes: packChanges([[offset, 1]]) },
        ...{ owner, act: { kind: "grant", ms } },
      }),
    );
    await store.commit(page, { tag: newTag(), writes, overridesFreeze: true });
  }
}
