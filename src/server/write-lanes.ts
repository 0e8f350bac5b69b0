/*
 * Sessions and sequence numbers for writes that the instance makes itself. The store tells a repeated write from a new one
 * within SEQ_WINDOW numbers of a session, so a session has no more than that open at once; where more are, another
 * session takes them. Few sessions, used again and again, crowd nobody's out of the store's memory.
 */

import { randomBytes } from "node:crypto";
import { SEQ_WINDOW } from "../store/seen.js";

interface Lane {
  readonly session: string;
  seq: number;
  /** Numbers without an answer, ascending. */
  readonly open: Set<number>;
}

export class WriteLanes {
  /** Bounded by the writes that may be open: the writer refuses more than it may queue. */
  readonly #lanes: Lane[] = [];

  /** Runs `write` under a session and a number that are its own until it settles. */
  async run<Result>(write: (session: string, seq: number) => Promise<Result>): Promise<Result> {
    const lane = this.#lanes.find(hasRoom) ?? this.#open();
    const seq = ++lane.seq;
    lane.open.add(seq);
    try {
      return await write(lane.session, seq);
    } finally {
      lane.open.delete(seq);
    }
  }

  #open(): Lane {
    const lane = { session: randomBytes(16).toString("base64url"), seq: 0, open: new Set<number>() };
    this.#lanes.push(lane);
    return lane;
  }
}

function hasRoom({ seq, open }: Lane): boolean {
  const [oldest = seq + 1] = open;
  return seq + 1 - oldest < SEQ_WINDOW;
}
