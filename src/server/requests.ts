/*
 * The form of every request, checked once, here. What passes is typed and in range as far as a form can tell; whether a
 * board, page or cell exists is the session's to say.
 */

import { z } from "zod";
import { BOARD_CELLS_MAX, PAGE_CELLS } from "../board/geometry.js";
import { type Position, parsePosition } from "../board/position.js";
import { Refusal } from "../protocol/errors.js";

/** Cells in one write. */
export const WRITE_CELLS_MAX = 512;
/** Pages in one watch or unwatch. */
export const WATCH_PAGES_MAX = 256;

const cell = z.int().min(0).max(BOARD_CELLS_MAX);
const page = z
  .int()
  .min(0)
  .max(BOARD_CELLS_MAX / PAGE_CELLS);
const handle = z.int().min(0).max(65_535);
const bit = z.literal([0, 1]);
const position = z
  .string()
  .max(32)
  .transform((text, context): Position => {
    const parsed = parsePosition(text);
    if (parsed) return parsed;
    context.addIssue("not a position");
    return z.NEVER;
  });

export const openRequest = z.object({ board: z.string().min(1).max(64), protocol: z.int() });
export const watchRequest = z.object({
  handle,
  pages: z
    .array(z.union([page, z.tuple([page, position])]))
    .min(1)
    .max(WATCH_PAGES_MAX),
});
export const unwatchRequest = z.object({ handle, pages: z.array(page).min(1).max(WATCH_PAGES_MAX) });
export const writeRequest = z.object({
  handle,
  session: z.string().regex(/^[\w-]{22}$/),
  seq: z.int().min(1),
  // The array's length is the session's to judge, by a code of its own.
  changes: z
    .array(z.tuple([cell, bit]))
    .min(1)
    .max(65_536),
});
export const teachingUpdate = z.object({ index: z.int(), value: z.boolean() });
export const cellBody = z.object({ value: z.union([z.boolean(), bit]) });

/** The request in its form, or BAD_REQUEST that names the first thing wrong. */
export function parseRequest<Schema extends z.ZodType>(schema: Schema, input: unknown): z.output<Schema> {
  const parsed = schema.safeParse(input);
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0];
  const where = issue?.path.map(String).join(".") || "request";
  throw new Refusal("BAD_REQUEST", { detail: `${where}: ${issue?.message ?? "invalid"}`.slice(0, 200) });
}
