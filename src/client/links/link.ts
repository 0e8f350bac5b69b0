/*
 * A link is one connection to one instance, from its first attempt to its end. Two protocols offer
 * it: lane-link.ts and socketio-link.ts. feed-link.ts offers a part of it without a connection.
 * connection.ts makes one link after the other.
 */

import type { Clock } from "../../protocol/clock.js";
import type { Reply, RequestMap, RequestName } from "../../protocol/events.js";
import { type Refusal, refusalFrom } from "../../protocol/refusal.js";
import type { Incoming } from "./line.js";

export interface Link {
  /** Version of the protocol that it speaks. */
  readonly protocol: number;
  /** Of a Socket.IO link that may also be on long-polling: which transport it is on. */
  readonly isWebSocket?: boolean;
  /** Of a feed that has ended: whether to use a socket for a while. */
  readonly isRefused?: boolean;
  /** Calls `answer` with the reply, unless the link ends first. */
  request<Name extends RequestName>(
    name: Name,
    request: RequestMap[Name][0],
    answer: (reply: Reply<RequestMap[Name][1]>) => void,
  ): void;
  close(): void;
}

export interface LinkListener extends Incoming {
  /**
   * The transport is open. The app may now take long to get a token, and the instance to check it.
   */
  through(): void;
  /** The token has been sent, or there is none. */
  asked(): void;
  /** Requests may be sent. Protocol 2 takes them before `up`. */
  opened(): void;
  /** The instance has accepted the client. */
  up(): void;
  /** Called once, without a reason if the link was merely lost. */
  over(reason: Refusal | undefined): void;
}

export interface LinkOptions {
  /** The instance's. */
  readonly url: string;
  readonly clock: Clock;
  readonly listener: LinkListener;
  /** Rejects with a Refusal if the app has no token. Undefined if boards need none. */
  readonly getToken: (() => Promise<string | undefined>) | undefined;
  /** The id that an anonymous visitor keeps; undefined if none is kept. */
  readonly visitor: string | undefined;
}

export function resultOf<Result extends object>(reply: Reply<Result>): Result | Refusal {
  if (typeof reply !== "object" || reply === null) return refusalFrom(undefined);
  return "error" in reply ? refusalFrom(reply.error) : reply;
}

/** A payload with the header of a WebSocket frame from a server. */
export function webSocketBytes(payload: number): number {
  return payload + frameHeaderBytes(payload);
}

export function frameHeaderBytes(payload: number): number {
  return payload < 126 ? 2 : payload < 65_536 ? 4 : 10;
}
