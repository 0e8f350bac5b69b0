/*
 * A client's line to the instances: what connection.ts does, on the world's clock. It makes one connection of the lane after
 * the other (lane.ts), each to the next instance.
 */

import type { Delta } from "../../src/board/delta.js";
import type { Line, LineListener, Outcome } from "../../src/client/links/line.js";
import type { LinkListener } from "../../src/client/links/link.js";
import type { Clock } from "../../src/protocol/clock.js";
import type { Framed } from "../../src/protocol/codec.js";
import type { Reply, RequestMap, RequestName } from "../../src/protocol/events.js";
import { LANE_PROTOCOL } from "../../src/protocol/lane.js";
import { refusalFrom } from "../../src/protocol/refusal.js";
import type { Visitor } from "../../src/server/access/access.js";
import type { Random } from "../support/random.js";
import type { Host } from "./host.js";
import { type LaneWitness, SimulatedLane } from "./lane.js";

/** Who watches what crosses the line, to judge it. */
export interface LineWitness extends LaneWitness {
  connected(host: Host): void;
  lost(): void;
  requested<Name extends RequestName>(name: Name, request: RequestMap[Name][0]): void;
  answered<Name extends RequestName>(name: Name, request: RequestMap[Name][0], reply: Reply<RequestMap[Name][1]>): void;
  /** What the client has read; undefined if it could not. */
  read(delta: Framed<Delta> | undefined): void;
}

export interface LineOptions {
  readonly clock: Clock;
  readonly random: Random;
  readonly hosts: readonly Host[];
  readonly visitor: Visitor;
  readonly delayMsMax: number;
  readonly listener: LineListener;
  readonly witness: LineWitness;
}

export class SimulatedLine implements Line {
  readonly protocol = LANE_PROTOCOL;
  isUp = false;
  readonly #options: LineOptions;
  readonly #lost = new Set<() => void>();
  #lane: SimulatedLane | undefined;
  #next: number;
  #isAway = false;
  #isClosed = false;

  constructor(options: LineOptions) {
    this.#options = options;
    this.#next = options.random.whole(0, options.hosts.length - 1);
    this.#connectLater();
  }

  get host(): Host | undefined {
    return this.#lane?.host;
  }

  get isStalled(): boolean {
    return this.#lane?.isStalled ?? false;
  }

  request<Name extends RequestName>(
    name: Name,
    request: RequestMap[Name][0],
    settle: (outcome: Outcome<RequestMap[Name][1]>) => void,
  ): void {
    const lane = this.#lane;
    if (!lane || !this.isUp) {
      queueMicrotask(() => settle(undefined));
      return;
    }
    const { witness } = this.#options;
    const lost = () => settle(undefined);
    this.#lost.add(lost);
    witness.requested(name, request);
    lane.link.request(name, request, (reply) => {
      this.#lost.delete(lost);
      witness.answered(name, request, reply);
      settle("error" in reply ? refusalFrom(reply.error) : reply);
    });
  }

  settled(): void {}

  renew(): boolean {
    return false;
  }

  reconnect(): void {
    this.#lane?.link.close();
  }

  close(): void {
    this.#isClosed = true;
    this.#lane?.link.close();
  }

  /** The client is cut off until it comes back. */
  goAway(): void {
    this.#isAway = true;
    this.#lane?.cut();
  }

  comeBack(): void {
    if (!this.#isAway) return;
    this.#isAway = false;
    this.#connectLater();
  }

  /** The client reads nothing until it is released. */
  stall(): void {
    this.#lane?.stall();
  }

  release(): void {
    this.#lane?.release();
  }

  #connectLater(): void {
    const { clock, random } = this.#options;
    clock.after(random.between(1, 120), () => this.#connect());
  }

  #connect(): void {
    if (this.#isAway || this.#isClosed || this.#lane) return;
    const { hosts, clock, random, visitor, delayMsMax, listener, witness } = this.#options;
    const host = hosts[this.#next++ % hosts.length];
    const running = host?.running;
    if (!host || !running) {
      this.#connectLater();
      return;
    }
    const ends: LinkListener = {
      ...listener,
      delta: (delta) => {
        witness.read(delta);
        listener.delta(delta);
      },
      through: () => undefined,
      asked: () => undefined,
      opened: () => {
        this.isUp = true;
        witness.connected(host);
        listener.opened();
      },
      up: () => listener.up(host.name),
      over: () => this.#over(),
    };
    this.#lane = new SimulatedLane({ clock, random, host, running, visitor, delayMsMax, listener: ends, witness });
    this.#lane.link.opened();
  }

  #over(): void {
    const { listener, witness } = this.#options;
    witness.lost();
    const lost = [...this.#lost];
    this.#lost.clear();
    for (const lose of lost) lose();
    this.#lane = undefined;
    this.isUp = false;
    listener.down(undefined);
    this.#connectLater();
  }
}
