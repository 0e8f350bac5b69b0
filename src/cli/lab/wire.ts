/*
 * A wire of the lab: a TCP proxy through which a part of the lab reaches another one. It can be cut
 * and mended, and it can lead to another server. To Valkey it can also lose the next message of
 * Pub/Sub and delay answers. Both happen to our instances and to the naive ones alike.
 */

import { once } from "node:events";
import { connect, createServer, type Server, type Socket } from "node:net";
import { parseReply } from "./resp.js";

interface WireOptions {
  /** The port to connect to, asked for each connection. Undefined refuses the connection. */
  readonly target: () => number | undefined;
  /** Requests have passed. `text` is what came in one read. */
  readonly sent?: (text: string) => void;
  /** A message of Pub/Sub has passed, or was lost. */
  readonly news?: (channel: string, message: string, isLost: boolean) => void;
}

/** A client that asks for this has a connection of Pub/Sub. */
const SUBSCRIBES = /\r\ns?subscribe\r\n/i;
/** A connection whose replies are longer than this passes on unread. */
const UNREAD_BYTES_MAX = 1_048_576;

export class Wire {
  readonly port: number;
  readonly #server: Server;
  readonly #options: WireOptions;
  readonly #pairs = new Set<Pair>();
  #isRefusing = false;
  /** Messages of these channels are to be lost, one each. */
  #toLose: ((channel: string) => boolean) | undefined;
  #delayMs = 0;

  private constructor(server: Server, port: number, options: WireOptions) {
    this.#server = server;
    this.port = port;
    this.#options = options;
    server.on("connection", (near: Socket) => this.#join(near));
  }

  static async open(options: WireOptions): Promise<Wire> {
    const server = createServer().listen(0, "127.0.0.1");
    await once(server, "listening");
    const address = server.address();
    if (address === null || typeof address === "string") throw new Error("the wire got no port");
    return new Wire(server, address.port, options);
  }

  /** Ends every connection. New ones pass. */
  cut(): void {
    for (const pair of [...this.#pairs]) pair.end();
  }

  /** Ends every connection, and each new one at once, until `mend`. */
  refuse(): void {
    this.#isRefusing = true;
    this.cut();
  }

  mend(): void {
    this.#isRefusing = false;
  }

  /** Throws away the next message of a channel for which `isMeant` is true. */
  loseNext(isMeant: (channel: string) => boolean): void {
    this.#toLose = isMeant;
  }

  /** Delays answers by so much, but not the messages of Pub/Sub. */
  delay(ms: number): void {
    this.#delayMs = ms;
  }

  close(): void {
    this.refuse();
    this.#server.close();
  }

  #join(near: Socket): void {
    near.on("error", () => undefined);
    const target = this.#isRefusing ? undefined : this.#options.target();
    if (target === undefined) {
      near.destroy();
      return;
    }
    const { sent, news } = this.#options;
    const pair = new Pair(near, target, {
      sent: (text) => sent?.(text),
      heard: (channel, message) => {
        const isLost = this.#toLose?.(channel) ?? false;
        if (isLost) this.#toLose = undefined;
        news?.(channel, message, isLost);
        return !isLost;
      },
      delayMs: () => this.#delayMs,
    });
    this.#pairs.add(pair);
    pair.onEnd = () => this.#pairs.delete(pair);
  }
}

interface PairWatch {
  sent(text: string): void;
  /** False if the message must not pass. */
  heard(channel: string, message: string): boolean;
  delayMs(): number;
}

/** One connection through the wire. */
class Pair {
  onEnd: () => void = () => undefined;
  readonly #near: Socket;
  readonly #far: Socket;
  readonly #watch: PairWatch;
  #isSubscriber = false;
  #unread = Buffer.alloc(0);
  /** When the last delayed answer passes: answers stay in order. */
  #passesAtMs = 0;

  constructor(near: Socket, port: number, watch: PairWatch) {
    this.#near = near;
    this.#watch = watch;
    const far = connect({ port, host: "127.0.0.1" });
    this.#far = far;
    far.on("error", () => undefined);
    for (const socket of [near, far]) {
      socket.setNoDelay(true);
      socket.on("close", () => this.end());
    }
    near.on("data", (data) => {
      const text = data.toString("latin1");
      if (SUBSCRIBES.test(text)) this.#isSubscriber = true;
      watch.sent(text);
      pass(data, near, far);
    });
    far.on("data", (data) => this.#answer(data));
  }

  end(): void {
    this.#near.destroy();
    this.#far.destroy();
    this.onEnd();
  }

  #answer(data: Buffer): void {
    const now = performance.now();
    if (this.#isSubscriber) this.#sift(data);
    else {
      this.#passesAtMs = Math.max(this.#passesAtMs, now + this.#watch.delayMs());
      if (this.#passesAtMs <= now) pass(data, this.#far, this.#near);
      else setTimeout(() => pass(data, this.#far, this.#near), this.#passesAtMs - now);
    }
  }

  /** Passes whole replies, without the messages that are to be lost. */
  #sift(data: Buffer): void {
    this.#unread = Buffer.concat([this.#unread, data]);
    let at = 0;
    try {
      for (let parsed = parseReply(this.#unread); parsed; parsed = parseReply(this.#unread, at)) {
        const { reply, end } = parsed;
        const [kind, channel, message] = Array.isArray(reply) ? reply : [];
        const isMessage = kind === "message" || kind === "smessage";
        const passes = !isMessage || this.#watch.heard(String(channel), String(message));
        if (passes) pass(this.#unread.subarray(at, end), this.#far, this.#near);
        at = end;
      }
    } catch {
      // Unknown replies pass as they are.
      this.#isSubscriber = false;
    }
    this.#unread = this.#unread.subarray(at);
    if (this.#isSubscriber && this.#unread.length <= UNREAD_BYTES_MAX) return;
    pass(this.#unread, this.#far, this.#near);
    this.#unread = Buffer.alloc(0);
    this.#isSubscriber = false;
  }
}

/** Reads no further from `from` while `to` does not take what it has. */
function pass(data: Buffer, from: Socket, to: Socket): void {
  if (!to.writable || to.write(data)) return;
  from.pause();
  to.once("drain", () => from.resume());
}
