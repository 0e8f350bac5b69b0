/* How an app says where the instances are to be found, and who its user is. */

import type { Clock } from "../../protocol/clock.js";
import type { Line, LineListener } from "../links/line.js";
import type { MustWait } from "../outbox/kept-entries.js";
import type { SavedOutbox } from "../outbox/saved-outbox.js";

/** Returns the user's token. */
export type GetToken = () => string | Promise<string>;

/** Changes that an earlier web page in this browser could not deliver while it was open. */
export interface EarlierChanges {
  /** Name of the board. */
  readonly board: string;
  /** Cells whose change still waits. */
  readonly waiting: number;
  /** Cells whose change is in the store. */
  readonly delivered: number;
  /** Cells whose change was refused, or too old to be sent. */
  readonly lost: number;
}

/** The changes of one session. */
export interface KeptSession {
  /** Keeps the waiting changes instead of earlier ones. Urgent before any of them is sent. */
  keep(waiting: () => SavedOutbox | undefined, isUrgent: boolean): void;
  /** Which changes must wait now, because other sessions have older changes of the same cells. */
  mustWait(): MustWait;
}

/** Stores waiting changes outside the web page: see `keepChanges`. */
export interface ChangeKeeper {
  /** Called by the library when a board begins a session. */
  begin(board: string, session: string): KeptSession;
  /** Delivers what earlier web pages left, until the returned function is called. */
  recover(parts: {
    readonly open: (listener: LineListener) => Line;
    readonly clock: Clock;
    readonly progress: (earlier: EarlierChanges) => void;
  }): () => void;
}

/** Options of `connect`. */
export interface ConnectOptions {
  /**
   * Stores changes that wait, so that they are not lost if the web page is reloaded, is closed or
   * crashes. Made by `keepChanges` of `socketscaler/client/keep`.
   */
  readonly keep?: ChangeKeeper | undefined;
  /**
   * `feed` reads boards by requests that shared caches answer, for crowds of viewers. Other
   * people's changes usually show within two seconds. The client switches to a socket for its first
   * change, or if the feed is refused or slow. It also does so if it has a token, opens a board
   * with claims, or watches more than four pages of a board. Default: `live`, over a socket from
   * the start.
   */
  readonly view?: "live" | "feed";
  /** For boards that need a token. Called for a fresh token whenever a connection is made. */
  readonly token?: GetToken;
  /**
   * Keeps a secret id in the browser's `localStorage`. With it, an anonymous visitor keeps their
   * cells on boards with claims after a reload, and has them in other tabs too.
   */
  readonly remember?: boolean;
  /** `path` of the app's `new Server(http, { path })`, below the URL's. Default: `/socket.io`. */
  readonly path?: string;
  /**
   * `LANE_PATH` of the instances, below the URL's. Default: `/socketscaler`. `false` uses Socket.IO
   * only.
   */
  readonly lanePath?: string | false;
}

export interface ConnectionOptions extends ConnectOptions {
  /** The id that an anonymous visitor keeps. */
  readonly visitor?: string | undefined;
  /** Calls `online` whenever the network may be back, until the returned function is called. */
  readonly onOnline?: (online: () => void) => () => void;
}
