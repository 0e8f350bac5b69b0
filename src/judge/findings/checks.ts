/* The checks: a title, the meaning of a failure, and the tutorial's step that explains it. */

import type { CheckId } from "./observations.js";

interface Check {
  readonly title: string;
  readonly meaning: string;
  readonly step: number;
}

/** As in docs/tutorial.md. */
export const STEP_TITLES: readonly string[] = [
  "One instance, then two",
  "The lost update",
  "The join race",
  "Positions",
  "Group commit",
  "Failover",
];

export const CHECKS: Readonly<Record<CheckId, Check>> = {
  divergence: {
    title: "Divergence between instances",
    meaning:
      "Each instance has a board of its own, or sends changes only to its own clients. The state and the changes must go through a place that all instances share.",
    step: 1,
  },
  lost: {
    title: "Lost updates",
    meaning:
      "The server reads the board, changes one box and writes the board back. Two clicks at the same moment read the same board, and the later write undoes the earlier one.",
    step: 2,
  },
  order: {
    title: "Different order on different clients",
    meaning:
      "An instance shows a click to its own clients before the others have it. So two instances show two clicks in different orders, and their clients differ until the next click.",
    step: 1,
  },
  toggle: {
    title: "Toggles instead of sets",
    meaning:
      "The server flips a box instead of setting it. Two people who check the same box uncheck it, and a click that is sent twice undoes itself.",
    step: 2,
  },
  join: {
    title: "The join race",
    meaning:
      "The server reads the board for a newcomer, and lets the newcomer listen only afterwards. A click between these two steps never reaches the newcomer.",
    step: 3,
  },
  missed: {
    title: "Missed messages after a cut",
    meaning:
      "Messages that are sent while a connection is broken are gone, and nothing tells the client that it missed some. Changes need numbers, so that a gap shows.",
    step: 4,
  },
  catchUp: {
    title: "No catch-up on return",
    meaning:
      "A client that returns is not given the current board. It shows an old or empty one until each box is clicked again.",
    step: 4,
  },
  blind: {
    title: "One client blinds others",
    meaning:
      "All clients share one limit or one queue. A single busy client uses it up, and the others can neither see changes nor make any.",
    step: 5,
  },
  crash: {
    title: "Crashes",
    meaning:
      "The server trusts what clients send. One message can end the process for everybody or damage the board. Each input needs a check before it is used.",
    step: 6,
  },
  stall: {
    title: "Stalls",
    meaning:
      "One message keeps the server busy, and a process does one thing at a time. The size of each message, and the work that it causes, need a bound.",
    step: 5,
  },
};
