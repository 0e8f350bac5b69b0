/*
 * What must be true when the storm is over and all is quiet.
 *
 *     level       every instance and every client is where the store is, and every wish has its fate
 *     once        a write is in the surviving history once: acknowledged, it is missing only if it was lost with a tail
 *     the user's  what a user's writes did to a cell is what the user wished, in that order, each wish once or not at all (some
 *                 become one on the way); and last comes the last wish
 */

import { getBit } from "../../src/board/bitmap.js";
import { changedOffset, changedValue } from "../../src/board/delta.js";
import { cellAt, offsetOf, type PageRef, pageCount, pageName, pageOf } from "../../src/board/geometry.js";
import { formatPosition, samePosition } from "../../src/board/position.js";
import type { Write } from "../../src/store/store.js";
import type { Host } from "./host.js";
import { type Judge, writeKey } from "./judge.js";
import type { Screen, Wish } from "./screen.js";
import type { Entry, StoreServer } from "./store-server.js";
import type { User } from "./user.js";

/** How far an end may be off: messages take their time, and holds that were extended differ by far more. */
const END_MS_OFF = 2_000;

/** Why the world is not level yet; undefined when it is. */
export function unlevel(
  server: StoreServer,
  hosts: readonly Host[],
  users: readonly User[],
  cells: readonly number[],
): string | undefined {
  for (const { name, running } of hosts) {
    for (const { follower } of running?.instance.pages.hubs() ?? []) {
      const [at, stored] = [follower.replica.position, server.position(follower.ref)];
      if (!samePosition(at, stored)) {
        return `${name} holds ${pageName(follower.ref)} at ${formatPosition(at)}, not ${formatPosition(stored)}`;
      }
    }
  }
  for (const user of users) {
    for (const screen of user.screens) {
      const reason = unlevelScreen(server, screen, cells);
      if (reason) return `${user.name}: ${reason}`;
    }
  }
  return undefined;
}

function unlevelScreen(server: StoreServer, screen: Screen, cells: readonly number[]): string | undefined {
  const { board } = screen;
  if (board.status !== "live") return `${board.name} is ${board.status}`;
  if (screen.isWaiting || board.pending > 0) return `${board.name} has wishes without a fate`;
  const pending = cells.find((cell) => board.isPending(cell % screen.size));
  if (pending !== undefined) return `${board.name} shows ${pending} as on its way`;
  for (let page = 0; page < screen.pages; page++) {
    const at = board.replicaOf(page)?.position;
    const ref = { board: board.name, page };
    const stored = server.position(ref);
    if (!at || !samePosition(at, stored)) {
      return `${board.name}:${page} is at ${at && formatPosition(at)}, not ${formatPosition(stored)}`;
    }
    const reason = screen.owner && otherThanMine(server, screen, ref, screen.owner);
    if (reason) return reason;
  }
  return undefined;
}

/** How what the user has by `board.mine` differs from what the store has as theirs. */
function otherThanMine(server: StoreServer, { board }: Screen, ref: PageRef, owner: string): string | undefined {
  const stored = new Map(
    Array.from(server.held(ref)).flatMap(([offset, claim]) =>
      claim.owner === owner ? [[cellAt(ref.page, offset), claim.endMs || undefined] as const] : [],
    ),
  );
  const mine = new Map(Array.from(board.mine).filter(([cell]) => pageOf(cell) === ref.page));
  for (const cell of new Set([...stored.keys(), ...mine.keys()])) {
    if (stored.has(cell) !== mine.has(cell)) return `${board.name} ${cell} is ${mine.has(cell) ? "" : "not "}mine`;
    const [endMs, shownMs] = [stored.get(cell) ?? Number.POSITIVE_INFINITY, mine.get(cell) ?? Number.POSITIVE_INFINITY];
    // An end is told as the time left, which travels.
    if (endMs !== shownMs && !(Math.abs(endMs - shownMs) < END_MS_OFF))
      return `${board.name} ${cell} is mine until ${shownMs}, not ${endMs}`;
  }
  return undefined;
}

export function judgeEnd(judge: Judge, server: StoreServer, users: readonly User[], cells: readonly number[]): void {
  judgeOnce(judge, server);
  const effects = effectsOf(server.entries);
  const lost = effectsOf(server.lost);
  for (const user of users) {
    for (const { session, seq } of user.witness.refusedAtOnce) {
      for (const { board, pages } of user.screens) {
        for (let page = 0; page < pages; page++) {
          if (!judge.wasTaken({ board: board.name, page }, session, seq)) continue;
          judge.fail(`${user.name}: write ${seq} was refused as without effect, and took effect`);
        }
      }
    }
    for (const screen of user.screens) {
      judgeShown(judge, server, user.name, screen, cells);
      judgeWishes(judge, user.name, screen, effects, lost);
    }
  }
}

