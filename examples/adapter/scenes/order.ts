/* Two people set the same boxes to opposite values at the same moment, through two servers. */

import { msUntil } from "../../tutorial/stage.js";
import type { Step } from "../../tutorial/step.js";
import { differences } from "../screen.js";
import { adapterSide, CELLS, type OpenSide, ourSide } from "../sides.js";

const BOXES = 20;
/** Time for all messages to arrive. */
const GRACE_MS = 1_000;

export const order: Step = {
  title: "Two clicks on one box",
  scene: `Ann checks ${BOXES} boxes through one server. At the same moment, Ben unchecks each of them through another.`,
  other: "adapter",
  run: async (stage) => {
    const play = async (open: OpenSide) => {
      const side = await open(stage);
      const [ann, ben] = [await side.one.screen(), await side.two.screen()];
      for (let cell = 0; cell < BOXES; cell++) await Promise.all([ann.set(cell, true), ben.set(cell, false)]);
      const stored = await side.stored();
      const isRight = () => differences(ann.shows(), stored) + differences(ben.shows(), stored) === 0;
      await msUntil(isRight, GRACE_MS);
      return { apart: differences(ann.shows(), ben.shows()), isRight: isRight() };
    };
    const [adapter, ours] = [await play(adapterSide), await play(ourSide)];
    return {
      rows: [
        {
          what: `boxes of ${CELLS} that Ann and Ben see differently at the end`,
          naive: String(adapter.apart),
          ours: String(ours.apart),
        },
      ],
      naiveFault: adapter.isRight ? undefined : "each server shows its own change first, and the other one last",
      ourFault: ours.isRight ? undefined : "a screen differs from the store",
    };
  },
};
