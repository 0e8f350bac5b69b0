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
import { cellAt, offsetOf, pageCount, pageName, pageOf } from "../../src/board/geometry.js";
import { formatPosition, samePosition } from "../../src/board/position.js";
import type { Host } from "./host.js";
import { type Judge, writeKey } from "./judge.js";
import type { Screen, Wish } from "./screen.js";
import type { Entry, StoreServer } from "./store-server.js";
import type { User } from "./user.js";

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
    const stored = server.position({ board: board.name, page });
    if (!at || !samePosition(at, stored)) {
      return `${board.name}:${page} is at ${at && formatPosition(at)}, not ${formatPosition(stored)}`;
    }
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
  for (const { ref, batch, outcomes } of server.entries) {
    batch.writes.forEach(({ session, seq }, index) => {
      if (outcomes[index] !== "accepted") return;
      const key = writeKey(ref, session, seq);
      if (accepted.has(key)) judge.fail(`write ${key} was accepted twice`);
      accepted.add(key);
    });
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
  for (const { ref, batch, outcomes } of entries) {
    batch.writes.forEach(({ session, changes }, index) => {
      if (outcomes[index] !== "accepted") return;
      for (const change of changes) {
        const key = effectKey(ref.board, session, cellAt(ref.page, changedOffset(change)));
        const values = effects.get(key) ?? [];
        effects.set(key, values);
        values.push(changedValue(change));
      }
    });
  }
  return effects;
}

function effectKey(board: string, session: string, cell: number): string {
  return `${board} ${session} ${cell}`;
}

function judgeWishes(judge: Judge, name: string, screen: Screen, effects: Effects, lost: Effects): void {
  const { board, session, wishes } = screen;
  for (const [cell, made] of wishes) {
    const key = effectKey(board.name, session, cell);
    const done = effects.get(key) ?? [];
    const wished = made.map(({ value }) => value).join(" ");
    const history = `wished ${board.name} ${cell}=${wished}, wrote ${done.join(" ")}`;
    // A late attempt at a write that was lost, with the memory of it, takes effect: once, but out of order.
    const isRight = lost.has(key) ? done.length <= made.length : runsThrough(made, done);
    if (!isRight) judge.fail(`${name}: ${history}`);
    else if (!lost.has(key) && done.at(-1) !== made.at(-1)?.value) judge.fail(`${name}: ${history}, not the last`);
  }
}

/** Whether the values are those of some of the wishes, in their order. */
function runsThrough(wishes: readonly Wish[], values: readonly number[]): boolean {
  let next = 0;
  for (const { value } of wishes) if (value === values[next]) next++;
  return next === values.length;
}
