/*
 * Protocol 2: the messages of the lane, a binary WebSocket beside Socket.IO. The first byte of a
 * message is its kind. Rare messages hold the JSON of events.ts; frequent ones are bytes.
 *
 *     client                                   instance
 *       request  0 · ["hello", {protocol, token}]     first, before all others
 *       request  id · [name, request]     ->
 *                                         <-   reply     id · result or {error}
 *       write    handle · seq · changes   ->
 *                                         <-   acks      handle · seq · pages · (page · version)…
 *                                         <-   refusal   handle · seq · error
 *                                         <-   delta, continuation    (lane-delta.ts)
 *                                         <-   snapshot               (codec.ts)
 *                                         <-   overview, counts       (overview-codec.ts)
 *                                         <-   event     [name, payload]
 *                                         <-   beat      every few seconds
 *       beat                              ->
 *
 * Untrusted bytes are checked whole: they decode to a message that obeys every rule, or to
 * undefined. PROTOCOL.md explains the layout, and works through an exchange.
 */

import type { Bit } from "../board/bitmap.js";
import { BOARD_CELLS_MAX } from "../board/geometry.js";
import type { CellChanges } from "../board/steps.js";
import * as DOWN from "./down-kinds.js";
import type { WriteResult } from "./events.js";
import { type DecodedDelta, type LastSent, readContinuation, readWhole } from "./lane-delta.js";
import { readJson, readNamed, withJson } from "./lane-json.js";
import { Reader, Writer } from "./varint.js";

/** The subprotocol that a client names in the handshake. */
export const LANE_SUBPROTOCOL = "socketscaler.2";
/** The version that a client states in `hello` and `open`. */
export const LANE_PROTOCOL = 2;
/** The path below the server's URL. */
export const LANE_PATH = "/socketscaler";
/** The request that a client sends first, as number 0. */
export const HELLO = "hello";
/** The instance sends a beat at least this often, and the client answers each. */
export const BEAT_MS = 10_000;
/** A client that has received nothing for this long considers the connection lost. */
export const SILENT_MS_MAX = 18_000;

const UP = { request: 1, write: 2, beat: 3 } as const;
const FRAMED = { snapshot: DOWN.snapshot, overview: DOWN.overview, counts: DOWN.counts } as const;

const BEAT = { kind: "beat" } as const;
/** Of a later version. A client ignores it. */
const UNKNOWN = { kind: "unknown" } as const;

export type UpMessage =
  | { readonly kind: "request"; readonly id: number; readonly name: string; readonly request: unknown }
  | { readonly kind: "write"; readonly handle: number; readonly seq: number; readonly changes: CellChanges }
  | typeof BEAT;

export interface Ack {
  readonly seq: number;
  readonly at: WriteResult["at"];
}

export type DownMessage =
  | { readonly kind: "reply"; readonly id: number; readonly reply: unknown }
  | { readonly kind: "acks"; readonly handle: number; readonly acks: readonly Ack[] }
  | { readonly kind: "refusal"; readonly handle: number; readonly seq: number; readonly error: unknown }
  | { readonly kind: "event"; readonly name: string; readonly payload: unknown }
  | { readonly kind: "snapshot" | "overview" | "counts"; readonly bytes: Uint8Array }
  | DecodedDelta
  | typeof UNKNOWN
  | typeof BEAT;

export function encodeRequest(id: number, name: string, request: unknown): Uint8Array {
  return withJson(UP.request, [id], [name, request]);
}

/** `changes` in ascending order of cells, each cell once. Throws RangeError for others. */
export function encodeWrite(handle: number, seq: number, changes: CellChanges): Uint8Array {
  const writer = new Writer(24 + changes.length * 8);
  writer.varint(UP.write);
  writer.varint(handle);
  writer.varint(seq);
  let next = 0;
  for (const [cell, value] of changes) {
    if (cell < next) throw new RangeError(`cell ${cell} of a write is out of order`);
    writer.varint((cell - next) * 2 + value);
    next = cell + 1;
  }
  return writer.bytes();
}

export function encodeBeat(): Uint8Array {
  return Uint8Array.of(UP.beat);
}

