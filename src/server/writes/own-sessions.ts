/*
 * Sessions and sequence numbers for writes of the instance itself, and of clients that do not
 * number theirs. The store recognises a repeated write within SEQ_WINDOW numbers of a session, so a
 * session has at most that many open. Sessions are reused, to crowd no client's out of the store's
 * memory.
 */

import { randomBytes } from "node:crypto";
import { Refusal } from "../../protocol/errors.js";
import { SEQ_WINDOW } from "../../store/seen.js";

interface OwnSession {
  readonly session: string;
  seq: number;
  readonly open: Set<number>;
  isFull: boolean;
}

/** Writes without an answer. */
export const OPEN_WRITES_MAX = 131_072;
/** Sessions kept for the next writes. Others that a burst needed are dropped. */
export const IDLE_SESSIONS_MAX = 4;

export class OwnSessions {
  /** Those with room. The last is filled first. */
  readonly #withRoom: OwnSession[] = [];
  #sessions = 0;
  #openWrites = 0;

  /** As many sessions as open writes need, and a few. */
  get size(): number {
    return this.#sessions;
  }

  /** Runs `write` under a session and number of its own. Rejects with BUSY if too many are open. */
  async run<Result>(write: (session: string, seq: number) => Promise<Result>): Promise<Result> {
    if (this.#openWrites >= OPEN_WRITES_MAX) throw new Refusal("BUSY", { retryAfterMs: 1_000 });
    const own = this.#withRoom.at(-1) ?? this.#add();
    const seq = ++own.seq;
    own.open.add(seq);
    this.#openWrites++;
    const [oldest = seq] = own.open;
    if (seq + 1 - oldest >= SEQ_WINDOW) {
      own.isFull = true;
      this.#withRoom.pop();
    }
    try {
      return await write(own.session, seq);
    } finally {
      this.#settle(own, seq);
    }
  }

  #add(): OwnSession {
    const own = { session: randomBytes(16).toString("base64url"), seq: 0, open: new Set<number>(), isFull: false };
    this.#withRoom.push(own);
    this.#sessions++;
    return own;
  }

  #settle(own: OwnSession, seq: number): void {
    own.open.delete(seq);
    this.#openWrites--;
    if (!own.isFull || own.open.size > 0) return;
    // It was full and is empty now: use it again, or drop it.
    if (this.#withRoom.length >= IDLE_SESSIONS_MAX) this.#sessions--;
    else {
      own.isFull = false;
      this.#withRoom.push(own);
    }
  }
}
