/*
 * A client's line to the instances: what connection.ts and sockets.ts do over Socket.IO, on the world's clock. At the
 * instance's end stand the real `Client` and `Responder`. Messages cross as JSON and encoded frames, in order, each way
 * with delays of its own; a cut loses what is on its way, and the two ends learn of it at different times.
 */

import { ConnectionLost, type Line, type LineListener } from "../../src/client/line.js";
import type { Clock } from "../../src/protocol/clock.js";
import { decodeDelta } from "../../src/protocol/codec.js";
import { type ErrorBody, Refusal } from "../../src/protocol/errors.js";
import type { Reply, RequestMap, RequestName } from "../../src/protocol/events.js";
import { ANYBODY } from "../../src/server/access/access.js";
import { Client } from "../../src/server/clients/client.js";
import { Responder } from "../../src/server/clients/responder.js";
import type { Instance } from "../../src/server/instance/instance.js";
import type { Frame, Recipient } from "../../src/server/pages/recipient.js";
import type { Random } from "../support/random.js";
import type { Host } from "./host.js";
import { Pipe } from "./pipe.js";

/** Who watches what crosses the line, to judge it. */
export interface LineWitness {
  connected(host: Host): void;
  lost(): void;
  requested<Name extends RequestName>(name: Name, request: RequestMap[Name][0]): void;
  answered<Name extends RequestName>(name: Name, request: RequestMap[Name][0], reply: Reply<RequestMap[Name][1]>): void;
  /** The instance sends; `isBacklogged` is what it was told of the line. */
  sent(host: Host, frame: Frame, isBacklogged: boolean): void;
  /** The client is given the frame when `deliver` is called. */
  delivered(frame: Frame, deliver: () => void): void;
  /** The instance ends the connection for a reason. */
  ended(error: ErrorBody): void;
}

export interface LineOptions {
  readonly clock: Clock;
  readonly random: Random;
  readonly hosts: readonly Host[];
  readonly delayMsMax: number;
  readonly listener: LineListener;
  readonly witness: LineWitness;
}

interface Connected {
  readonly host: Host;
  readonly instance: Instance;
  readonly up: Pipe;
  readonly down: Pipe;
  readonly client: Client;
  readonly responder: Responder;
  readonly lose: Set<(lost: ConnectionLost) => void>;
  readonly forget: () => void;
}

/** Frames that wait for a client that does not read, at which its connection counts as backlogged. */
/** All users share it: the limits by address are for whole crowds. */
const ADDRESS = "10.0.0.1";
const BACKLOG_FRAMES_MAX = 2;

export class SimulatedLine implements Line {
  readonly protocol = 1;
  readonly #options: LineOptions;
  #connected: Connected | undefined;
  #next: number;
  #isAway = false;
  #isClosed = false;

  constructor(options: LineOptions) {
    this.#options = options;
    this.#next = options.random.whole(0, options.hosts.length - 1);
    this.#connectLater();
  }

  get isUp(): boolean {
    return this.#connected !== undefined;
  }

  get host(): Host | undefined {
    return this.#connected?.host;
  }

  get isStalled(): boolean {
    return this.#connected?.down.isHeld ?? false;
  }

  request<Name extends RequestName>(
    name: Name,
    request: RequestMap[Name][0],
    settle: (outcome: RequestMap[Name][1] | Error) => void,
  ): void {
    const connected = this.#connected;
    if (!connected) return queueMicrotask(() => settle(new ConnectionLost()));
    const { client, responder, up, down, lose } = connected;
    const { witness } = this.#options;
    const sent: RequestMap[Name][0] = JSON.parse(JSON.stringify(request));
    witness.requested(name, sent);
    lose.add(settle);
    const hear = (text: string) => {
      lose.delete(settle);
      const answer: Reply<RequestMap[Name][1]> = JSON.parse(text);
      witness.answered(name, sent, answer);
      settle("error" in answer ? refusalOf(answer.error) : answer);
    };
    up.send(() => {
      responder.answer<object>(
        (settleRequest) => client.ask(name, sent, settleRequest),
        (reply) => {
          const text = JSON.stringify(reply);
          down.send(() => hear(text));
        },
      );
    });
  }

  settled(): void {}

  renew(): boolean {
    return false;
  }

  reconnect(): void {
    this.cut();
  }

  close(): void {
    this.#isClosed = true;
    this.cut();
  }

  /** The connection breaks now; each end learns of it in its own time. */
  cut(): void {
    const connected = this.#connected;
    if (!connected) return;
    const { random, clock, listener, witness } = this.#options;
    this.#connected = undefined;
    const { host, instance, up, down, client, lose } = connected;
    connected.forget();
    down.cut();
    const isAlive = () => host.running?.instance === instance;
    // What the client had sent may still arrive; nobody hears the answers.
    if (random.chance(0.5) || !isAlive()) up.cut();
    clock.after(random.pick([0, 5, 150]), () => {
      up.cut();
      if (isAlive()) client.close();
    });
    witness.lost();
    listener.down(undefined);
    for (const fail of lose) fail(new ConnectionLost());
    this.#connectLater();
  }

  /** The client is cut off until it comes back. */
  goAway(): void {
    this.#isAway = true;
    this.cut();
  }

  comeBack(): void {
    if (!this.#isAway) return;
    this.#isAway = false;
    this.#connectLater();
  }

  /** The client reads nothing until it is released. */
  stall(): void {
    this.#connected?.down.hold();
  }

  release(): void {
    this.#connected?.down.release();
  }

  #connectLater(): void {
    const { clock, random } = this.#options;
    clock.after(random.between(1, 120), () => this.#connect());
  }

  #connect(): void {
    if (this.#isAway || this.#isClosed || this.#connected) return;
    const { hosts, clock, random, delayMsMax, listener, witness } = this.#options;
    const host = hosts[this.#next++ % hosts.length];
    const running = host?.running;
    if (!host || !running) {
      this.#connectLater();
      return;
    }
    const { instance } = running;
    const delayMs = () => random.between(0.1, delayMsMax);
    const up = new Pipe(clock, delayMs);
    const down = new Pipe(clock, delayMs);
    const end = (error: ErrorBody) => {
      witness.ended(error);
      this.cut();
    };
    const recipient: Recipient = {
      get backlogged() {
        return down.waiting > BACKLOG_FRAMES_MAX;
      },
      send: (frame) => {
        witness.sent(host, frame, down.waiting > BACKLOG_FRAMES_MAX);
        down.send(() => witness.delivered(frame, () => deliver(listener, frame)));
      },
      giveUp: () => end(new Refusal("TOO_SLOW").toBody()),
    };
    const allowance = instance.admission.allowance(ADDRESS);
    const presence = { online: 1, onlineEverywhere: 1 };
    const client = new Client(instance, { recipient, allowance, visitor: ANYBODY, presence, protocol: 1 });
    const responder = new Responder(instance, allowance, end);
    const forget = host.onDeath(() => this.cut());
    this.#connected = { host, instance, up, down, client, responder, lose: new Set(), forget };
    witness.connected(host);
    listener.opened();
    listener.up(host.name);
  }
}

function deliver(listener: LineListener, frame: Frame): void {
  if (frame.kind === "delta") listener.delta(decodeDelta(frame.text));
  else if (frame.kind === "snapshot") listener.snapshot(new Uint8Array(frame.bytes));
  else throw new Error("nobody watches an overview here");
}

function refusalOf({ code, retryAfterMs, cells }: ErrorBody): Refusal {
  return new Refusal(code, { retryAfterMs, cells });
}
