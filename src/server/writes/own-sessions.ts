/*
 * Sessions and sequence numbers for writes by the instance itself, and by clients that do not
 * number theirs. The store recognises a repeated write within SEQ_WINDOW numbers of a session, so a
 * session has at most that many open writes. Sessions are reused, so that they do not crowd
 * clients' sessions out of the store.
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

/** Most writes without an answer. */
export const OPEN_WRITES_MAX = 131_072;
/** Idle sessions kept for later writes. Further sessions, left over from a burst, are dropped. */
export const IDLE_SESSIONS_MAX = 4;

export class OwnSessions {
  /** Sessions with room for more writes. The last one is filled first. */
  readonly #withRoom: OwnSession[] = [];
  #sessions = 0;
  #openWrites = 0;

  /** Number of sessions: as many as the open writes need, plus a few. */
  get size(): number {
    return this.#sessions;
  }

  /**
   * Runs `write` with an unused session and number. Rejects with BUSY if too many writes are open.
   */
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
    // The session was full and now has no open writes, so it is reused or dropped.
    if (this.#withRoom.length >= IDLE_SESSIONS_MAX) this.#sessions--;
    else {
      own.isFull = false;
      this.#withRoom.push(own);
    }
  }
}
