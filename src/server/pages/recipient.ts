/* Frames, and the part of a client's connection that a hub sees. */

import type { CheckboxUpdate, Frozen, Looking } from "../../protocol/events.js";

export type Frame =
  | { readonly kind: "delta"; readonly text: string }
  | { readonly kind: "snapshot"; readonly bytes: Uint8Array }
  | { readonly kind: "overview"; readonly bytes: Uint8Array }
  | { readonly kind: "counts"; readonly text: string }
  | { readonly kind: "looking"; readonly looking: Looking }
  | { readonly kind: "frozen"; readonly frozen: Frozen }
  /** For the teaching protocol, which sends one event per update. */
  | { readonly kind: "updates"; readonly updates: readonly CheckboxUpdate[] };

export type PageFrame = Extract<Frame, { readonly kind: "delta" | "snapshot" }>;

export interface Recipient {
  /** Whether so much data is waiting to be sent that frames should be skipped. */
  readonly backlogged: boolean;
  send(frame: Frame): void;
  /** Closes the connection, because its client has not read for too long. */
  giveUp(): void;
}
