/*
 * Reads the WebSocket frames that a client sends, in any pieces (RFC 6455, section 5). Pure. It
 * checks all that the RFC asks of a client, and bounds the bytes and the parts of a message.
 *
 * A server may hold many idle connections, so a reader between two messages is almost nothing.
 */

import { isUtf8 } from "node:buffer";
import { KeptPieces } from "../../store/kept-pieces.js";
import { BINARY, CLOSE, CONTINUATION, PING, PONG, TEXT } from "./websocket-frame.js";

/** Codes with which a connection ends (RFC 6455, section 7.4.1). */
export const CLOSED_BY = { protocol: 1002, noCode: 1005, text: 1007, policy: 1008, size: 1009 } as const;

/** The client broke a rule. The connection ends with this code. */
export class BrokenFrame extends Error {
  readonly code: number;

  constructor(code: number, rule: string) {
    super(rule);
    this.code = code;
  }
}

export interface FrameListener {
  /** `data` is the listener's own. */
  message(data: Buffer, isBinary: boolean): void;
  ping(data: Buffer): void;
  pong(): void;
  /** The client closes, with a code or CLOSED_BY.noCode. Nothing is read after it. */
  closing(code: number): void;
}

export interface FrameLimits {
  /** Of a message. */
  readonly bytesMax: number;
  /** Frames of a message, and pieces of a frame. */
  readonly partsMax: number;
}

/** A message of which some frames have come. */
interface Fragments {
  readonly isBinary: boolean;
  readonly parts: Buffer[];
  bytes: number;
}

const FINAL = 0x80;
const RESERVED = 0x70;
const MASKED = 0x80;
const MASK_BYTES = 4;
const CONTROL_BYTES_MAX = 125;
const [LENGTH_16, LENGTH_64] = [126, 127];

export class FrameReader {
  readonly #limits: FrameLimits;
  #fragments: Fragments | undefined;
  /** Of a frame that is not complete. */
  #kept: KeptPieces | undefined;
  #isOver = false;

  constructor(limits: FrameLimits) {
    this.#limits = limits;
  }

  /** Whether the client has closed, or has broken a rule. */
  get isOver(): boolean {
    return this.#isOver;
  }

