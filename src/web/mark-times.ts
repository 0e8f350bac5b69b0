/* How long a cell stands out: changed by someone else, refused, or just found. */

export const MARK_MS = { flash: 700, refused: 6_000, found: 3_000 } as const;

export type MarkKind = keyof typeof MARK_MS;
