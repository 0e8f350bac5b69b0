/*
 * Just enough of Valkey's protocol (RESP2 and RESP3) to read the messages on a wire, and to ask the
 * lab's servers for their state. The store's own client is not used, because a fault must not
 * confuse the lab. Bulk strings are read as Latin-1, so each character is a byte.
 */

import { connect, type Socket } from "node:net";

export type Reply = string | number | null | Error | readonly Reply[];

interface Parsed {
  readonly reply: Reply;
  /** Where the next reply begins. */
  readonly end: number;
}

const ANSWER_MS_MAX = 400;
const NESTED_MAX = 8;

/** The reply that begins at `at`. Undefined if it is not complete. Throws if it is none. */
export function parseReply(data: Buffer, at = 0, depth = 0): Parsed | undefined {
  const lineEnd = data.indexOf("\r\n", at);
  if (lineEnd < 0) return undefined;
  const line = data.toString("latin1", at + 1, lineEnd);
  const [start, size] = [lineEnd + 2, Number(line)];
  switch (String.fromCharCode(data[at] ?? 0)) {
    case "+":
      return { reply: line, end: start };
    case "-":
      return { reply: new Error(line), end: start };
    case "_":
      return { reply: null, end: start };
    case ":":
    case ",":
      return { reply: size, end: start };
    case "(":
    case "#":
      return { reply: line, end: start };
    case "$":
    case "=":
    case "!":
      if (size < 0) return { reply: null, end: start };
      if (data.length < start + size + 2) return undefined;
      return { reply: data.toString("latin1", start, start + size), end: start + size + 2 };
    case "*":
    case ">":
    case "~":
      if (depth < NESTED_MAX) return parseList(data, start, size, depth);
      break;
    case "%":
      if (depth < NESTED_MAX) return parseList(data, start, 2 * size, depth);
  }
  throw new RangeError("not a reply of Valkey");
}

function parseList(data: Buffer, at: number, size: number, depth: number): Parsed | undefined {
  const list: Reply[] = [];
  let end = at;
  for (let index = 0; index < size; index++) {
    const parsed = parseReply(data, end, depth + 1);
    if (!parsed) return undefined;
    list.push(parsed.reply);
    end = parsed.end;
  }
  return { reply: size < 0 ? null : list, end };
}

interface Waiting {
  done(reply: Reply | undefined): void;
}

/** Asks a server on this machine, over a connection that is made again when it is lost. */
export class Asker {
  readonly #port: number;
  readonly #waiting: Waiting[] = [];
  #socket: Socket | undefined;
  #received = Buffer.alloc(0);

  constructor(port: number) {
    this.#port = port;
  }

  /** Undefined if the server does not answer soon. */
  ask(...command: readonly string[]): Promise<Reply | undefined> {
    const parts = command.map((part) => `$${Buffer.byteLength(part, "latin1")}\r\n${part}\r\n`);
    return new Promise((done) => {
      const socket = this.#open();
      const late = setTimeout(() => socket.destroy(), ANSWER_MS_MAX);
      this.#waiting.push({
        done: (reply) => {
          clearTimeout(late);
          done(reply);
        },
      });
      socket.write(Buffer.from(`*${command.length}\r\n${parts.join("")}`, "latin1"));
    });
  }

  close(): void {
    this.#socket?.destroy();
  }

  #open(): Socket {
    if (this.#socket && !this.#socket.destroyed) return this.#socket;
    // The old connection may not have reported its end yet.
    this.#giveUp();
    const socket = connect({ port: this.#port, host: "127.0.0.1" });
    this.#socket = socket;
    this.#received = Buffer.alloc(0);
    socket.setNoDelay(true);
    socket.on("error", () => undefined);
    socket.on("data", (data) => this.#read(socket, data));
    socket.on("close", () => {
      if (this.#socket === socket) this.#giveUp();
    });
    return socket;
  }

  #giveUp(): void {
    for (const { done } of this.#waiting.splice(0)) done(undefined);
  }

  #read(socket: Socket, data: Buffer): void {
    this.#received = Buffer.concat([this.#received, data]);
    try {
      for (let parsed = parseReply(this.#received); parsed; parsed = parseReply(this.#received)) {
        this.#received = this.#received.subarray(parsed.end);
        this.#waiting.shift()?.done(parsed.reply);
      }
    } catch {
      socket.destroy();
    }
  }
}
