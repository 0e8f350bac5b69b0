/*
 * One connection of the lane. It decodes what the client sends, encodes what the client gets, and
 * ends the connection. Everything else is decided by the same Client and Responder as for
 * Socket.IO. Knows no WebSocket, so that the simulation runs it too.
 *
 *     hello ──► identify ──► requests and writes      what comes before `hello` is answered: waits
 */

import { type Position, samePosition } from "../../board/position.js";
import * as DOWN from "../../protocol/down-kinds.js";
import { type ErrorBody, Refusal, refusalOf } from "../../protocol/errors.js";
import type { WriteResult } from "../../protocol/events.js";
import {
  type Ack,
  decodeUp,
  encodeAcks,
  encodeRefusal,
  encodeReply,
  HELLO,
  LANE_PROTOCOL,
  type UpMessage,
} from "../../protocol/lane.js";
import type { Visitor } from "../access/access.js";
import { Client, isRequest } from "../clients/client.js";
import { askToMove, sayGoodbye } from "../clients/farewell.js";
import { Responder } from "../clients/responder.js";
import type { Presence } from "../fleet/presence.js";
import { WRITE_CELLS_MAX } from "../input/requests.js";
import type { Instance } from "../instance/instance.js";
import type { Allowance } from "../limits/allowance.js";
import type { DeltaFrame, Frame, Recipient } from "../pages/recipient.js";
import type { Beating } from "./beat-rounds.js";
import { deltaMessage, Message, messageOf, noticeMessage } from "./message.js";

/** Carries the messages: a WebSocket, or the simulation's network. */
export interface Wire {
  /** Bytes that wait in this process to be sent. */
  readonly waiting: number;
  /** With `next`, both go out in one write. */
  send(message: Message, next?: Message): void;
  /** Closes in order. */
  close(): void;
  /** Drops what waits. */
  cut(): void;
}

export interface LaneContext {
  readonly instance: Instance;
  readonly presence: Pick<Presence, "online" | "onlineEverywhere" | "people">;
  /** Called when the client has sent `hello`. */
  greeted(connection: LaneConnection): void;
  /** Bytes that may wait. Half of it is kept for messages that cannot be skipped. */
  readonly bufferBytesMax: number;
}

/** Finds out who a client is by what it said in `hello`. Rejects with a Refusal. */
export type Identify = (auth: Readonly<Record<string, unknown>>) => Promise<Visitor>;

/** Bounds of the messages that a client sends before it knows whether it may enter. */
const EARLY_MAX = 256;
const EARLY_BYTES_MAX = 131_072;
const NOWHERE: Position = { version: -1, tag: "" };
const BEAT = new Message(Uint8Array.of(DOWN.beat));

export class LaneConnection implements Recipient, Beating {
  readonly #context: LaneContext;
  readonly wire: Wire;
  readonly #allowance: Allowance;
  #identify: Identify | undefined;
  readonly #responder: Responder;
  #client: Client | undefined;
  /** Messages that wait until the client is identified, as they came: objects may take far more. */
  #early: Uint8Array[] | undefined;
  #earlyBytes = 0;
  /** The user that the app or the token names. */
  subject: string | undefined;
  /** The page and position of the delta or snapshot sent last. */
  #lastHandle = -1;
  #lastPage = -1;
  #lastPosition = NOWHERE;
  /** Acknowledgements of this turn, by board. */
  #acks: Map<number, Ack[]> | undefined;
  #isHeard = true;
  /** Whether nothing came between the last two beats. */
  #isSilent = false;
  /** Whether a beat is due that has not been sent. */
  #owesBeat = false;
  #isEnding = false;
  #isGone = false;

  constructor(context: LaneContext, wire: Wire, allowance: Allowance, identify: Identify) {
    this.#context = context;
    this.wire = wire;
    this.#allowance = allowance;
    this.#identify = identify;
    this.#responder = new Responder(context.instance, allowance, this);
  }

