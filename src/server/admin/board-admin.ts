/*
 * Boards added, removed and resized at run time, by admins or by the host app. The record in the
 * store is changed. All instances take that up within moments (instance/board-keeper.ts).
 *
 * Cells that a board loses are emptied: thawed and unchecked. So they are empty if it grows again,
 * and not counted meanwhile. They are emptied before the record is changed, so that listeners hear
 * of it. Then twice more, for writes that other instances let through at that moment.
 */

import { countOf } from "../../protocol/count.js";
import { Refusal } from "../../protocol/errors.js";
import { BOARDS_MAX, isBoardName, isBoardSize } from "../../store/boards.js";
import { type ClaimRule, formatRule, parseRule } from "../../store/claims.js";
import type { Instance } from "../instance/instance.js";
import { type Actor, audited, empty } from "./admin.js";

/** After this, every instance has taken up a change, and answered its last writes from before. */
const TAKEN_UP_MS = 8_000;

/** Rules of a board that is added while instances run. */
export interface BoardRules {
  /** Its claim rule, as in CLAIMS: `""` for claims without an end, `5m` or `lease:10s`. */
  readonly claims?: string | undefined;
}

/** Resolves if the board exists with that size and rule already. */
export async function addBoard(
  { boards, keeper }: Instance,
  name: string,
  size: number,
  { claims }: BoardRules = {},
): Promise<void> {
  requireNamed(name);
  requireSize(size);
  const rule = claims === undefined ? undefined : formatRule(requireRule(claims));
  await keeper.change(name, (record) => {
    if (record && record.size !== size)
      throw impossible(`Board ${name} already exists with ${countOf(record.size, "cell")}. Resize it instead.`);
    if (record && rule !== undefined && record.claims !== rule)
      throw impossible(`Board ${name} already exists with a different claim rule. Leave out \`claims\`.`);
    if (!record && boards.size >= BOARDS_MAX)
      throw impossible(`There are already ${BOARDS_MAX} boards. Remove one first.`);
    return record ?? { size, ...(rule !== undefined && { claims: rule }) };
  });
}

export async function resizeBoard(instance: Instance, name: string, size: number): Promise<void> {
  requireSize(size);
  await change(instance, name, size);
}

export function removeBoard(instance: Instance, name: string): Promise<void> {
  return change(instance, name, undefined);
}

/** Adds the board if there is none of that name, and resizes it otherwise. */
export async function putBoard(
  instance: Instance,
  name: string,
  size: number,
  rules: BoardRules,
  by: Actor,
): Promise<void> {
  const exists = instance.boards.has(name);
  await audited(instance, { audit: exists ? "resize" : "add", board: name, size, ...rules }, by, async (begin) => {
    requireNamed(name);
    requireSize(size);
    if (exists && rules.claims !== undefined)
      throw impossible("Claims can be set only when a board is added. Leave out `claims`.");
    begin();
    await (exists ? resizeBoard(instance, name, size) : addBoard(instance, name, size, rules));
    return {};
  });
}

export async function deleteBoard(instance: Instance, name: string, by: Actor): Promise<void> {
  await audited(instance, { audit: "remove", board: name }, by, async (begin) => {
    if (!instance.boards.has(name)) throw new Refusal("UNKNOWN_BOARD");
    begin();
    await removeBoard(instance, name);
    return {};
  });
}

async function change(instance: Instance, name: string, size: number | undefined): Promise<void> {
  const board = instance.boards.get(name);
  if (!board) throw new Refusal("UNKNOWN_BOARD");
  const start = size ?? 0;
  let end = board.size;
  const emptyLost = async () => {
    if (start < end) await empty(instance, board, { start, end });
  };
  await emptyLost();
  await instance.keeper.change(name, (record) => {
    if (!record) throw new Refusal("UNKNOWN_BOARD");
    // It may have grown elsewhere, a moment ago.
    end = Math.max(end, record.size);
    return size === undefined ? undefined : { ...record, size };
  });
  await emptyLost();
  if (start >= end) return;
  instance.keeper.later(TAKEN_UP_MS, () => {
    const now = instance.boards.get(name)?.size ?? 0;
    // Nothing is emptied that the board has got back.
    if (now <= start) emptyLost().catch(() => undefined);
  });
}

function requireNamed(name: string): void {
  if (!isBoardName(name)) throw malformed("a name must have 1 to 64 letters, digits, - or _");
}

function requireSize(size: number): void {
  if (!isBoardSize(size)) throw malformed("a size must be a whole number from 1 to 4,294,967,296");
}

function requireRule(claims: string): ClaimRule {
  const rule = parseRule(claims);
  if (!rule) throw malformed(`claims is "${claims}": expected a time such as 5m, lease:10s, or an empty string`);
  return rule;
}

/** For a request that is well formed, but that the board does not allow. */
function impossible(message: string): Refusal {
  return new Refusal("BAD_REQUEST", { message });
}

function malformed(detail: string): Refusal {
  return new Refusal("BAD_REQUEST", { detail });
}
