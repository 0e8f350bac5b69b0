/*
 * One WebSocket from a relay to its upstream. It matches answers to calls. It also notices an
 * upstream that hangs: pings ask for a sign of life, and everything that arrives counts as one.
 *
 * If the link ends, its calls fail as StoreAway, because their answers are lost. The writer sends
 * its batches again through the next link, with the same sequence numbers.
 */

import type { IncomingMessage } from "node:http";
import { WebSocket } from "ws";
import { type Cancel, type Clock, every } from "../../protocol/clock.js";
import { DamagedPage, MisfitPage } from "../damage.js";
import { StoreAway, Unconfirmed } from "../store.js";
import {
  type ArgsOf,
  CALLS,
  type CallName,
  credential,
  DOWN,
  type DownMessage,
  downMessage,
  type FailureKind,
  PARTS,
  type PartOf,
  RELAY_SUBPROTOCOL,
  type ResultOf,
  type UpstreamEvent,
  type Welcome,
} from "./calls.js";
import { pack, unpack } from "./packed.js";

export interface LinkOptions {
  /** The address of the upstream's lane, as `ws:` or `wss:`. */
  readonly url: string;
  readonly secret: string;
  readonly clock: Clock;
  /** The link can be used. Called at most once, before all events. */
  readonly opened: (welcome: Welcome) => void;
  readonly event: (event: UpstreamEvent) => void;
  /** Called once. The reason is for operators. */
  readonly closed: (reason: string) => void;
}

interface Pending {
  readonly name: CallName;
  readonly part: (part: unknown) => void;
  readonly done: (result: unknown) => void;
  readonly fail: (error: Error) => void;
}

const PING_MS = 500;
/** A link is closed after this many pings without a sign of life. */
const UNANSWERED_MAX = 3;
const OPENING_MS_MAX = 5_000;
/** Calls without an answer. Beyond this, calls fail at once. */
const PENDING_MAX = 10_000;
/** Bytes that wait to be sent. Beyond this, calls fail at once. */
const WAITING_BYTES_MAX = 16 * 2 ** 20;
/** The overview of the largest board takes some 3 MB. */
const MESSAGE_BYTES_MAX = 32 * 2 ** 20;
/** Bytes of the body of a refused handshake that are read. */
const REFUSAL_BYTES_MAX = 2_000;

export class UpstreamLink {
  readonly #socket: WebSocket;
  readonly #options: LinkOptions;
  readonly #pending = new Map<number, Pending>();
  readonly #timers: Cancel[];
  #made = 0;
  /** Pings since the last sign of life. If this process itself stands still, they do not grow. */
  #unanswered = 0;
  #isOpen = false;
  #isClosed = false;

