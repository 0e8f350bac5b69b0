/* An attempt to connect: one of those that connection.ts makes, one after the other. */

import type { Refusal } from "../../protocol/refusal.js";
import type { Link } from "../links/link.js";

/** The way that an attempt takes. */
export type Door = "feed" | "lane" | "socketio";

/** How far an attempt has come: nothing, the transport, an accepted client, or its end. */
export type Stage = "opening" | "through" | "in" | "over";

/** An attempt to connect, and the link that may come of it. */
export interface Attempt {
  link: Link | undefined;
  /** Settles the requests without an answer. */
  readonly lost: Set<() => void>;
  /** `isFailure` if the link failed, and was not merely given up by this side. */
  end(reason: Refusal | undefined, isFailure?: boolean): void;
}
