/* The rights of a visitor, as a verified token or the host app's hook gives them. */

import type { Bit } from "../../board/bitmap.js";

export type Right = "view" | "write" | "admin";

export interface Grant {
  readonly subject: string;
  /** Board -> right; `*` stands for every board that is not named. */
  readonly boards: ReadonlyMap<string, Right>;
  /** Milliseconds since 1970. */
  readonly expiresMs: number;
  /** The cells of a write that the host app refuses, or false for all. Rejects with a Refusal. */
  readonly mayWrite?: (board: string, changes: CellWrites) => Promise<boolean | readonly number[]>;
}

export type CellWrites = readonly (readonly [cell: number, value: Bit])[];

/** Rejects with a Refusal. */
export type Verify = (token: string) => Promise<Grant>;

export function isRight(value: unknown): value is Right {
  return value === "view" || value === "write" || value === "admin";
}
