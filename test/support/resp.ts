/*
 * A plain RESP2 client over a TCP socket, for tests that must ask a server without any of our own code or its client in
 * between. One connection; replies come in the order of the commands. It neither reconnects nor follows redirections:
 * what the server says is what the caller gets.
 */

import { once } from "node:events";
import { connect, type Socket } from "node:net";

/** Bulk and simple strings are Buffers; an error inside a list is a RespError. */
export type Reply = Buffer | number | null | RespError | readonly Reply[];

/** The server answered with an error; `code` is its first word. */
class RespError extends Error {
  get code(): string {
    return this.message.split(" ", 1)[0] ?? "";
  }
}

const ANSWER_MS_MAX = 10_000;

interface Waiting {
  done(reply: Reply): void;
  fail(error: Error): void;
}

export class Resp {
  readonly #socket: Socket;
  readonly #waiting: Waiting[] = [];
  #received = Buffer.alloc(0);

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.on("data", (data) => this.#read(data));
    socket.on("error", () => undefined);
    socket.on("close", () => {
      for (const { fail } of this.#waiting.splice(0)) fail(new Error("the connection was closed before the answer"));
    });
  }

  static async connect(port: number, host = "127.0.0.1"): Promise<Resp> {
    const socket = connect({ port, host });
    await once(socket, "connect");
    socket.setNoDelay(true);
    return new Resp(socket);
  }

  /** Rejects with a RespError if the server says so, or with another error if it says nothing. */
  command(...args: readonly (string | number)[]): Promise<Reply> {
    const parts = args.map((arg) => `$${Buffer.byteLength(String(arg))}\r\n${arg}\r\n`);
    return new Promise<Reply>((done, fail) => {
      if (this.#socket.destroyed) return fail(new Error("the connection is closed"));
      const late = setTimeout(() => {
        fail(new Error(`no answer to ${args[0]} within ${ANSWER_MS_MAX} ms`));
        this.#socket.destroy();
      }, ANSWER_MS_MAX);
      this.#waiting.push({
        done: (reply) => {
          clearTimeout(late);
          if (reply instanceof RespError) fail(reply);
          else done(reply);
        },
        fail: (error) => {
          clearTimeout(late);
          fail(error);
        },
      });
      this.#socket.write(`*${args.length}\r\n${parts.join("")}`);
    });
  }

  close(): void {
    this.#socket.destroy();
  }

  #read(data: Buffer): void {
    this.#received = Buffer.concat([this.#received, data]);
    for (;;) {
      const parsed = parse(this.#received, 0);
      if (!parsed) return;
      this.#received = this.#received.subarray(parsed.end);
      this.#waiting.shift()?.done(parsed.reply);
    }
  }
}

/** One command on a connection of its own. */
export function ask(port: number, ...args: readonly (string | number)[]): Promise<Reply> {
  return askAs(port, undefined, ...args);
}

/** The same, as a user. */
export async function askAs(
  port: number,
  login: readonly [user: string, password: string] | undefined,
  ...args: readonly (string | number)[]
): Promise<Reply> {
  const connection = await Resp.connect(port);
  try {
    if (login) await connection.command("AUTH", ...login);
    return await connection.command(...args);
  } finally {
    connection.close();
  }
}

/** The reply as a list; a mistake in the test if it is none. */
export function listOf(reply: Reply | undefined): readonly Reply[] {
  if (Array.isArray(reply)) return reply;
  throw new Error(`expected a list, got ${reply}`);
}

/** The reply at `at`, and where it ends; undefined while it is not here whole. */
function parse(bytes: Buffer, at: number): { reply: Reply; end: number } | undefined {
  const lineEnd = bytes.indexOf("\r\n", at);
  if (lineEnd < 0) return undefined;
  const type = String.fromCharCode(bytes[at] ?? 0);
  const line = bytes.subarray(at + 1, lineEnd);
  const end = lineEnd + 2;
  if (type === "+") return { reply: Buffer.from(line), end };
  if (type === "-") return { reply: new RespError(String(line)), end };
  const number = Number(String(line));
  if (type === ":") return { reply: number, end };
  if (number < 0) return { reply: null, end };
  if (type === "$") {
    if (bytes.length < end + number + 2) return undefined;
    return { reply: Buffer.from(bytes.subarray(end, end + number)), end: end + number + 2 };
  }
  if (type !== "*") throw new Error(`not RESP2: ${type}`);
  const list: Reply[] = [];
  let next = end;
  for (let index = 0; index < number; index++) {
    const item = parse(bytes, next);
    if (!item) return undefined;
    list.push(item.reply);
    next = item.end;
  }
  return { reply: list, end: next };
}
