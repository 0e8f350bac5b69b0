/*
 * RESP2, the protocol of Valkey: the bytes of a command, and the replies in the bytes that come
 * back. Pure. A reply may come in any number of pieces, and a piece may hold many replies.
 *
 * Source: the RESP specification, https://valkey.io/topics/protocol/
 */

import { KeptPieces } from "../../kept-pieces.js";

/** A bulk or simple string is a Buffer, or a string if the reader was asked for text. */
export type Reply = Buffer | string | number | null | ReplyError | readonly Reply[];

/** The server answered with an error; the first word of the message is its code. */
export class ReplyError extends Error {
  override readonly name = "ReplyError";
}

/** The bytes are not RESP2, so nothing that follows on the connection can be understood. */
export class BrokenProtocol extends Error {}

/** One command. With `encoding`, `text` becomes its bytes. */
export interface Encoded {
  readonly text: string;
  /** `latin1` if each character is a byte, which is cheaper. */
  readonly encoding: "latin1" | "utf8";
}

/** Lists in lists. Our scripts' replies have two levels. */
const NESTED_MAX = 8;
/** A line is a number, a state or an error. */
const LINE_BYTES_MAX = 65_536;
/** The server's own bound of a string (proto-max-bulk-len). */
const STRING_BYTES_MAX = 536_870_912;
const [CR, LF, DASH, ZERO] = [13, 10, 45, 48];
const TYPE = { simple: 43, error: 45, number: 58, bulk: 36, list: 42 } as const;

/** A string argument is text, and a Buffer is bytes. */
export function encodeCommand(args: readonly (string | Buffer)[]): Encoded | Buffer {
  let text = `*${args.length}\r\n`;
  let isAscii = true;
  for (const arg of args) {
    if (typeof arg !== "string") return encodeBytes(args);
    const bytes = Buffer.byteLength(arg);
    isAscii &&= bytes === arg.length;
    text += `$${bytes}\r\n${arg}\r\n`;
  }
  return { text, encoding: isAscii ? "latin1" : "utf8" };
}

function encodeBytes(args: readonly (string | Buffer)[]): Buffer {
  const parts = args.flatMap((arg) => {
    const bytes = typeof arg === "string" ? Buffer.from(arg) : arg;
    return [Buffer.from(`$${bytes.length}\r\n`), bytes, LINE_END];
  });
  return Buffer.concat([Buffer.from(`*${args.length}\r\n`), ...parts]);
}

const LINE_END = Buffer.from("\r\n");

/** A list of which `left` elements are missing. */
interface Open {
  readonly items: Reply[];
  left: number;
}

/** The current element is not complete. */
const PARTIAL = Symbol("partial");
/** A list begins, and its elements follow. */
const OPENED = Symbol("opened");

export interface Heard {
  reply(reply: Reply): void;
  /** Whether the strings of the reply that begins are wanted as text. */
  isText(): boolean;
}

export class ReplyReader {
  readonly #heard: Heard;
  #data: Buffer = Buffer.alloc(0);
  #at = 0;
  #isText = false;
  /** The lists around the current element, outermost first. */
  readonly #open: Open[] = [];
  /** Of an element that is not complete. */
  #kept: KeptPieces | undefined;
  /** The least bytes that the current element can have. */
  #needed = 0;

  constructor(heard: Heard) {
    this.#heard = heard;
  }

  /** Passes on each reply that this piece completes. Throws BrokenProtocol. */
  read(piece: Buffer): void {
    const data = this.#kept ? this.#kept.add(piece) : piece;
    if (!data) return;
    this.#kept = undefined;
    this.#data = data;
    this.#at = 0;
    while (this.#at < data.length) {
      const start = this.#at;
      if (this.#open.length === 0) this.#isText = this.#heard.isText();
      const element = this.#element();
      if (element === PARTIAL) {
        this.#kept = new KeptPieces(data.subarray(start), this.#needed);
        return;
      }
      if (element !== OPENED) this.#close(element);
    }
  }

  /** Reads one element at `#at` and moves past it. */
  #element(): Reply | typeof PARTIAL | typeof OPENED {
    const start = this.#at;
    const lineEnd = this.#lineEnd();
    if (lineEnd < 0) return PARTIAL;
    const type = this.#data[start];
    switch (type) {
      case TYPE.bulk:
        return this.#bulk(start, lineEnd);
      case TYPE.number:
        return this.#number(start, lineEnd);
      case TYPE.list:
        return this.#list(this.#number(start, lineEnd));
      case TYPE.simple:
        return this.#string(start + 1, lineEnd);
      case TYPE.error:
        return new ReplyError(this.#data.toString("utf8", start + 1, lineEnd));
      default:
        throw new BrokenProtocol(`an element of a reply begins with the byte ${type}`);
    }
  }

  /** The place of the line's CR; -1 if the line is not complete. Moves past the line. */
  #lineEnd(): number {
    const data = this.#data;
    const start = this.#at;
    const end = data.indexOf(CR, start + 1);
    const length = (end < 0 ? data.length : end) - start;
    if (length > LINE_BYTES_MAX) throw new BrokenProtocol(`a line of a reply has more than ${LINE_BYTES_MAX} bytes`);
    if (end < 0 || end + 1 >= data.length) {
      this.#needed = data.length - start + 1;
      return -1;
    }
    if (data[end + 1] !== LF) throw new BrokenProtocol("a line of a reply does not end with CR LF");
    this.#at = end + 2;
    return end;
  }

  /** The number in the line, between its type at `start` and `lineEnd`. */
  #number(start: number, lineEnd: number): number {
    const data = this.#data;
    const isNegative = data[start + 1] === DASH;
    const first = isNegative ? start + 2 : start + 1;
    let value = first < lineEnd ? 0 : Number.NaN;
    for (let at = first; at < lineEnd; at++) {
      const digit = (data[at] ?? 0) - ZERO;
      value = digit >= 0 && digit <= 9 ? value * 10 + digit : Number.NaN;
    }
    if (Number.isNaN(value)) throw new BrokenProtocol("a number of a reply is none");
    return isNegative ? -value : value;
  }

  #bulk(start: number, lineEnd: number): Reply | typeof PARTIAL {
    const length = this.#number(start, lineEnd);
    if (length < 0) return null;
    if (length > STRING_BYTES_MAX) throw new BrokenProtocol(`a string of ${length} bytes`);
    const from = this.#at;
    const end = from + length;
    if (end + 2 > this.#data.length) {
      this.#needed = end + 2 - start;
      return PARTIAL;
    }
    if (this.#data[end] !== CR || this.#data[end + 1] !== LF) throw new BrokenProtocol("a string has another length");
    this.#at = end + 2;
    return this.#string(from, end);
  }

  #string(start: number, end: number): Buffer | string {
    return this.#isText ? this.#data.toString("utf8", start, end) : this.#data.subarray(start, end);
  }

  #list(length: number): Reply | typeof OPENED {
    if (length < 0) return null;
    if (length === 0) return [];
    if (this.#open.length === NESTED_MAX) throw new BrokenProtocol("lists are nested too deeply");
    this.#open.push({ items: [], left: length });
    return OPENED;
  }

  /** An element is complete, and maybe the lists that end with it. */
  #close(element: Reply): void {
    let complete = element;
    for (let list = this.#open.at(-1); list; list = this.#open.at(-1)) {
      list.items.push(complete);
      if (--list.left > 0) return;
      this.#open.pop();
      complete = list.items;
    }
    this.#heard.reply(complete);
  }
}