  /** Passes on all that this piece completes, and unmasks the piece. Throws BrokenFrame. */
  read(piece: Buffer, listener: FrameListener): void {
    if (this.#isOver) return;
    try {
      const data = this.#joined(piece);
      if (!data) return;
      for (let at = 0; at < data.length && !this.#isOver; ) {
        const end = this.#frame(data, at, listener);
        if (end > data.length) {
          this.#kept = new KeptPieces(data.subarray(at), end - at);
          return;
        }
        at = end;
      }
    } catch (error) {
      if (error instanceof BrokenFrame) this.#isOver = true;
      throw error;
    }
  }

  /** The bytes since the last complete frame; undefined if they are too few. */
  #joined(piece: Buffer): Buffer | undefined {
    const kept = this.#kept;
    if (!kept) return piece;
    if (kept.count >= this.#limits.partsMax) throw new BrokenFrame(CLOSED_BY.policy, "a frame in too many pieces");
    const data = kept.add(piece);
    if (data) this.#kept = undefined;
    return data;
  }

  /** Passes on the frame at `at` if it is complete. Returns its end, or the least it can be. */
  #frame(data: Buffer, at: number, listener: FrameListener): number {
    const first = data[at] ?? 0;
    const second = data[at + 1];
    if (second === undefined) return at + 2;
    const opcode = first & 0x0f;
    const isFinal = (first & FINAL) !== 0;
    const short = second & 0x7f;
    this.#check(opcode, isFinal, first, second);
    const start = at + 2 + (short === LENGTH_16 ? 2 : short === LENGTH_64 ? 8 : 0) + MASK_BYTES;
    if (start - MASK_BYTES > data.length) return start;
    const length = lengthAt(data, at + 2, short);
    if (opcode < CLOSE && (this.#fragments?.bytes ?? 0) + length > this.#limits.bytesMax) {
      throw new BrokenFrame(CLOSED_BY.size, "a message is too large");
    }
    const end = start + length;
    if (end > data.length) return end;
    const payload = data.subarray(start, end);
    unmask(payload, data, start - MASK_BYTES);
    if (opcode < CLOSE) this.#data(opcode, isFinal, payload, listener);
    else if (opcode === PING) listener.ping(payload);
    else if (opcode === PONG) listener.pong();
    else this.#close(payload, listener);
    return end;
  }

  #check(opcode: number, isFinal: boolean, first: number, second: number): void {
    const isControl = opcode >= CLOSE;
    const isFirst = opcode === TEXT || opcode === BINARY;
    let rule: string | undefined;
    if ((first & RESERVED) !== 0) rule = "a reserved bit is set";
    else if (opcode > PONG || (opcode > BINARY && !isControl)) rule = "there is no such kind of frame";
    else if (isControl && !isFinal) rule = "a control frame is in parts";
    else if (isControl && (second & 0x7f) > CONTROL_BYTES_MAX) rule = "a control frame is too long";
    else if (isFirst && this.#fragments) rule = "a message begins inside another";
    else if (opcode === CONTINUATION && !this.#fragments) rule = "a message does not begin";
    else if ((second & MASKED) === 0) rule = "a frame is not masked";
    if (rule) throw new BrokenFrame(CLOSED_BY.protocol, rule);
  }

  #data(opcode: number, isFinal: boolean, payload: Buffer, listener: FrameListener): void {
    const fragments = this.#fragments;
    if (isFinal && !fragments) {
      passOn(payload, opcode === BINARY, listener);
      return;
    }
    const message = fragments ?? { isBinary: opcode === BINARY, parts: [], bytes: 0 };
    message.parts.push(payload);
    message.bytes += payload.length;
    if (message.parts.length > this.#limits.partsMax) {
      throw new BrokenFrame(CLOSED_BY.policy, "a message in too many frames");
    }
    this.#fragments = isFinal ? undefined : message;
    if (isFinal) passOn(Buffer.concat(message.parts, message.bytes), message.isBinary, listener);
  }

  #close(payload: Buffer, listener: FrameListener): void {
    const code = payload.length > 1 ? payload.readUInt16BE(0) : CLOSED_BY.noCode;
    // Only an empty frame may say that there is no code.
    if (payload.length > 0 && !mayBeSent(code)) throw new BrokenFrame(CLOSED_BY.protocol, "no code of a close");
    if (!isUtf8(payload.subarray(2))) throw new BrokenFrame(CLOSED_BY.text, "a reason is not UTF-8");
    this.#isOver = true;
    listener.closing(code);
  }
}

function passOn(data: Buffer, isBinary: boolean, listener: FrameListener): void {
  if (!isBinary && !isUtf8(data)) throw new BrokenFrame(CLOSED_BY.text, "a text is not UTF-8");
  listener.message(data, isBinary);
}

function lengthAt(data: Buffer, at: number, short: number): number {
  if (short === LENGTH_16) return data.readUInt16BE(at);
  if (short === LENGTH_64) return data.readUInt32BE(at) * 2 ** 32 + data.readUInt32BE(at + 4);
  return short;
}

function unmask(payload: Buffer, data: Buffer, maskAt: number): void {
  for (let index = 0; index < payload.length; index++) {
    payload[index] = (payload[index] ?? 0) ^ (data[maskAt + (index & 3)] ?? 0);
  }
}

/** Codes that a client may send (RFC 6455, section 7.4, and its registry at IANA). */
function mayBeSent(code: number): boolean {
  if (code >= 3_000) return code <= 4_999;
  return code >= 1_000 && code <= 1_014 && ![1_004, CLOSED_BY.noCode, 1_006].includes(code);
}