function judgeOnce(judge: Judge, server: StoreServer): void {
  const accepted = new Set<string>();
  for (const { ref, write } of carriedOut(server.entries)) {
    const key = writeKey(ref, write.session, write.seq);
    if (accepted.has(key)) judge.fail(`write ${key} was accepted twice`);
    accepted.add(key);
  }
  // What was accepted was acknowledged or sent again until it was: it survives, or was lost.
  const lost = new Set(
    server.lost.flatMap(({ ref, batch }) => batch.writes.map(({ session, seq }) => writeKey(ref, session, seq))),
  );
  for (const key of judge.acknowledged) {
    if (!accepted.has(key) && !lost.has(key)) judge.fail(`write ${key} was acknowledged and is not there`);
  }
}

/** What is shown, and what was reported of it, is what the store has. */
function judgeShown(judge: Judge, server: StoreServer, name: string, screen: Screen, cells: readonly number[]): void {
  const { board, size } = screen;
  const pages = Array.from({ length: pageCount(size) }, (_, page) => server.snapshot({ board: board.name, page }).bits);
  for (const wanted of cells) {
    const cell = wanted % size;
    const bits = pages[pageOf(cell)];
    const stored = bits && getBit(bits, offsetOf(cell)) === 1;
    if (board.get(cell) !== stored) judge.fail(`${name}: ${board.name} ${cell} is shown as ${board.get(cell)}`);
    if (screen.reported(cell) !== stored)
      judge.fail(`${name}: ${board.name} ${cell} was reported as ${screen.reported(cell)}`);
  }
}

/** board and session and cell -> the values that were written, in order. */
type Effects = ReadonlyMap<string, readonly number[]>;

function effectsOf(entries: readonly Entry[]): Effects {
  const effects = new Map<string, number[]>();
  for (const { ref, write } of carriedOut(entries)) {
    for (const change of write.changes) {
      const key = effectKey(ref.board, write.session, cellAt(ref.page, changedOffset(change)));
      const values = effects.get(key) ?? [];
      effects.set(key, values);
      values.push(changedValue(change));
    }
  }
  return effects;
}

/**
 * The numbered writes that were carried out. A copy of one that was refused because cells are others' may be answered as a
 * duplicate: its cells are as it wants them now (claim-book.ts), so it was carried out then, without an effect.
 */
function* carriedOut(entries: readonly Entry[]): Iterable<{ readonly ref: PageRef; readonly write: Write }> {
  /** Write -> whether it was carried out. */
  const isDone = new Map<string, boolean>();
  for (const { ref, batch, outcomes } of entries) {
    for (const [index, write] of batch.writes.entries()) {
      if (write.session === "") continue;
      const key = writeKey(ref, write.session, write.seq);
      const outcome = outcomes[index];
      const isMoot = outcome === "duplicate" && isDone.get(key) === false;
      if (outcome === "accepted" || isMoot) {
        isDone.set(key, true);
        yield { ref, write };
      } else if (outcome === "claimed" && !isDone.has(key)) isDone.set(key, false);
    }
  }
}

function effectKey(board: string, session: string, cell: number): string {
  return `${board} ${session} ${cell}`;
}

function judgeWishes(judge: Judge, name: string, screen: Screen, effects: Effects, lost: Effects): void {
  const { board, session, wishes } = screen;
  for (const [cell, made] of wishes) {
    const key = effectKey(board.name, session, cell);
    const all = effects.get(key) ?? [];
    const done = screen.owner === undefined ? all : once(all);
    const wished = made.map(({ value }) => value).join(" ");
    const history = `wished ${board.name} ${cell}=${wished}, wrote ${done.join(" ")}`;
    // A wish that was refused may have had its effect, and lost it again before it was answered.
    const sure = made.findLastIndex(({ fate }) => fate === "kept");
    const last = made.slice(Math.max(0, sure)).map(({ value }) => value);
    // A late attempt at a write that was lost, with the memory of it, takes effect: once, but out of order.
    const isRight = lost.has(key) ? done.length <= made.length : runsThrough(made, done);
    if (!isRight) judge.fail(`${name}: ${history}`);
    else if (!lost.has(key) && (done.length > 0 ? !last.some((value) => value === done.at(-1)) : sure >= 0)) {
      judge.fail(`${name}: ${history}, not the last`);
    }
  }
}

/**
 * What is left if a value that follows itself counts once. If others have some cells of a write, its other changes are made
 * by another write: again, if the refusal was of a copy of a write that was accepted.
 */
function once(values: readonly number[]): number[] {
  return values.filter((value, index) => value !== values[index - 1]);
}

/** Whether the values are those of some of the wishes, in their order. */
function runsThrough(wishes: readonly Wish[], values: readonly number[]): boolean {
  let next = 0;
  for (const { value } of wishes) if (value === values[next]) next++;
  return next === values.length;
}
