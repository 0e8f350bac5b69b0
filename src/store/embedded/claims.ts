/*
 * The claims of the embedded store, in LMDB tables. Methods that write must be called inside a
 * transaction.
 */

import type { Database, RootDatabase } from "lmdb";
import type { PageRef } from "../../board/geometry.js";
import { type Claim, claimOf, type Held, hasNotEnded } from "../claims.js";

type ClaimKey = [board: string, page: number, offset: number];
type EndKey = [endMs: number, ...ClaimKey];

/** Most cells that one call of `ended` finds. Bounds how long a release blocks the process. */
export const ENDED_MAX = 4_096;

export class EmbeddedClaims {
  readonly #claims: Database<Held, ClaimKey>;
  /** All claims that have an end, by their ends. */
  readonly #ends: Database<true, EndKey>;

  constructor(root: RootDatabase) {
    this.#claims = root.openDB({ name: "claims" });
    this.#ends = root.openDB({ name: "ends" });
  }

  get({ board, page }: PageRef, offset: number): Held | undefined {
    return this.#claims.get([board, page, offset]);
  }

  put({ board, page }: PageRef, changed: Iterable<readonly [offset: number, claim: Held | undefined]>): void {
    for (const [offset, claim] of changed) {
      const key: ClaimKey = [board, page, offset];
      const before = this.#claims.get(key);
      if (before && before.endMs > 0) this.#ends.remove([before.endMs, ...key]);
      if (!claim) this.#claims.remove(key);
      else {
        this.#claims.put(key, claim);
        if (claim.endMs > 0) this.#ends.put([claim.endMs, ...key], true);
      }
    }
  }

  /** The claims that count at `nowMs`. */
  read(ref: PageRef, nowMs: number, isChecked: (offset: number) => boolean): Claim[] {
    const claims: Claim[] = [];
    for (const { key, value } of this.#claims.getRange(allOf(ref))) {
      const offset = key[2];
      if (isChecked(offset) && hasNotEnded(value, nowMs)) claims.push(claimOf(offset, value, nowMs));
    }
    return claims;
  }

  /** The cells of unchecked bits belong to nobody. */
  forget(ref: PageRef, isChecked: (offset: number) => boolean): void {
    const offsets = Array.from(this.#claims.getKeys(allOf(ref)), (key) => key[2]);
    this.put(
      ref,
      offsets.filter((offset) => !isChecked(offset)).map((offset) => [offset, undefined] as const),
    );
  }

  /** The cells of boards with claims whose holds have ended at `nowMs`, the earliest first. */
  ended(
    nowMs: number,
    hasClaims: (board: string) => boolean,
  ): { readonly page: PageRef; readonly offsets: number[] }[] {
    const pages = new Map<string, { page: PageRef; offsets: number[] }>();
    const end: EndKey = [nowMs + 1, "", 0, 0];
    let cells = 0;
    for (const [, board, page, offset] of this.#ends.getKeys({ end })) {
      if (!hasClaims(board)) continue;
      if (cells++ === ENDED_MAX) break;
      const name = `${board}:${page}`;
      const found = pages.get(name) ?? { page: { board, page }, offsets: [] };
      pages.set(name, found);
      found.offsets.push(offset);
    }
    return [...pages.values()];
  }
}

function allOf({ board, page }: PageRef): { start: ClaimKey; end: ClaimKey } {
  return { start: [board, page, 0], end: [board, page, Number.MAX_SAFE_INTEGER] };
}
