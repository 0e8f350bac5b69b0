/*
 * One click at a time at each instance. Every other instance must show it to its clients and store
 * it. All or none of the clicks between two instances arrive if they are two boards. If only some
 * arrive, messages are lost between them.
 */

import type { Hearing } from "../hearing.js";
import type { DivergenceSeen } from "../observations.js";

const CLICKS = 3;

export async function divergence(hearing: Hearing): Promise<DivergenceSeen> {
  const deaf: { from: string; to: string }[] = [];
  const clicked = new Map<number, boolean>();
  for (const from of hearing.urls) {
    const writer = hearing.writers.find(({ url }) => url === from) ?? hearing.writer(0);
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
  return { clicks: CLICKS, deaf, storedDifferently: await countDifferences(hearing, clicked) };
}

/** Boxes that an instance stores otherwise than they were clicked. */
async function countDifferences(hearing: Hearing, clicked: ReadonlyMap<number, boolean>): Promise<number> {
  const isRight = (cells: readonly boolean[]) => (cell: number) => cells[cell] === clicked.get(cell);
  const all = [...clicked.keys()];
  const boards = await Promise.all(
    hearing.urls.map((url) => hearing.readUntil(url, ({ cells }) => all.every(isRight(cells)), 3)),
  );
  return all.filter((cell) => new Set(boards.map(({ cells }) => cells[cell])).size > 1).length;
}
