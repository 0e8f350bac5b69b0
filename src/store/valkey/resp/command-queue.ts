/*
 * Commands and their replies on one connection that is ready, in RESP2. The server answers commands
 * in their order. On a connection that subscribes, published messages come between the answers.
 *
 * Its users bound the commands that wait: writers by the changes that wait for the store, others by
 * asking once. A connection without an answer is replaced, and all that wait on it fail.
 */

import type { Duplex } from "node:stream";
import { readDirectly, readNoMore } from "../../direct-read.js";
import { BrokenProtocol, encodeCommand, type Reply, ReplyError, ReplyReader } from "./resp.js";

export interface CommandEvents {
  /** A published message arrived. */
  message?(channel: string, message: string): void;
  /** The server ended subscriptions by itself, because another server owns their slot now. */
  channelsMoved?(): void;
  /** The server sent an error that answers no command. */
  stray(error: ReplyError): void;
}

/** The connection could take the command no more, so the server has not got it. */
export class NotSent extends Error {}

/** Called once: with an error, or with the reply. */
export type SettleCommand = (error: unknown, reply: Reply) => void;

/** Whether strings of a reply become text or stay bytes. */
export type Form = "text" | "bytes";

interface Change {
  /** The first word of the answers. */
  readonly kind: string;
  /** The channels whose answers are missing. */
  readonly channels: Set<string>;
}

interface Pending {
  readonly form: Form;
  readonly settle: SettleCommand;
  /** Set if the command changes subscriptions: then there is an answer for each channel. */
  readonly change: Change | undefined;
  next: Pending | undefined;
}

const SUBSCRIPTIONS = new Set<unknown>(["subscribe", "ssubscribe", "unsubscribe", "sunsubscribe"]);

export class CommandQueue {
  readonly #stream: Duplex;
  readonly #events: CommandEvents;
  #first: Pending | undefined;
  #last: Pending | undefined;
  #broke: Error | undefined;
  /** How many pieces the server has sent so far, whatever was in them. */
  pieces = 0;

  /** Takes over what `stream` reads. */
  constructor(stream: Duplex, events: CommandEvents) {
    this.#stream = stream;
    this.#events = events;
    const reader = new ReplyReader({
      reply: (reply) => this.#heard(reply),
      isText: () => events.message !== undefined || this.#first?.form === "text",
    });
    const read = (piece: Buffer) => {
      this.pieces++;
      try {
        reader.read(piece);
      } catch (error) {
        // From here on, an answer would go to the wrong command. Destroying the stream is not
        // enough, because Node may still pass on pieces that it has buffered.
        readNoMore(stream);
        stream.destroy(error instanceof Error ? error : new Error(String(error)));
        // Any other error is our own fault, so it must not pass for one of the connection.
        if (!(error instanceof BrokenProtocol)) throw error;
      }
    };
    readDirectly(stream, { read });
    stream.on("error", (error) => {
      this.#broke ??= error;
    });
    stream.on("close", () => this.#close());
  }

  /** Whether no answer is pending. */
  get isIdle(): boolean {
    return this.#first === undefined;
  }

  send(command: readonly (string | Buffer)[], form: Form, settle: SettleCommand): void {
    this.#send(command, { form, settle, change: undefined, next: undefined });
  }

  /** SUBSCRIBE, UNSUBSCRIBE or their sharded forms. */
  change(name: string, channels: readonly string[], settle: SettleCommand): void {
    const change = { kind: name.toLowerCase(), channels: new Set(channels) };
    this.#send([name, ...channels], { form: "text", settle, change, next: undefined });
  }

  #send(command: readonly (string | Buffer)[], pending: Pending): void {
    const stream = this.#stream;
    if (!stream.writable) {
      pending.settle(new NotSent("the connection is closed"), null);
      return;
    }
    // First of all: if it throws, no command may wait for an answer.
    const encoded = encodeCommand(command);
    if (this.#last) this.#last.next = pending;
    else this.#first = pending;
    this.#last = pending;
    if (Buffer.isBuffer(encoded)) stream.write(encoded);
    else stream.write(encoded.text, encoded.encoding);
  }

  #heard(reply: Reply): void {
    const { message, channelsMoved, stray } = this.#events;
    // The server refuses UNSUBSCRIBE if it has just ended the subscription by itself, and said so.
    if (message && reply instanceof ReplyError && !this.#first?.change && isMoved(reply)) {
      stray(reply);
      return;
    }
    if (message && Array.isArray(reply)) {
      const kind = reply[0];
      if (kind === "message" || kind === "smessage") {
        message(String(reply[1]), String(reply[2]));
        return;
      }
      if (SUBSCRIPTIONS.has(kind)) {
        const change = this.#first?.change;
        if (change?.kind !== kind || !change?.channels.delete(String(reply[1]))) {
          channelsMoved?.();
          return;
        }
        if (change.channels.size > 0) return;
      }
    }
    this.#answered(reply);
  }

  #answered(reply: Reply): void {
    const pending = this.#first;
    if (!pending) {
      if (!(reply instanceof ReplyError)) throw new BrokenProtocol("an answer to no command");
      this.#events.stray(reply);
      return;
    }
    this.#first = pending.next;
    if (!pending.next) this.#last = undefined;
    if (reply instanceof ReplyError) pending.settle(reply, null);
    else pending.settle(undefined, reply);
  }

  #close(): void {
    const error = this.#broke ?? new Error("the connection was closed");
    let pending = this.#first;
    this.#first = undefined;
    this.#last = undefined;
    for (; pending; pending = pending.next) pending.settle(error, null);
  }
}

function isMoved({ message }: ReplyError): boolean {
  return message.startsWith("MOVED ");
}
