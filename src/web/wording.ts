/*
 * What the page says of its state, in words: pure, one place. A number is grouped (10,000) in running text and plain where
 * it names a checkbox, as the user types it.
 */

import type { ErrorCode } from "../client/index.js";
import type { Delay, Live } from "./live.js";
import { VIEW_ONLY } from "./permission.js";

export type Tone = "good" | "waiting" | "bad";

export interface Wording {
  readonly tone: Tone;
  readonly text: string;
}

const grouping = new Intl.NumberFormat("en");

export function formatCount(count: number): string {
  return grouping.format(count);
}

export function countOf(count: number, one: string, many: string): string {
  return `${formatCount(count)} ${count === 1 ? one : many}`;
}

export function formatMs(ms: number): string {
  return ms < 1 ? "under 1 ms" : `${ms < 10 ? ms.toFixed(1) : formatCount(Math.round(ms))} ms`;
}

/** That a token is missing, or what this user may not do. */
export interface AccessWording {
  readonly text: string;
  /** Nothing is to be seen, or to be done, without a token. */
  readonly isNeeded: boolean;
}

/** Undefined where nothing is kept from this user. */
export function accessWording(live: Live, hasToken: boolean): AccessWording | undefined {
  const { failure, connection, right, isTokenOver } = live;
  const code = failure?.code ?? connection.reason?.code;
  // What everybody may do, one may with any token, also with a bad one.
  const isNeeded = right !== "write" && right !== "admin";
  if (code === "UNAUTHORIZED") {
    return { text: hasToken ? "Your token is not accepted here." : "This board needs a token.", isNeeded };
  }
  if (code === "TOKEN_EXPIRED" && right === undefined)
    return { text: "Your token has expired. Enter a new one to open this board.", isNeeded: true };
  if (code === "FORBIDDEN") return { text: "Your token does not open this board.", isNeeded: true };
  if (isTokenOver || code === "TOKEN_EXPIRED") {
    return { text: "Your token has expired. You can still watch the board; enter a new one to change it.", isNeeded };
  }
  return right === "view" ? { text: VIEW_ONLY, isNeeded: false } : undefined;
}

/** The connection in a word or two. */
export function connectionWording(live: Live): Wording {
  const { connection, status } = live;
  if (status === "closed") return { tone: "bad", text: "Closed" };
  if (!connection.connected) return { tone: "bad", text: refusalOf(live) === undefined ? "Connecting" : "Refused" };
  if (!connection.storeAvailable) return { tone: "waiting", text: "Read only" };
  if (status !== "live") return { tone: "waiting", text: "Joining" };
  return { tone: "good", text: live.right === "view" ? "View only" : "Live" };
}

/** What hinders the user now, if anything does; the gravest alone. */
export function hindrance(live: Live, delay: Delay | undefined, hasBeenLive: boolean): Wording | undefined {
  const { connection, waiting, failure } = live;
  const wait = waiting > 0 ? countOf(waiting, "change waits", "changes wait") : "changes wait";
  if (failure !== undefined) return { tone: "bad", text: failure.message };
  if (!connection.connected) {
    const refusal = refusalOf(live);
    if (refusal !== undefined) return { tone: "bad", text: refusal };
    if (hasBeenLive) return { tone: "bad", text: `Connection lost, trying again; ${wait} until it is back.` };
    return connection.reason?.code === "UNREACHABLE" ? { tone: "bad", text: connection.reason.message } : undefined;
  }
  if (!connection.storeAvailable) {
    return { tone: "waiting", text: `Read only for the moment: the store does not answer; ${wait}.` };
  }
  return delay && waiting > 0 ? { tone: "waiting", text: delayText(delay, wait) } : undefined;
}

const WILL_PASS: ReadonlySet<ErrorCode> = new Set(["GOING_AWAY", "UNREACHABLE"]);

/** Why this user may not connect. That an instance is busy or on its way out is no fault of theirs: the next try tells. */
function refusalOf({ connection: { reason } }: Live): string | undefined {
  return reason === undefined || WILL_PASS.has(reason.code) ? undefined : reason.message;
}

function delayText({ code, secondsLeft }: Delay, wait: string): string {
  const when = `in ${secondsLeft} s`;
  switch (code) {
    case "RATE_LIMITED":
      return `Going too fast: ${wait}, sent ${when}.`;
    case "STORE_AWAY":
    case "OUTCOME_UNKNOWN":
      return `The store does not answer: ${wait}, tried again ${when}.`;
    default:
      return `The instance is busy: ${wait}, tried again ${when}.`;
  }
}
