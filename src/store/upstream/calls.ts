/*
 * The calls that a relay makes to its upstream, and the events that it gets from there: the store
 * contract as messages. Both sides check what they receive against this table.
 *
 *     relay                                    upstream
 *                                          <-  welcome   [0, settings]
 *       call     [id, name, arguments]     ->
 *                                          <-  part      [2, id, part]       of a long answer
 *                                          <-  answer    [1, id, result]
 *                                          <-  failure   [3, id, kind, message]
 *                                          <-  event     [4, event]
 *
 * packed.ts turns each message into bytes.
 */

import * as z from "zod";
import { BOARD_CELLS_MAX, PAGE_CELLS } from "../../board/geometry.js";
import { BOARDS_MAX, isBoardName, isBoardSize } from "../boards.js";
import type { Claim } from "../claims.js";
import { FROZEN_RANGES_MAX } from "../frozen.js";
import type { PageActivity } from "../history.js";
import { REPORTS_MAX } from "../overview.js";
import { BATCH_CHANGES_MAX, BATCH_WRITES_MAX, type PageHead } from "../store.js";

/** The subprotocol of the WebSocket between a relay and its upstream. */
export const RELAY_SUBPROTOCOL = "socketscaler.relay.1";

/** The header that opens a link. The secret may have characters that no header can have. */
export function credential(secret: string): string {
  return `Bearer ${Buffer.from(secret).toString("base64url")}`;
}

/** The first number of a message from the upstream. */
export const DOWN = { welcome: 0, answer: 1, part: 2, failure: 3, event: 4 } as const;

const TEXT_MAX = 100_000;
const PAGES_MAX = BOARD_CELLS_MAX / PAGE_CELLS;
const PAGE_BYTES = PAGE_CELLS / 8;
const number = z.number().min(0).max(Number.MAX_SAFE_INTEGER);
const count = z.int().min(0);
const board = z.string().refine(isBoardName);
const page = z
  .int()
  .min(0)
  .max(PAGES_MAX - 1);
const pageRef = z.object({ board, page });
const tag = z.string().regex(/^[\w-]{8}$/);
const position = z.object({ version: count, tag });
const offset = z
  .int()
  .min(0)
  .max(PAGE_CELLS - 1);
const bits = z.instanceof(Uint8Array).refine(({ length }) => length <= PAGE_BYTES);
const changes = z
  .instanceof(Uint32Array)
  .refine((numbers) => numbers.length <= PAGE_CELLS && numbers.every((change) => change < 2 * PAGE_CELLS));
const range = z.object({ start: offset, end: z.int().min(0).max(PAGE_CELLS) });
const ranges = z.array(range).max(FROZEN_RANGES_MAX);

const owner = z.string().max(64).optional();
const act = z.discriminatedUnion("kind", [
  z.object({ kind: z.literal("extend"), ms: number }),
  z.object({ kind: z.literal("confirm") }),
  z.object({ kind: z.literal("expire") }),
  z.object({ kind: z.literal("grant"), ms: number }),
]);
const write = z.object({
  session: z.string().max(200),
  seq: count,
  changes,
  owner,
  act: act.optional(),
});
const batch = z
  .object({ tag, writes: z.array(write).max(BATCH_WRITES_MAX), overridesFreeze: z.boolean().exactOptional() })
  // One write may be larger than a batch should be. The store takes it then.
  .refine(
    ({ writes }) =>
      writes.length < 2 || writes.reduce((sum, each) => sum + each.changes.length, 0) <= BATCH_CHANGES_MAX,
  );
const committed = z.object({
  position,
  outcomes: z.array(z.literal(["accepted", "duplicate", "frozen", "claimed", "stale"])),
  frozen: ranges.exactOptional(),
  claimed: z.array(z.array(offset)).exactOptional(),
  checked: count,
  storeMs: number.exactOptional(),
});
const delta = z.object({ kind: z.literal("delta"), page, from: position, to: position, changes });
const snapshot = z.object({ kind: z.literal("snapshot"), page, position, bits });
const head = z
  .object({ position, checked: count, frozen: ranges.optional() })
  .transform(({ frozen, ...rest }): PageHead => ({ ...rest, frozen }));
const claim = z
  .object({ offset, owner, leftMs: number.optional() })
  .transform(({ owner, leftMs, ...rest }): Claim => ({ ...rest, owner, leftMs }));
/** JSON has no infinity: `null` stands for a range without an end. */
const historyRange = z.object({
  fromMs: number,
  toMs: number.nullable().transform((ms) => ms ?? Number.POSITIVE_INFINITY),
});
const tally = z.object({ page, version: count, checked: count });
const report = tally.extend({ instead: z.object({ version: count, checked: count }).exactOptional() });
const record = z.object({
  size: z.int().refine(isBoardSize),
  claims: z.string().max(1_000).exactOptional(),
});
const moment = z.object({ ms: number, delta });
const durability = z.discriminatedUnion("level", [
  z.object({ level: z.literal("applied") }),
  z.object({ level: z.literal("fsynced") }),
  z.object({ level: z.literal("replicated"), replicas: z.int().min(1).max(9) }),
]);
const nothing = z.null();
const names = <Value extends z.ZodType>(value: Value) => z.array(z.tuple([board, value])).max(BOARDS_MAX);

/** The facts that a relay needs before it makes calls. */
const welcome = z.object({
  /** Name of the instance that answers, for the log. */
  instance: z.string().max(255),
  isAvailable: z.boolean(),
  warning: z.string().max(TEXT_MAX).optional(),
  durabilities: z.object({ boards: names(durability), others: durability }),
  histories: z.object({ boards: names(number), others: number }),
});
export type Welcome = z.output<typeof welcome>;