  constructor(options: LinkOptions) {
    const { url, secret, clock } = options;
    this.#options = options;
    this.#timers = [
      every(clock, PING_MS, () => this.#checkLife()),
      clock.after(OPENING_MS_MAX, () => {
        if (!this.#isOpen) this.close("it did not answer in time");
      }),
    ];
    this.#socket = new WebSocket(url, [RELAY_SUBPROTOCOL], {
      headers: { authorization: credential(secret) },
      perMessageDeflate: false,
      maxPayload: MESSAGE_BYTES_MAX,
      followRedirects: false,
    });
    this.#socket.binaryType = "nodebuffer";
    this.#socket.on("message", (data) => this.#receive(data));
    this.#socket.on("pong", () => this.#heard());
    this.#socket.on("error", (error) => this.close(error.message));
    this.#socket.on("close", () => this.close("the connection was closed"));
    this.#socket.on("upgrade", ({ headers }: IncomingMessage) => {
      if (headers["sec-websocket-protocol"] !== RELAY_SUBPROTOCOL)
        this.close("it accepts no relays. Set RELAY_SECRET there");
    });
    this.#socket.on("unexpected-response", (_, response) => void this.#refused(response));
  }

  /** Rejects as the store contract says. `part` is called with each part of a long answer. */
  call<Name extends CallName>(
    name: Name,
    args: ArgsOf<Name>,
    part?: (part: PartOf<Name>) => void,
  ): Promise<ResultOf<Name>> {
    return new Promise((done, fail) => {
      const isFull = this.#pending.size >= PENDING_MAX || this.#socket.bufferedAmount > WAITING_BYTES_MAX;
      if (!this.#isOpen || isFull) {
        const reason = isFull ? "too many requests wait for the upstream" : "there is no connection to the upstream";
        fail(new StoreAway(reason, { sent: false }));
        return;
      }
      const id = this.#made++;
      // The table has checked the value, so the casts are safe.
      const settle = (result: unknown) => done(result as ResultOf<Name>);
      const takePart = (each: unknown) => part?.(each as PartOf<Name>);
      this.#pending.set(id, { name, part: takePart, done: settle, fail });
      this.#socket.send(pack([id, name, args]));
    });
  }

  /** Ends the link when its last answer has arrived. It gets no more calls. */
  retire(): void {
    this.#isOpen = false;
    if (this.#pending.size === 0) this.close("another upstream took over");
  }

  close(reason: string): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#isOpen = false;
    for (const cancel of this.#timers) cancel();
    this.#socket.terminate();
    for (const { fail } of this.#pending.values()) fail(new StoreAway(`upstream: ${reason}`, { sent: true }));
    this.#pending.clear();
    this.#options.closed(reason);
  }

  #receive(data: unknown): void {
    if (this.#isClosed) return;
    this.#heard();
    const unpacked = data instanceof Uint8Array ? unpack(data) : undefined;
    const message = downMessage.safeParse(unpacked?.value);
    if (!message.success) {
      this.close("it sent a message that is not valid. Use the same version on both sides");
      return;
    }
    const { data: down } = message;
    switch (down[0]) {
      case DOWN.welcome:
        if (this.#isOpen) return;
        this.#isOpen = true;
        this.#options.opened(down[1]);
        return;
      case DOWN.event:
        this.#options.event(down[1]);
        return;
      default:
        this.#answer(down);
    }
  }

  #answer(message: Exclude<DownMessage, readonly [typeof DOWN.welcome | typeof DOWN.event, ...unknown[]]>): void {
    const pending = this.#pending.get(message[1]);
    if (!pending) return;
    const { name } = pending;
    const notValid = `its answer to ${name} is not valid. Use the same version on both sides`;
    if (message[0] === DOWN.part) {
      const part = hasParts(name) ? PARTS[name].safeParse(message[2]) : undefined;
      if (part?.success) pending.part(part.data);
      else this.close(notValid);
      return;
    }
    this.#pending.delete(message[1]);
    if (message[0] === DOWN.failure) pending.fail(errorOf(message[2], message[3]));
    else {
      const result = CALLS[name].result.safeParse(message[2]);
      if (result.success) pending.done(result.data);
      else pending.fail(new Error(`upstream: ${notValid}`));
    }
    // Only a link that was retired has calls and takes none.
    if (!this.#isOpen && this.#pending.size === 0) this.close("another upstream took over");
  }

  #heard(): void {
    this.#unanswered = 0;
  }

  #checkLife(): void {
    if (this.#unanswered++ === UNANSWERED_MAX) this.close("it stopped answering");
    else if (this.#socket.readyState === WebSocket.OPEN) this.#socket.ping();
  }

  async #refused(response: IncomingMessage): Promise<void> {
    let body = "";
    try {
      for await (const chunk of response) {
        body += String(chunk);
        if (body.length > REFUSAL_BYTES_MAX) break;
      }
    } catch {
      // The status says enough.
    }
    const [, message] = /"message":"([^"]{1,300})"/.exec(body) ?? [];
    this.close(message ?? `it answered with status ${response.statusCode}. Check UPSTREAM_URL and LANE_PATH`);
  }
}

function hasParts(name: CallName): name is keyof typeof PARTS {
  return Object.hasOwn(PARTS, name);
}

function errorOf(kind: FailureKind, message: string): Error {
  const text = `upstream: ${message}`;
  switch (kind) {
    case "away":
      return new StoreAway(text, { sent: false });
    case "sent":
      return new StoreAway(text, { sent: true });
    case "unconfirmed":
      return new Unconfirmed(text);
    case "damaged":
      return new DamagedPage(text);
    case "misfit":
      return new MisfitPage(text);
    case "error":
      return new Error(text);
  }
}
