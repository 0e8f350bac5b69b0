/* How long a cell stands out, on the grid and on the canvas: changed by others, refused, just found. */

export const MARK_MS = { flash: 700, refused: 6_000, found: 3_000 } as const;

export type MarkKind = keyof typeof MARK_MS;
