/*
 * A link over the lane (protocol 2). All that a client needs to join is sent at once:
 *
 *     hello · open · watch  ──►       ◄──  reply · reply · snapshots · reply
 *
 * It does not need a WebSocket, so the simulation runs it too.
 */

import type { CellChanges } from "../../board/steps.js";
import { type Cancel, type Clock, every } from "../../protocol/clock.js";
import { readSnapshotHead } from "../../protocol/codec.js";
import type { Notice, Reply, RequestMap, RequestName } from "../../protocol/events.js";
import {
  type DownMessage,
  decodeDown,
  encodeBeat,
  encodeRequest,
  encodeWrite,
  HELLO,
  LANE_PROTOCOL,
  SILENT_MS_MAX,
} from "../../protocol/lane.js";
import type { LastSent } from "../../protocol/lane-delta.js";
import { type Refusal, refusalFrom } from "../../protocol/refusal.js";
import { type Link, type LinkListener, webSocketBytes } from "./link.js";

/** The carrier of the messages: a WebSocket, or the simulation's network. */
export interface ClientWire {
  send(message: Uint8Array): void;
  close(): void;
}

interface LaneLinkOptions {
  readonly clock: Clock;
  readonly listener: LinkListener;
  readonly getToken: (() => Promise<string | undefined>) | undefined;
  readonly visitor?: string | undefined;
}

type Answer = (reply: never) => void;

/** Requests are numbered on each connection; `hello` is number 0. */
const HELLO_ID = 0;
const CHECK_MS = 3_000;

export class LaneLink implements Link {
  readonly protocol = LANE_PROTOCOL;
  readonly #listener: LinkListener;
  readonly #clock: Clock;
  readonly #getToken: LaneLinkOptions["getToken"];
  readonly #visitor: string | undefined;
  readonly #wire: ClientWire;
  readonly #answers = new Map<number, Answer>();
  /** By handle and sequence number. */
  readonly #writes = new Map<string, Answer>();
  #nextId = HELLO_ID;
  #last: LastSent | undefined;
  #heardMs = 0;
  #stopChecking: Cancel | undefined;
  /** Why the instance is about to close the connection. */
  #goodbye: Refusal | undefined;
  #isOver = false;

  constructor(wire: ClientWire, { clock, listener, getToken, visitor }: LaneLinkOptions) {
    this.#wire = wire;
    this.#clock = clock;
    this.#listener = listener;
    this.#getToken = getToken;
    this.#visitor = visitor;
  }

  /** The wire is open. */
  opened(): void {
    if (this.#isOver) {
      this.#wire.close();
      return;
    }
    this.#heardMs = this.#clock.now();
    this.#stopChecking = every(this.#clock, CHECK_MS, () => this.#check());
    this.#listener.through();
    if (!this.#getToken) {
      this.#greet(undefined);
      return;
    }
    this.#getToken().then(
      (token) => this.#greet(token),
      (refusal: Refusal) => this.#end(refusal),
    );
  }

  /** The wire is closed, or could not be opened. */
  closed(reason?: Refusal): void {
    this.#end(this.#goodbye ?? reason);
  }

  request<Name extends RequestName>(
    name: Name,
    request: RequestMap[Name][0],
    answer: (reply: Reply<RequestMap[Name][1]>) => void,
  ): void {
    if (name === "write" && "seq" in request) {
      const { handle, seq, changes } = request;
      this.#writes.set(`${handle}:${seq}`, answer);
      this.#wire.send(encodeWrite(handle, seq, lastOfEach(changes)));
    } else this.#ask(name, request, answer);
  }

  close(): void {
    this.#end(undefined);
  }

  receive(bytes: Uint8Array): void {
    if (this.#isOver) return;
    this.#heardMs = this.#clock.now();
    const message = decodeDown(bytes, this.#last);
    if (!message) {
      // It leaves a gap, after which no continuation fits.
      this.#last = undefined;
      this.#listener.delta(undefined);
      return;
    }
    if (message.kind === "delta" || message.kind === "snapshot")
      this.#listener.received?.(webSocketBytes(bytes.length));
    this.#take(message);
  }

  #greet(token: string | undefined): void {
    if (this.#isOver) return;
    this.#listener.asked();
    const visitor = this.#visitor;
    const hello = { protocol: LANE_PROTOCOL, ...(token !== undefined && { token }), ...(visitor && { visitor }) };
    this.#ask(HELLO, hello, () => this.#listener.up());
    this.#listener.opened();
  }

  #ask(name: string, request: unknown, answer: Answer): void {
    const id = this.#nextId++;
    this.#answers.set(id, answer);
    this.#wire.send(encodeRequest(id, name, request));
  }

  #take(message: DownMessage): void {
    const { delta, snapshot } = this.#listener;
    switch (message.kind) {
      case "reply":
        settle(this.#answers, message.id, message.reply);
        return;
      case "acks":
        for (const { seq, at } of message.acks) settle(this.#writes, `${message.handle}:${seq}`, { at });
        return;
      case "refusal":
        settle(this.#writes, `${message.handle}:${message.seq}`, { error: message.error });
        return;
      case "event":
        this.#hear(message.name, message.payload);
        return;
      case "delta":
        this.#last = { handle: message.handle, page: message.delta.page, position: message.delta.to };
        delta({ handle: message.handle, content: message.delta });
        return;
      case "snapshot":
        this.#last = readSnapshotHead(message.bytes);
        snapshot(message.bytes);
        return;
      case "overview":
      case "counts":
        this.#listener[message.kind](message.bytes);
        return;
      case "unknown":
        return;
      case "beat":
        this.#wire.send(encodeBeat());
        return;
    }
  }

  #hear(name: string, payload: unknown): void {
    const { looking, frozen, mine, resized, notice } = this.#listener;
    // As over Socket.IO, the instance is trusted to send what the protocol says.
    if (name === "looking") looking(payload as never);
    else if (name === "frozen") frozen(payload as never);
    else if (name === "mine") mine(payload as never);
    else if (name === "resized") resized(payload as never);
    else if (name === "notice") {
      const noticed = payload as Notice;
      if (noticed.kind !== "goodbye") notice(noticed);
      else this.#takeLeave(refusalFrom(noticed.error));
    }
  }

  /** An instance that asks the client to move still answers its requests, and then closes. */
  #takeLeave(reason: Refusal): void {
    this.#goodbye = reason;
    if (reason.code !== "GOING_AWAY") this.#end(reason);
  }

  /** A connection without beats is as good as lost. */
  #check(): void {
    if (this.#clock.now() - this.#heardMs > SILENT_MS_MAX) this.#end(undefined);
  }

  #end(reason: Refusal | undefined): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#stopChecking?.();
    this.#wire.close();
    this.#listener.over(reason);
  }
}

/** The last change of each cell, ascending. */
function lastOfEach(changes: CellChanges): CellChanges {
  if (changes.length === 1) return changes;
  return Array.from(new Map(changes)).sort(([one], [other]) => one - other);
}

function settle<Key>(answers: Map<Key, Answer>, key: Key, reply: unknown): void {
  const answer = answers.get(key);
  answers.delete(key);
  answer?.(reply as never);
}
