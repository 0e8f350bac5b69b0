/*
 * Outgoing messages of the lane. A hub's frame goes to many connections. So each of its two forms,
 * whole and continuation, is encoded once, when the first connection needs it. The WebSocket frame
 * around it is also built once.
 */

import type { Notice } from "../../protocol/events.js";
import { encodeEvent, encodeFramed } from "../../protocol/lane.js";
import { LaneDelta } from "../../protocol/lane-delta.js";
import { BINARY, webSocketFrame } from "../connections/websocket-frame.js";
import type { DeltaFrame, Frame } from "../pages/recipient.js";

export class Message {
  readonly bytes: Uint8Array;
  #frame: Buffer | undefined;
  #pair: { readonly next: Message; readonly frames: Buffer } | undefined;

  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
  }

  /** The WebSocket frame around it. */
  get frame(): Buffer {
    this.#frame ??= webSocketFrame(BINARY, this.bytes);
    return this.#frame;
  }

  /** Both frames, for one write. Kept, because many connections send the same two. */
  frameBefore(next: Message): Buffer {
    if (this.#pair?.next !== next) this.#pair = { next, frames: Buffer.concat([this.frame, next.frame]) };
    return this.#pair.frames;
  }
}

class DeltaMessages {
  readonly #delta: LaneDelta;
  #whole: Message | undefined;
  #continuation: Message | undefined;

  constructor({ handle, delta }: DeltaFrame) {
    this.#delta = new LaneDelta(handle, delta);
  }

  get whole(): Message {
    this.#whole ??= new Message(this.#delta.whole);
    return this.#whole;
  }

  get continuation(): Message {
    this.#continuation ??= new Message(this.#delta.continuation);
    return this.#continuation;
  }
}

const deltas = new WeakMap<DeltaFrame, DeltaMessages>();
const others = new WeakMap<Frame, Message>();

export function noticeMessage(notice: Notice): Message {
  return new Message(encodeEvent("notice", notice));
}

/** A delta for a connection. `continues` if the last frame sent on it ended where this begins. */
export function deltaMessage(frame: DeltaFrame, continues: boolean): Message {
  let messages = deltas.get(frame);
  if (!messages) {
    messages = new DeltaMessages(frame);
    deltas.set(frame, messages);
  }
  return continues ? messages.continuation : messages.whole;
}

export function messageOf(frame: Exclude<Frame, DeltaFrame>): Message {
  const known = others.get(frame);
  if (known) return known;
  const message = new Message(encode(frame));
  others.set(frame, message);
  return message;
}

function encode(frame: Exclude<Frame, DeltaFrame>): Uint8Array {
  switch (frame.kind) {
    case "snapshot":
    case "overview":
    case "counts":
      return encodeFramed(frame.kind, frame.bytes);
    case "looking":
      return encodeEvent("looking", frame.looking);
    case "frozen":
      return encodeEvent("frozen", frame.frozen);
    case "resized":
      return encodeEvent("resized", frame.resized);
    case "mine":
      return encodeEvent("mine", frame.mine);
    case "notice":
      return encodeEvent("notice", frame.notice);
    case "updates":
      throw new Error("the teaching protocol has no lane");
  }
}
