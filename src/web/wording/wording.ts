/*
 * The app's texts about its state. Pure. Counts are grouped (10,000). The number of a checkbox is
 * not: it is written as the user types it.
 */

import type { ErrorCode } from "../../client/index.js";
import { countOf, formatCount } from "../../protocol/count.js";
import type { Delay, Live } from "../state/live.js";
import { VIEW_ONLY } from "../state/permission.js";

export interface Wording {
  readonly tone: "good" | "waiting" | "bad";
  readonly text: string;
  /** Whether it only says how fast changes are sent. */
  readonly isPace?: boolean;
}

export function formatMs(ms: number): string {
  return ms < 1 ? "under 1 ms" : `${ms < 10 ? ms.toFixed(1) : formatCount(Math.round(ms))} ms`;
}

/** `place` counts columns and rows from 0. `owner` says whose the cell is. */
export function placeText(
  cell: number,
  { x, y }: { readonly x: number; readonly y: number },
  isFrozen: boolean,
  owner: string | undefined,
): string {
  const marks = [isFrozen ? "frozen" : undefined, owner].filter((mark) => mark !== undefined);
  return [`Checkbox ${cell}`, `row ${y + 1}, column ${x + 1}`, ...marks].join(" · ");
}

/** The wording for a missing token, or for a right that this user lacks. */
export interface AccessWording {
  readonly text: string;
  /** True if this user cannot change the board without a (better) token. */
  readonly isNeeded: boolean;
}

export function accessWording(live: Live, hasToken: boolean): AccessWording | undefined {
  const { failure, connection, right, isTokenExpired } = live;
  const code = failure?.code ?? connection.reason?.code;
  // On a board that everyone may change, a bad token takes nothing away.
  const isNeeded = right !== "write" && right !== "admin";
  if (code === "UNAUTHORIZED") {
    return { text: hasToken ? "Your token was not accepted. Try another one." : "This board needs a token.", isNeeded };
  }
  if (code === "TOKEN_EXPIRED" && right === undefined)
    return { text: "Your token has expired. Enter a new one to open this board.", isNeeded: true };
  if (code === "FORBIDDEN")
    return { text: "You have no access to this board. Enter a token that is valid for it.", isNeeded: true };
  if (isTokenExpired || code === "TOKEN_EXPIRED") {
    return { text: "Your token has expired. Enter a new one to continue.", isNeeded };
  }
  return right === "view" ? { text: VIEW_ONLY, isNeeded: false } : undefined;
}

export function connectionWording(live: Live): Wording {
  const { connection, status } = live;
  if (status === "closed") return { tone: "bad", text: "Closed" };
  if (!connection.connected) return { tone: "bad", text: refusalOf(live) === undefined ? "Connecting" : "Refused" };
  if (!connection.storeAvailable) return { tone: "waiting", text: "Saving paused" };
  if (status !== "live") return { tone: "waiting", text: "Joining" };
  return { tone: "good", text: live.right === "view" ? "View only" : "Live" };
}

export function problem(live: Live, delay: Delay | undefined, hasBeenLive: boolean): Wording | undefined {
  const { connection, waiting, failure } = live;
  const queued = waiting > 0 ? countOf(waiting, "change is queued", "changes are queued") : "New changes are queued";
  if (failure !== undefined) return { tone: "bad", text: failure.message };
  if (!connection.connected) {
    const refusal = refusalOf(live);
    if (refusal !== undefined) return { tone: "bad", text: refusal };
    if (hasBeenLive) return { tone: "bad", text: `Connection lost, reconnecting … ${queued}.` };
    return connection.reason?.code === "UNREACHABLE" ? { tone: "bad", text: connection.reason.message } : undefined;
  }
  if (!connection.storeAvailable) return { tone: "waiting", text: `${STORE_UNAVAILABLE} ${queued}.` };
  return delay && waiting > 0
    ? { tone: "waiting", text: delayText(delay, queued), isPace: delay.code === "RATE_LIMITED" }
    : undefined;
}

const STORE_UNAVAILABLE = "The store is unavailable, so changes cannot be saved right now.";
const TEMPORARY: ReadonlySet<ErrorCode> = new Set(["GOING_AWAY", "UNREACHABLE"]);

/** Why this user may not connect. Temporary reasons do not count, since the client tries again. */
function refusalOf({ connection: { reason } }: Live): string | undefined {
  return reason === undefined || TEMPORARY.has(reason.code) ? undefined : reason.message;
}

function delayText({ code, secondsLeft, secondsToGo }: Delay, queued: string): string {
  if (code === "RATE_LIMITED")
    return `That was fast! ${queued}${secondsToGo === undefined ? "" : `: about ${secondsToGo} s to go`}.`;
  const isAway = code === "STORE_AWAY" || code === "OUTCOME_UNKNOWN";
  const cause = isAway ? "The store is unavailable" : "Some changes are not saved yet";
  return `${cause}. ${queued}. Next attempt in ${secondsLeft} s.`;
}
