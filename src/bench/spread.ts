/* The next cell to write. Pure: randomness is passed in. */

import type { Spread } from "./scenario.js";

type Random = () => number;

/** The next cell that the client numbered `client` writes. */
export type Picker = (client: number) => number;

const HOT_CELLS = 100;
const HOT_SHARE = 0.9;
/** A page is shown as a square. */
const ROW_CELLS = 256;
const LINE_CELLS = 50;

/** Picks from the cells 0 … cells - 1. */
export function createPicker(spread: Spread, cells: number, random: Random): Picker {
  const anywhere = () => Math.floor(random() * cells);
  switch (spread) {
    case "uniform":
      return anywhere;
    case "hot": {
      const hot = Math.min(HOT_CELLS, cells);
      const first = Math.floor((cells - hot) / 2);
      return () => (random() < HOT_SHARE ? first + Math.floor(random() * hot) : anywhere());
    }
    case "draw":
      return createPens(cells, random);
  }
}

function createPens(cells: number, random: Random): Picker {
  const pens = new Map<number, { cell: number; step: number }>();
  const steps = [1, -1, ROW_CELLS, -ROW_CELLS, ROW_CELLS + 1, -ROW_CELLS - 1, ROW_CELLS - 1, 1 - ROW_CELLS];
  return (client) => {
    const pen = pens.get(client) ?? { cell: cells, step: 1 };
    pens.set(client, pen);
    pen.cell += pen.step;
    if (pen.cell < 0 || pen.cell >= cells || random() * LINE_CELLS < 1) {
      pen.cell = Math.floor(random() * cells);
      pen.step = steps[Math.floor(random() * steps.length)] ?? 1;
    }
    return pen.cell;
  };
}