interface Call<Args extends z.ZodType, Result extends z.ZodType> {
  readonly args: Args;
  readonly result: Result;
}

function call<Args extends z.ZodType, Result extends z.ZodType>(args: Args, result: Result): Call<Args, Result> {
  return { args, result };
}

/** `null` stands for undefined. */
export const CALLS = {
  commit: call(z.tuple([pageRef, batch]), committed),
  replace: call(z.tuple([pageRef, tag, bits]), z.object({ position, checked: count, isReplaced: z.boolean() })),
  freeze: call(z.tuple([pageRef, range, z.boolean()]), z.boolean()),
  frozen: call(z.tuple([pageRef]), ranges.nullable()),
  read: call(z.tuple([pageRef]), snapshot),
  since: call(
    z.tuple([pageRef, position]),
    z.discriminatedUnion("kind", [z.object({ kind: z.literal("deltas"), deltas: z.array(delta) }), snapshot]),
  ),
  /** The heads are its parts. */
  heads: call(z.tuple([z.array(pageRef).max(PAGES_MAX)]), nothing),
  claims: call(z.tuple([pageRef]), z.object({ position, claims: z.array(claim) })),
  /** The released cells are its parts. */
  releaseExpired: call(z.tuple([]), z.boolean()),
  history: call(
    z.tuple([pageRef, historyRange]),
    z.object({ start: snapshot, fromMs: number, nowMs: number, deltas: z.array(moment) }).nullable(),
  ),
  activity: call(
    z.tuple([pageRef, historyRange, z.int().min(0).max(1_000)]),
    z
      .object({ firstMs: number.optional(), counts: z.array(count), nowMs: number })
      .transform(({ firstMs, ...rest }): PageActivity => ({ ...rest, firstMs }))
      .nullable(),
  ),
  enroll: call(
    z.tuple([z.string().max(64), z.string()]),
    z.array(z.object({ id: z.string(), record: z.string(), ageMs: z.number() })),
  ),
  readOverview: call(z.tuple([board]), z.array(tally)),
  report: call(z.tuple([board, z.array(report).max(REPORTS_MAX)]), nothing),
  listBoards: call(z.tuple([]), z.array(z.tuple([z.string(), record])).nullable()),
  changeBoard: call(z.tuple([board, record.nullable(), record.nullable()]), z.boolean()),
  subscribe: call(z.tuple([pageRef]), nothing),
  unsubscribe: call(z.tuple([pageRef]), nothing),
  restart: call(z.tuple([z.array(pageRef).max(PAGES_MAX)]), nothing),
  subscribeOverview: call(z.tuple([board]), nothing),
  unsubscribeOverview: call(z.tuple([board]), nothing),
  restartOverview: call(z.tuple([board]), nothing),
  subscribeBoards: call(z.tuple([]), nothing),
} as const;

export type CallName = keyof typeof CALLS;
/** The same value, whose lists and fields are read-only. */
export type Constant<Value> = Value extends Uint8Array
  ? Uint8Array
  : Value extends Uint32Array
    ? Uint32Array
    : Value extends object
      ? { readonly [Key in keyof Value]: Constant<Value[Key]> }
      : Value;
export type ArgsOf<Name extends CallName> = Constant<z.output<(typeof CALLS)[Name]["args"]>>;
export type ResultOf<Name extends CallName> = z.output<(typeof CALLS)[Name]["result"]>;

/** The parts of the answers that have parts. */
export const PARTS = {
  heads: z.array(z.tuple([count, head.nullable()])),
  releaseExpired: z.object({ page: pageRef, offsets: z.array(offset), committed }),
} as const;
export type PartOf<Name extends CallName> = Name extends keyof typeof PARTS ? z.output<(typeof PARTS)[Name]> : never;

/** `delta` has the claims that its commit changed. `goodbye`: the upstream is about to end. */
const upstreamEvent = z.discriminatedUnion("kind", [
  z.object({ kind: z.literal("delta"), board, delta, claims: z.array(claim).exactOptional() }),
  z.object({ kind: z.literal("resumed"), page: pageRef }),
  z.object({ kind: z.literal("overview"), board, tallies: z.array(tally) }),
  z.object({ kind: z.literal("overviewResumed"), board }),
  z.object({ kind: z.literal("boards") }),
  z.object({ kind: z.literal("available"), isAvailable: z.boolean() }),
  z.object({ kind: z.literal("goodbye") }),
]);
export type UpstreamEvent = Constant<z.output<typeof upstreamEvent>>;

/**
 * Why a call failed:
 *
 *     away         as StoreAway, without effect           unconfirmed  as Unconfirmed
 *     sent         as StoreAway, perhaps with effect      damaged      as DamagedPage
 *     misfit       as MisfitPage                          error        anything else
 */
const failureKind = z.literal(["away", "sent", "unconfirmed", "damaged", "misfit", "error"]);
export type FailureKind = z.output<typeof failureKind>;

/** A call as it arrives. Its arguments are checked by its name. */
export const callMessage = z.tuple([count, z.string(), z.unknown()]);

export const downMessage = z.union([
  z.tuple([z.literal(DOWN.welcome), welcome]),
  z.tuple([z.literal(DOWN.answer), count, z.unknown()]),
  z.tuple([z.literal(DOWN.part), count, z.unknown()]),
  z.tuple([z.literal(DOWN.failure), count, failureKind, z.string()]),
  z.tuple([z.literal(DOWN.event), upstreamEvent]),
]);
export type DownMessage = z.output<typeof downMessage>;
