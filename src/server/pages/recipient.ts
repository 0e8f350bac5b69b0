/* What a hub sends, and to whom: a client's connection with all that is not the hub's business left out. */

import type { CheckboxUpdate, Frozen, Looking } from "../../protocol/events.js";

export type Frame =
  | { readonly kind: "delta"; readonly text: string }
  | { readonly kind: "snapshot"; readonly bytes: Uint8Array }
  | { readonly kind: "overview"; readonly bytes: Uint8Array }
  | { readonly kind: "counts"; readonly text: string }
  | { readonly kind: "looking"; readonly looking: Looking }
  | { readonly kind: "frozen"; readonly frozen: Frozen }
  /** Of the teaching protocol: an event for each. */
  | { readonly kind: "updates"; readonly updates: readonly CheckboxUpdate[] };

/** A frame that brings a page somewhere. */
export type PageFrame = Extract<Frame, { readonly kind: "delta" | "snapshot" }>;

/** A client's connection, as the hub sees it. */
export interface Recipient {
  /** Whether more waits to be sent than the connection should have to hold. */
  readonly backlogged: boolean;
  send(frame: Frame): void;
  /** Closes the connection, which has not read for too long. */
  giveUp(): void;
}
