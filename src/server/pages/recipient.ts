/* Frames, and the part of a client's connection that a hub sees. */

import type { Delta } from "../../board/delta.js";
import type { Position } from "../../board/position.js";
import { encodeDelta } from "../../protocol/delta-text.js";
import type { BoardResized, CheckboxUpdate, Frozen, Looking, Mine, Notice } from "../../protocol/events.js";

/** A delta. Each protocol encodes it once, when the first recipient needs that. */
export class DeltaFrame {
  readonly kind = "delta";
  /** Names the board on connections. */
  readonly handle: number;
  readonly delta: Delta;
  #text: string | undefined;

  constructor(handle: number, delta: Delta) {
    this.handle = handle;
    this.delta = delta;
  }

  /** As protocol 1 sends it. */
  get text(): string {
    this.#text ??= encodeDelta(this.handle, this.delta);
    return this.#text;
  }
}

interface SnapshotFrame {
  readonly kind: "snapshot";
  readonly handle: number;
  readonly page: number;
  readonly position: Position;
  readonly bytes: Uint8Array;
}

export type Frame =
  | DeltaFrame
  | SnapshotFrame
  | { readonly kind: "overview"; readonly bytes: Uint8Array }
  | { readonly kind: "counts"; readonly bytes: Uint8Array }
  | { readonly kind: "looking"; readonly looking: Looking }
  | { readonly kind: "frozen"; readonly frozen: Frozen }
  | { readonly kind: "resized"; readonly resized: BoardResized }
  | { readonly kind: "mine"; readonly mine: Mine }
  | { readonly kind: "notice"; readonly notice: Notice }
  /** For the teaching protocol, which sends one event per update. */
  | { readonly kind: "updates"; readonly updates: readonly CheckboxUpdate[] };

export type PageFrame = Extract<Frame, { readonly kind: "delta" | "snapshot" }>;

export interface HubObserver {
  /** The hub has sent its members everything so far. */
  flushed?(): void;
  /** The recipient no longer watches the hub. */
  left?(recipient: Recipient): void;
}

export interface Recipient {
  /** Whether so much data is waiting to be sent that frames should be skipped. */
  readonly backlogged: boolean;
  send(frame: Frame): void;
  /** Closes the connection, because its client has not read for too long. */
  giveUp(): void;
  /** Asks the client to connect again. */
  move?(): void;
}
