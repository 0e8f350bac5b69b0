/*
 * One connection of the lane across the simulated network: the real `LaneLink` at the client, the real `LaneConnection` at
 * the instance, and the bytes of protocol 2 between them, in order, each way with delays of its own. A cut loses what is on
 * its way, and the two ends learn of it at different times.
 *
 *     LaneLink ──► up ──► LaneConnection       the witness knows which frame each message of the instance stands for,
 *              ◄── down ◄──                    and hears what the link reads in it
 */

import { LaneLink } from "../../src/client/links/lane-link.js";
import type { LinkListener } from "../../src/client/links/link.js";
import { type Cancel, type Clock, every, pause } from "../../src/protocol/clock.js";
import type { ErrorBody } from "../../src/protocol/errors.js";
import type { Visitor } from "../../src/server/access/access.js";
import { type Identify, LaneConnection, type LaneContext, type Wire } from "../../src/server/lane/lane-connection.js";
import type { Message } from "../../src/server/lane/message.js";
import type { Allowance } from "../../src/server/limits/allowance.js";
import type { Frame } from "../../src/server/pages/recipient.js";
import type { Random } from "../support/random.js";
import type { Host, Running } from "./host.js";
import { Pipe } from "./pipe.js";

/** Who watches what crosses the connection, to judge it. */
export interface LaneWitness {
  /** The instance sends the frame; `isBacklogged` is what it was told of the connection. */
  sent(host: Host, frame: Frame, isBacklogged: boolean): void;
  /** The message in which the instance sends it. */
  encoded(frame: Frame, message: Message): void;
  /** The client is given the message of the frame when `deliver` is called. */
  delivered(frame: Frame, deliver: () => void): void;
  /** The instance ends the connection for a reason. */
  ended(error: ErrorBody): void;
  /** The instance takes a client for lost that has answered its beat. */
  disowned(): void;
}

interface LaneOptions {
  readonly clock: Clock;
  readonly random: Random;
  readonly host: Host;
  readonly running: Running;
  readonly visitor: Visitor;
  readonly delayMsMax: number;
  readonly listener: LinkListener;
  readonly witness: LaneWitness;
}

/** All users share it: the limits by address are for whole crowds. */
const ADDRESS = "10.0.0.1";
/**
 * What waits for a client that does not read is weighed, so that a small world meets both bounds: three frames make a
 * backlog, and some twenty answers more are too many.
 */
const WEIGHT = { frame: 100, other: 10 };
const BUFFER_MAX = 500;
/** Longer than a client that lives may take to answer: the longest stall, and a delay each way. */
const BEAT_EVERY_MS = 700;
/** A beat that no message has taken along goes by itself. */
const BEAT_ALONE_MS = 50;
/** How long an instance may take to find out who the client is. */
const IDENTIFY_MS_MAX = 20;

export class SimulatedLane {
  readonly link: LaneLink;
  readonly host: Host;
  readonly #options: LaneOptions;
  readonly #up: Pipe;
  readonly #down: Pipe;
  readonly #connection: WitnessedConnection;
  readonly #forget: () => void;
  readonly #stopBeats: Cancel;
  /** The frame that the instance is sending. */
  #frame: Frame | undefined;
  #isBroken = false;

  constructor(options: LaneOptions) {
    const { clock, random, host, running, visitor, delayMsMax, listener, witness } = options;
    this.#options = options;
    this.host = host;
    const delayMs = () => random.between(0.1, delayMsMax);
    this.#up = new Pipe(clock, delayMs);
    this.#down = new Pipe(clock, delayMs);
    const identifyMs = random.chance(0.5) ? 0 : random.between(0, IDENTIFY_MS_MAX);
    const { instance } = running;
    const identify = async () => {
      if (identifyMs > 0) await pause(running.clock, identifyMs);
      return visitor;
    };
    this.#connection = new WitnessedConnection(
      {
        instance,
        presence: { online: 1, onlineEverywhere: 1, people: () => 1 },
        bufferBytesMax: BUFFER_MAX,
        greeted: () => undefined,
      },
      this.#wire(),
      instance.admission.allowance(ADDRESS),
      identify,
      {
        sending: (frame, isBacklogged, send) => {
          witness.sent(host, frame, isBacklogged);
          this.#frame = frame;
          send();
          this.#frame = undefined;
        },
        ended: (error) => witness.ended(error),
      },
    );
    const clientWire = {
      send: (bytes: Uint8Array) => this.#up.send(() => this.#connection.receive(bytes)),
      close: () => this.#break(),
    };
    this.link = new LaneLink(clientWire, { clock, listener, getToken: undefined });
    this.#forget = host.onDeath(() => this.cut());
    this.#stopBeats = every(running.clock, BEAT_EVERY_MS, () => {
      this.#connection.beat();
      running.clock.after(BEAT_ALONE_MS, () => {
        if (this.#connection.beatAlone()) return;
        witness.disowned();
        this.cut();
      });
    });
  }

  get isStalled(): boolean {
    return this.#down.isHeld;
  }

  /** The connection breaks now, and the client learns of it at once. */
  cut(): void {
    this.#break();
    this.link.closed();
  }

  /** The client reads nothing until it is released. */
  stall(): void {
    this.#down.hold();
  }

  release(): void {
    this.#down.release();
  }

  #wire(): Wire {
    const { clock, random, delayMsMax, witness } = this.#options;
    const down = this.#down;
    return {
      get waiting() {
        return down.waiting;
      },
      send: (message, next) => {
        const frame = this.#frame;
        if (frame) witness.encoded(frame, message);
        const deliver = () => this.link.receive(message.bytes);
        const weight = frame && frame.kind !== "mine" ? WEIGHT.frame : WEIGHT.other;
        if (frame) down.send(() => witness.delivered(frame, deliver), weight);
        else down.send(deliver, weight);
        if (next) down.send(() => this.link.receive(next.bytes), WEIGHT.other);
      },
      close: () => down.send(() => this.cut()),
      cut: () => {
        this.#break();
        clock.after(random.between(0, delayMsMax), () => this.link.closed());
      },
    };
  }

  #break(): void {
    if (this.#isBroken) return;
    this.#isBroken = true;
    this.#forget();
    this.#stopBeats();
    const { clock, random, host, running } = this.#options;
    const isAlive = () => host.running === running;
    this.#down.cut();
    // What the client had sent may still arrive. The answers are lost.
    if (random.chance(0.5) || !isAlive()) this.#up.cut();
    clock.after(random.pick([0, 5, 150]), () => {
      this.#up.cut();
      if (isAlive()) this.#connection.close();
    });
  }
}

interface ConnectionWitness {
  sending(frame: Frame, isBacklogged: boolean, send: () => void): void;
  ended(error: ErrorBody): void;
}

class WitnessedConnection extends LaneConnection {
  readonly #witness: ConnectionWitness;

  constructor(context: LaneContext, wire: Wire, allowance: Allowance, identify: Identify, witness: ConnectionWitness) {
    super(context, wire, allowance, identify);
    this.#witness = witness;
  }

  override send(frame: Frame): void {
    this.#witness.sending(frame, this.backlogged, () => super.send(frame));
  }

  override goodbye(error: ErrorBody): void {
    this.#witness.ended(error);
    super.goodbye(error);
  }
}
