/* The rights that a verified token or the host app's hook gives to a visitor. */

import type { Bit } from "../../board/bitmap.js";

/** Each right includes the ones before it: to view, to write, to act as admin. */
export type Right = "view" | "write" | "admin";

/** The subject of a token or permit that names none. */
export const UNNAMED = "unnamed";

export interface Grant {
  readonly subject: string;
  /** Board -> right; `*` stands for every board that is not named. */
  readonly boards: ReadonlyMap<string, Right>;
  /** When the grant expires, in milliseconds since 1970. */
  readonly expiresMs: number;
  /**
   * Resolves with true, with the cells that the host app refuses, or with false for all cells.
   * Rejects with a Refusal.
   */
  readonly mayWrite?: (board: string, changes: CellWrites) => Promise<boolean | readonly number[]>;
}

export type CellWrites = readonly (readonly [cell: number, value: Bit])[];

/** Rejects with a Refusal. */
export type Verify = (token: string) => Promise<Grant>;

export function isRight(value: unknown): value is Right {
  return value === "view" || value === "write" || value === "admin";
}
