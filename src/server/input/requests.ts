/*
 * Checks the form of every request once. A request that passes is typed, and its numbers are within
 * the largest ranges. clients/client.ts checks that the board, page or cell exists.
 */

import * as z from "zod";
import { BOARD_CELLS_MAX, PAGE_CELLS } from "../../board/geometry.js";
import { type Position, parsePosition } from "../../board/position.js";
import { Refusal } from "../../protocol/errors.js";
import type { WriteRequest } from "../../protocol/events.js";
import { SECRET_ID } from "../../protocol/secret-id.js";
import { BATCH_CHANGES_MAX } from "../../store/store.js";

/** Most cells in one write. */
export const WRITE_CELLS_MAX = 512;
/** Most pages in one watch or unwatch. */
export const WATCH_PAGES_MAX = 256;

const YEAR_MS = 365 * 86_400_000;
const PAGES_MAX = BOARD_CELLS_MAX / PAGE_CELLS;
const page = z.int().min(0).max(PAGES_MAX);
const HANDLE_MAX = 65_535;
const handle = z.int().min(0).max(HANDLE_MAX);
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

const boardName = z.string().min(1).max(64);
export const openRequest = z.object({
  board: boardName,
  protocol: z.int(),
  resizes: z.boolean().optional(),
  session: z.string().regex(SECRET_ID).optional(),
});
const watched = z.union([page, z.tuple([page, position])]);
const pagesToWatch = z.array(watched).min(1).max(WATCH_PAGES_MAX);
export const watchRequest = z.union([
  z.object({ handle, pages: pagesToWatch }),
  z.object({ board: boardName, pages: pagesToWatch }),
]);
export const unwatchRequest = z.object({ handle, pages: z.array(page).min(1).max(WATCH_PAGES_MAX) });
export const overviewRequest = z.object({ handle, watch: z.boolean() });
export const teachingUpdate = z.object({ index: z.int(), value: z.boolean() });
export const boardBody = z.object({
  size: z.int().min(1).max(BOARD_CELLS_MAX),
  claims: z.string().max(32).optional(),
});
export const cellBody = z.object({ value: z.union([z.boolean(), bit]) });

const moment = z.coerce.number().int().min(0).max(Number.MAX_SAFE_INTEGER);
export const historyQuery = z.object({ from: moment.optional(), to: moment.optional() });
/** Most pages of one question: as many as the app replays together. */
const ASKED_PAGES_MAX = 64;
const pages = z
  .string()
  .regex(/^\d{1,5}(,\d{1,5})*$/)
  .transform((text) => [...new Set(text.split(",").map(Number))])
  .pipe(z.array(z.number()).max(ASKED_PAGES_MAX));
export const coarseQuery = z.object({ pages });
export const activityQuery = z.object({
  from: moment,
  to: moment,
  pages,
});
export const regionBody = z
  .object({ start: z.int().min(0).max(BOARD_CELLS_MAX), end: z.int().min(1).max(BOARD_CELLS_MAX) })
  .partial();

const claimed = {
  cells: z.array(z.int().min(0).max(BOARD_CELLS_MAX)).min(1).max(BATCH_CHANGES_MAX),
  subject: z.string().min(1).max(1_024).optional(),
  visitor: z.string().min(1).max(64).optional(),
};
/** An admin's action on claims. Only `extend` takes a time. */
export const claimBody = z.union([
  z.object({ action: z.literal("extend"), ms: z.int().min(1).max(YEAR_MS), ...claimed }),
  z.object({ action: z.literal(["confirm", "release"]), ...claimed }),
]);

const amount = z.number().min(0);
/** The record of an instance on the roll. Instances of other versions may report more or less. */
const instanceRecord = z.object({
  name: z.string().max(255),
  engine: z.string().max(32),
  /** Undefined if it is 0.2.0 or older. */
  version: z.string().max(64).optional(),
  upSeconds: amount,
  /** Number of sockets. */
  clients: amount,
  watches: amount,
  lagging: amount,
  pages: amount,
  storeAvailable: z.boolean(),
  writesPerSecond: amount,
  changesPerSecond: amount,
  deltasPerSecond: amount,
  sentBytesPerSecond: amount,
  cores: amount,
  memoryBytes: amount,
  flushMs: amount,
  /** 99th percentile of the event loop's delay, in ms. */
  loopDelayMs: amount,
});
export type InstanceRecord = z.output<typeof instanceRecord>;

/**
 * Checks a write by hand, because every click takes this path and a schema took 80 µs instead of
 * 10. The number of changes is checked in clients/client.ts, because that has its own error code.
 */
export function parseWrite(input: unknown): WriteRequest {
  if (typeof input !== "object" || input === null) throw malformed("request: not an object");
  const { handle, session, seq, changes }: Partial<Record<keyof WriteRequest, unknown>> = input;
  if (!isWhole(handle, 0, HANDLE_MAX)) throw malformed("handle: not a board's handle");
  if (typeof session !== "string" || !SECRET_ID.test(session))
    throw malformed("session: not 22 characters of base64url");
  if (!isWhole(seq, 1, Number.MAX_SAFE_INTEGER)) throw malformed("seq: not a positive whole number");
  if (!areChanges(changes)) throw malformed("changes: not a list of [cell, 0 or 1]");
  return { handle, session, seq, changes };
}

function areChanges(input: unknown): input is WriteRequest["changes"] {
  return Array.isArray(input) && input.length > 0 && input.every(isChange);
}

function isChange(input: unknown): boolean {
  if (!Array.isArray(input) || input.length !== 2) return false;
  const [cell, value]: unknown[] = input;
  return isWhole(cell, 0, BOARD_CELLS_MAX) && (value === 0 || value === 1);
}

function isWhole(input: unknown, min: number, max: number): input is number {
  return typeof input === "number" && Number.isSafeInteger(input) && input >= min && input <= max;
}

function malformed(detail: string): Refusal {
  return new Refusal("BAD_REQUEST", { detail });
}

/** Throws BAD_REQUEST, which names the first problem. */
export function parseRequest<Schema extends z.ZodType>(schema: Schema, input: unknown): z.output<Schema> {
  const parsed = schema.safeParse(input);
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0];
  const where = issue?.path.map(String).join(".") || "request";
  throw malformed(`${where}: ${issue?.message ?? "invalid"}`.slice(0, 200));
}

// Not a record, because a board's name may be `__proto__` or another name that every object has.
const entriesOf = (input: unknown) => (typeof input === "object" && input !== null ? Object.entries(input) : input);
const looking = z
  .preprocess(
    entriesOf,
    z.array(z.tuple([z.string(), z.array(z.tuple([page, z.int().min(0)]).readonly()).max(WATCH_PAGES_MAX)])),
  )
  .transform((entries) => new Map(entries));
const people = z
  .preprocess(entriesOf, z.array(z.tuple([z.string(), z.int().min(0)])))
  .transform((entries) => new Map(entries));

/**
 * An instance's record, plus the most watched pages and the people of each board on that instance.
 * An instance of an older version may not report them.
 */
const announcement = instanceRecord.extend({
  looking: looking.catch(() => new Map()),
  people: people.catch(() => new Map()),
});
export type Announcement = z.output<typeof announcement>;

/** Undefined if the text is not an announcement. */
export function parseAnnouncement(text: string): Announcement | undefined {
  try {
    return announcement.safeParse(JSON.parse(text)).data;
  } catch {
    return undefined;
  }
}
