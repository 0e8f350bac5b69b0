/*
 * What must have happened by when (promise 5), as long as nothing else went wrong meanwhile:
 *
 *     an instance that hears a delta, or that its channel stands again, is at or past it HEARD_MS later
 *     an instance that holds the page is at or past a commit COMMITTED_MS later, heard or not
 *     a client that watches the page there, and reads, is so SHOWN_MS later
 *
 * A request to the store that fails excuses an instance: back-off and its waiting are not bounded by these times.
 */

import { type PageRef, pageName } from "../../src/board/geometry.js";
import { formatPosition, type Position } from "../../src/board/position.js";
import type { Clock } from "../../src/protocol/clock.js";
import type { Host } from "./host.js";
import type { Judge } from "./judge.js";
import type { StoreServer } from "./store-server.js";
import type { User } from "./user.js";

const HEARD_MS = 500;
/** The promise says 2 s; the rest is for questions, answers and late news. */
const COMMITTED_MS = 2_400;
const SHOWN_MS = 2_900;
/** How long an instance may feel a failed request. */
const TROUBLE_MS = 600;

export class Deadlines {
  readonly #clock: Clock;
  readonly #server: StoreServer;
  readonly #judge: Judge;

  constructor(clock: Clock, server: StoreServer, judge: Judge) {
    this.#clock = clock;
    this.#server = server;
    this.#judge = judge;
  }

  heard(host: Host, ref: PageRef, position: Position): void {
    this.#expect(host, ref, position, HEARD_MS, "after it heard of it");
  }

  resumed(host: Host, ref: PageRef): void {
    this.#expect(host, ref, this.#server.position(ref), HEARD_MS, "after its channel stood again");
  }

  committed(hosts: readonly Host[], users: readonly User[], ref: PageRef, position: Position): void {
    for (const host of hosts) this.#expect(host, ref, position, COMMITTED_MS, "after the commit");
    for (const user of users) this.#expectShown(user, ref, position);
  }

  #expect(host: Host, ref: PageRef, position: Position, withinMs: number, why: string): void {
    const follower = host.running?.instance.pages.peek(ref);
    if (!follower) return;
    const sinceMs = this.#clock.now();
    this.#clock.after(withinMs, () => {
      if (host.running?.instance.pages.peek(ref) !== follower || this.#wasTroubled(host, sinceMs)) return;
      if (this.#isReached(ref, position, follower.replica.position)) return;
      const [at, wanted] = [follower.replica.position, position].map(formatPosition);
      this.#judge.fail(`${host.name}: ${pageName(ref)} at ${at} has not reached ${wanted} ${withinMs} ms ${why}`);
    });
  }

  #expectShown(user: User, ref: PageRef, position: Position): void {
    const screen = user.screens.find(({ board }) => board.name === ref.board);
    const { host } = user.line;
    const join = screen?.joins.of(ref.page);
    if (!screen || !host || join === undefined || user.line.isStalled) return;
    const { connection } = user.witness;
    const sinceMs = this.#clock.now();
    this.#clock.after(SHOWN_MS, () => {
      if (user.witness.connection !== connection || screen.joins.of(ref.page) !== join) return;
      if (user.stalledMs >= sinceMs || this.#wasTroubled(host, sinceMs)) return;
      const at = screen.board.replicaOf(ref.page)?.position;
      if (!at || this.#isReached(ref, position, at)) return;
      const wanted = formatPosition(position);
      this.#judge.fail(`${user.name}: ${pageName(ref)} does not show ${wanted} ${SHOWN_MS} ms after the commit`);
    });
  }

  #wasTroubled(host: Host, sinceMs: number): boolean {
    return host.troubledMs >= sinceMs - TROUBLE_MS;
  }

  /** At or past the position, or it is lost and nobody has to reach it. */
  #isReached(ref: PageRef, wanted: Position, at: Position): boolean {
    return this.#server.history(pageName(ref)).leads(wanted, at) || !this.#server.survives(ref, wanted);
  }
}
