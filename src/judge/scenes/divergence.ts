/*
 * One click at a time at each instance. Every other instance must show it to its clients and store
 * it. All or none of the clicks between two instances arrive if they are two boards. If only some
 * arrive, messages are lost between them.
 */

import type { BoardState } from "../adapters/board-state.js";
import type { DivergenceSeen } from "../findings/observations.js";
import type { Guest } from "../hearing/guest.js";
import type { Hearing } from "../hearing/hearing.js";
import { readAfter } from "../hearing/read-after.js";

const CLICKS = 3;

export async function divergence(hearing: Hearing): Promise<DivergenceSeen> {
  const deaf: { from: string; to: string }[] = [];
  const clicked = new Map<number, boolean>();
  for (const from of hearing.urls) {
    const writer = writerAt(hearing, from);
    const others = hearing.witnesses.filter(({ url }) => url !== from);
    const clicks: { cell: number; value: boolean }[] = [];
    for (const cell of hearing.take(CLICKS)) {
      // Instances that are two boards may show the box differently, so each value is tried.
      const { value } = await hearing.flip(writer, cell);
      clicks.push({ cell, value });
      clicked.set(cell, value);
    }
    const lacks = (witness: (typeof others)[number]) =>
      clicks.filter(({ cell, value }) => witness.screen.at(cell) !== value).length;
    await hearing.wait(() => others.every((other) => lacks(other) === 0));
    for (const other of others) {
      if (lacks(other) === CLICKS) deaf.push({ from, to: other.url });
      else hearing.strays += lacks(other);
    }
  }
  // Two boards store differently for that reason.
  const storedDifferently = deaf.length > 0 ? 0 : await countDifferences(hearing, clicked);
  return { clicks: CLICKS, deaf, storedDifferently };
}

function writerAt(hearing: Hearing, at: string): Guest {
  return hearing.writers.find(({ url }) => url === at) ?? hearing.writer(0);
}

/** Boxes that an instance stores otherwise than they were clicked. */
async function countDifferences(hearing: Hearing, clicked: ReadonlyMap<number, boolean>): Promise<number> {
  const isRight = (cells: readonly boolean[]) => (cell: number) => cells[cell] === clicked.get(cell);
  const all = [...clicked.keys()];
  const boards = await Promise.all(
    hearing.urls.map((url) => hearing.readUntil(url, ({ cells }) => all.every(isRight(cells)), 3)),
  );
  const differing = (read: readonly BoardState[]) =>
    all.filter((cell) => new Set(read.map(({ cells }) => cells[cell])).size > 1).length;
  if (differing(boards) === 0) return 0;
  // An instance may be read through a stale copy.
  const later: BoardState[] = [];
  for (const url of hearing.urls) later.push(await readAfter(hearing, writerAt(hearing, url)));
  return differing(later);
}