  receive(bytes: Uint8Array): void {
    this.#isHeard = true;
    if (this.#isEnding) return;
    if (this.#early) {
      this.#keep(this.#early, bytes);
      return;
    }
    // One more than allowed shows that there are too many.
    const message = decodeUp(bytes, WRITE_CELLS_MAX + 1);
    if (!message) this.#complain("not a message of protocol 2");
    else if (message.kind === "beat") return;
    else if (this.#client) this.#serve(this.#client, message);
    else this.#greet(message);
  }

  beat(): void {
    this.#isSilent = !this.#isHeard;
    this.#isHeard = false;
    this.#owesBeat = true;
  }

  /** False if nothing came from the client since the last beat but one. */
  beatAlone(): boolean {
    if (this.#isSilent && !this.#isHeard) return false;
    const isDue = this.#owesBeat;
    this.#owesBeat = false;
    if (isDue) this.#send(BEAT);
    return true;
  }

  get address(): string {
    return this.#allowance.address;
  }

  get backlogged(): boolean {
    return this.wire.waiting > this.#context.bufferBytesMax / 2;
  }

  send(frame: Frame): void {
    if (frame.kind === "delta") this.#sendDelta(frame);
    else {
      if (frame.kind === "snapshot") this.#setLast(frame.handle, frame.page, frame.position);
      this.#send(messageOf(frame));
    }
  }

  giveUp(): void {
    this.goodbye(new Refusal("TOO_SLOW").toBody());
  }

  notify(message: Message): void {
    if (this.#client) this.#send(message);
  }

  /** Tells the client why its connection ends, and ends it. */
  goodbye(error: ErrorBody): void {
    if (this.#isEnding) return;
    this.#isEnding = true;
    sayGoodbye(
      this.#context.instance.clock,
      error,
      (notice) => this.#send(noticeMessage(notice)),
      () => this.wire.cut(),
    );
  }

  /** Asks the client to move, answers its requests in progress, and closes the connection. */
  move(): void {
    askToMove(
      this.#context.instance.clock,
      this.#responder,
      (notice) => this.#send(noticeMessage(notice)),
      () => this.wire.close(),
    );
  }

  /** The connection has ended. */
  close(): void {
    this.#isGone = true;
    this.#isEnding = true;
    this.#context.instance.departures.left(this);
    this.#client?.close();
  }

  #keep(early: Uint8Array[], bytes: Uint8Array): void {
    this.#earlyBytes += bytes.length;
    // A copy, because the bytes may be part of all that one read of the socket brought.
    if (early.length < EARLY_MAX && this.#earlyBytes <= EARLY_BYTES_MAX) early.push(new Uint8Array(bytes));
    else this.goodbye(this.#responder.reject("too many messages before the answer to hello"));
  }

  #greet(message: UpMessage): void {
    if (message.kind !== "request" || message.name !== HELLO) {
      this.goodbye(this.#responder.reject("the first message is not hello"));
      return;
    }
    this.#early = [];
    this.#context.greeted(this);
    void this.#enter(message.id, message.request);
  }

  async #enter(id: number, request: unknown): Promise<void> {
    const { instance, presence } = this.#context;
    const identify = this.#identify;
    const allowance = this.#allowance;
    // It holds the request of the upgrade.
    this.#identify = undefined;
    const auth: Readonly<Record<string, unknown>> =
      typeof request === "object" && request !== null ? { ...request } : {};
    let visitor: Visitor;
    try {
      if (auth.protocol !== LANE_PROTOCOL || !identify) throw new Refusal("UNSUPPORTED_PROTOCOL");
      visitor = await identify(auth);
      if (instance.departures.isDraining) throw new Refusal("GOING_AWAY");
    } catch (error) {
      return this.goodbye(refusalOf(error).toBody());
    }
    if (this.#isEnding) return;
    this.subject = visitor.grant?.subject;
    const client = new Client(instance, { recipient: this, allowance, visitor, presence, protocol: LANE_PROTOCOL });
    this.#client = client;
    instance.departures.add(this);
    this.#send(new Message(encodeReply(id, {})));
    const early = this.#early ?? [];
    this.#early = undefined;
    for (const bytes of early) this.receive(bytes);
  }

  #serve(client: Client, message: UpMessage): void {
    if (message.kind === "write") {
      const { handle, seq } = message;
      this.#responder.answer<WriteResult>(
        (settle) => client.write(message, settle),
        (reply) => {
          if ("error" in reply) this.#send(new Message(encodeRefusal(handle, seq, reply.error)));
          else this.#acknowledge(handle, seq, reply.at);
        },
      );
    } else if (message.kind === "request") {
      const { id, name, request } = message;
      if (!isRequest(name) || name === "write") {
        this.#complain(`there is no request ${name.slice(0, 20)}`);
        return;
      }
      this.#responder.answer<object>(
        (settle) => client.ask(name, request, settle),
        (reply) => this.#send(new Message(encodeReply(id, reply))),
      );
    }
  }

  /** The writes of a batch are settled in one turn, so one message acknowledges all of them. */
  #acknowledge(handle: number, seq: number, at: Ack["at"]): void {
    if (!this.#acks) {
      this.#acks = new Map();
      queueMicrotask(() => this.#sendAcks());
    }
    const acks = this.#acks.get(handle);
    if (acks) acks.push({ seq, at });
    else this.#acks.set(handle, [{ seq, at }]);
  }

  #sendAcks(): void {
    const boards = this.#acks;
    this.#acks = undefined;
    for (const [handle, acks] of boards ?? []) this.#send(new Message(encodeAcks(handle, acks)));
  }

  #sendDelta(frame: DeltaFrame): void {
    const { handle, delta } = frame;
    const continues =
      this.#lastPage === delta.page && this.#lastHandle === handle && samePosition(this.#lastPosition, delta.from);
    this.#setLast(handle, delta.page, delta.to);
    this.#send(deltaMessage(frame, continues));
  }

  #setLast(handle: number, page: number, position: Position): void {
    this.#lastHandle = handle;
    this.#lastPage = page;
    this.#lastPosition = position;
  }

  #complain(detail: string): void {
    this.#send(noticeMessage({ kind: "error", error: this.#responder.reject(detail) }));
  }

  #send(message: Message): void {
    if (this.#isGone) return;
    const { instance, bufferBytesMax } = this.#context;
    const beat = this.#owesBeat ? BEAT : undefined;
    this.#owesBeat = false;
    this.wire.send(message, beat);
    if (beat) instance.metrics.sent(beat.bytes.length);
    instance.metrics.sent(message.bytes.length);
    if (this.wire.waiting <= bufferBytesMax) return;
    // Its end comes later, and must be counted once.
    this.#isGone = true;
    this.#isEnding = true;
    instance.metrics.refused("TOO_SLOW");
    this.wire.cut();
  }
}
