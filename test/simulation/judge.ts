/*
 * The judge: hears of every commit, knows every state that ever was, and notes the first thing that must not be. Rules that
 * need no more than a page and its history are here; line-witness.ts, deadlines.ts and verdict.ts judge by them.
 */

import { type PageRef, pageName } from "../../src/board/geometry.js";
import { formatPosition, type Position, samePosition } from "../../src/board/position.js";
import type { Replica } from "../../src/board/replica.js";
import type { Host } from "./host.js";
import type { Entry, StoreServer } from "./store-server.js";
import type { Trace } from "./trace.js";

export class Judge {
  /** The first thing that went wrong. */
  failure: string | undefined;
  readonly #server: () => StoreServer;
  readonly #trace: Trace;
  /** Writes to a page that the store took, on whatever branch. */
  readonly #accepted = new Set<string>();
  /** Writes to a page that the store refused because of their cells' owners, on whatever branch. */
  readonly #claimed = new Set<string>();
  /** Writes to a page whose client was told that they are in it. */
  readonly acknowledged = new Set<string>();
  readonly #lastSeen = new WeakMap<Replica, Position>();

  constructor(server: () => StoreServer, trace: Trace) {
    this.#server = server;
    this.#trace = trace;
  }

  fail(reason: string): void {
    this.#trace.say(() => `WRONG  ${reason}`);
    this.failure ??= reason;
  }

  committed({ ref, batch, outcomes }: Entry): void {
    batch.writes.forEach(({ session, seq }, index) => {
      const key = writeKey(ref, session, seq);
      if (outcomes[index] === "claimed") this.#claimed.add(key);
      else if (outcomes[index] === "accepted" || this.#claimed.has(key)) this.#accepted.add(key);
    });
  }

  wasTaken(ref: PageRef, session: string, seq: number): boolean {
    return this.#accepted.has(writeKey(ref, session, seq));
  }

  wasClaimed(ref: PageRef, session: string, seq: number): boolean {
    return this.#claimed.has(writeKey(ref, session, seq));
  }

  /** Promise 2: the client is told that the store has taken it. */
  checkAcknowledged(who: string, ref: PageRef, session: string, seq: number): void {
    this.acknowledged.add(writeKey(ref, session, seq));
    if (!this.wasTaken(ref, session, seq))
      this.fail(`${who}: write ${seq} to ${pageName(ref)} is acknowledged too soon`);
  }

  /** I4: a replica is at a state of the page's history, with exactly its bits. */
  checkState(who: string, ref: PageRef, replica: Replica): void {
    if (this.#server().history(pageName(ref)).has(replica.position, replica.bits)) return;
    this.fail(`${who}: ${pageName(ref)} at ${formatPosition(replica.position)} is no state of its history`);
  }

  /** Promise 1: who stands on the surviving branch only moves on along it. */
  checkMove(who: string, ref: PageRef, before: Position, after: Position): void {
    const server = this.#server();
    if (samePosition(before, after) || server.history(pageName(ref)).leads(before, after)) return;
    if (!server.survives(ref, before)) return;
    const [from, to] = [before, after].map(formatPosition);
    this.fail(`${who}: ${pageName(ref)} was set back from ${from} to ${to}`);
  }

  /** Looks at every replica that the instance holds. */
  checkInstance({ name, running }: Host): void {
    for (const { follower } of running?.instance.pages.hubs() ?? []) {
      const { ref, replica } = follower;
      this.checkState(name, ref, replica);
      const before = this.#lastSeen.get(replica);
      if (before) this.checkMove(name, ref, before, replica.position);
      this.#lastSeen.set(replica, replica.position);
    }
  }
}

export function writeKey(ref: PageRef, session: string, seq: number): string {
  return `${session}:${seq}:${pageName(ref)}`;
}