/** Of a write, at most `cellsMax` changes are read. */
export function decodeUp(bytes: Uint8Array, cellsMax = Number.POSITIVE_INFINITY): UpMessage | undefined {
  const reader = new Reader(bytes);
  switch (reader.varint()) {
    case UP.request: {
      const id = reader.varint();
      const named = readNamed(reader);
      return named && { kind: "request", id, name: named[0], request: named[1] };
    }
    case UP.write: {
      const handle = reader.varint();
      const seq = reader.varint();
      const changes: [number, Bit][] = [];
      let next = 0;
      while (!reader.done && changes.length < cellsMax) {
        const coded = reader.varint();
        next += Math.floor(coded / 2);
        if (reader.failed || next >= BOARD_CELLS_MAX) return undefined;
        changes.push([next, coded % 2 ? 1 : 0]);
        next++;
      }
      if (reader.failed || changes.length === 0 || seq < 1) return undefined;
      return { kind: "write", handle, seq, changes };
    }
    case UP.beat:
      return reader.done && !reader.failed ? BEAT : undefined;
  }
  return undefined;
}

export function encodeReply(id: number, reply: unknown): Uint8Array {
  return withJson(DOWN.reply, [id], reply);
}

export function encodeRefusal(handle: number, seq: number, error: unknown): Uint8Array {
  return withJson(DOWN.refusal, [handle, seq], error);
}

export function encodeEvent(name: string, payload: unknown): Uint8Array {
  return withJson(DOWN.event, [], [name, payload]);
}

/** A snapshot, an overview or counts, whose bytes codec.ts and overview-codec.ts write. */
export function encodeFramed(kind: keyof typeof FRAMED, framed: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(1 + framed.length);
  bytes[0] = FRAMED[kind];
  bytes.set(framed, 1);
  return bytes;
}

export function encodeAcks(handle: number, acks: readonly Ack[]): Uint8Array {
  const writer = new Writer(24 + acks.reduce((sum, { at }) => sum + 16 + at.length * 16, 0));
  writer.varint(DOWN.acks);
  writer.varint(handle);
  for (const { seq, at } of acks) {
    writer.varint(seq);
    writer.varint(at.length);
    for (const [page, version] of at) {
      writer.varint(page);
      writer.varint(version);
    }
  }
  return writer.bytes();
}

/** `last` is what was sent last on the connection; without it a continuation is not valid. */
export function decodeDown(bytes: Uint8Array, last: LastSent | undefined): DownMessage | undefined {
  const reader = new Reader(bytes);
  const kind = reader.varint();
  switch (kind) {
    case DOWN.reply: {
      const id = reader.varint();
      const reply = readJson(reader);
      return reply && { kind: "reply", id, reply: reply.value };
    }
    case DOWN.acks:
      return readAcks(reader);
    case DOWN.refusal: {
      const handle = reader.varint();
      const seq = reader.varint();
      const error = readJson(reader);
      return error && { kind: "refusal", handle, seq, error: error.value };
    }
    case DOWN.event: {
      const named = readNamed(reader);
      return named && { kind: "event", name: named[0], payload: named[1] };
    }
    case DOWN.snapshot:
      return { kind: "snapshot", bytes: reader.rest() };
    case DOWN.overview:
      return { kind: "overview", bytes: reader.rest() };
    case DOWN.counts:
      return { kind: "counts", bytes: reader.rest() };
    case DOWN.delta:
    case DOWN.riceDelta:
      return readWhole(reader, kind === DOWN.riceDelta);
    case DOWN.beat:
      return reader.done && !reader.failed ? BEAT : undefined;
    case DOWN.continuation:
    case DOWN.riceContinuation:
      return last && readContinuation(reader, kind === DOWN.riceContinuation, last);
  }
  return reader.failed || kind <= DOWN.beat ? undefined : UNKNOWN;
}

function readAcks(reader: Reader): DownMessage | undefined {
  const handle = reader.varint();
  const acks: Ack[] = [];
  while (!reader.done) {
    const seq = reader.varint();
    const pages = reader.varint();
    const at: [page: number, version: number][] = [];
    for (let index = 0; index < pages && !reader.failed; index++) at.push([reader.varint(), reader.varint()]);
    acks.push({ seq, at });
  }
  return reader.failed ? undefined : { kind: "acks", handle, acks };
}
