/* What a visitor may do: the result of checking a token, or of asking the app's hook. */

import type { Bit } from "../../board/bitmap.js";

export type Right = "view" | "write" | "admin";

/** What a token gives, once it has been verified, or the app's hook. */
export interface Grant {
  /** Whom it was given to, for the log. */
  readonly subject: string;
  /** Board -> right; `*` stands for every board that is not named. */
  readonly boards: ReadonlyMap<string, Right>;
  /** Milliseconds since 1970. */
  readonly expiresMs: number;
  /** The app's word on a single write, whatever the rights: the cells that it refuses, or false for the whole write. Rejects with a Refusal. */
  readonly mayWrite?: (board: string, changes: CellWrites) => Promise<boolean | readonly number[]>;
}

export type CellWrites = readonly (readonly [cell: number, value: Bit])[];

/** Verifies a token; rejects with a Refusal. */
export type Verify = (token: string) => Promise<Grant>;

export function isRight(value: unknown): value is Right {
  return value === "view" || value === "write" || value === "admin";
}
