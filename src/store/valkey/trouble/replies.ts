/*
 * The meaning of Valkey's error replies: the server cannot work now, the page is damaged, the key
 * is elsewhere, or the fault is ours. Pure; trouble.ts has the words for people.
 */

import { DamagedPage, MisfitPage } from "../../damage.js";
import { StoreAway } from "../../store.js";
import { type Endpoint, formatEndpoint, knownHost } from "../address/url.js";

/** The server does not own the key: its slot has moved, or (`isAsk`) only this key has. */
export class Redirected extends Error {
  readonly slot: number;
  /** The address as the server announces it. */
  readonly to: Endpoint;
  readonly isAsk: boolean;

  constructor(slot: number, to: Endpoint, isAsk: boolean) {
    super(`slot ${slot} is at ${formatEndpoint(to)}`);
    this.name = "Redirected";
    this.slot = slot;
    this.to = to;
    this.isAsk = isAsk;
  }
}

/** Replies of a healthy server that refuses this one request. */
const REFUSALS = new Set(["CLUSTERDOWN", "TRYAGAIN", "BUSY", "OOM", "NOREPLICAS", "MISCONF", "READONLY"]);
/** Replies of a server that refuses every request until something changes. */
const UNFIT = new Set(["LOADING", "MASTERDOWN", "NOPERM", "NOAUTH", "WRONGPASS", "DENIED"]);
/** Replies that mean a damaged page. Our scripts return DAMAGED. */
const DAMAGED = new Set(["DAMAGED", "WRONGTYPE"]);
/** Servers' wordings for a right that the user lacks inside a script. */
export const DENIED_INSIDE = /^ERR (ACL failure in script|The user executing the script can't)|^NOPERM .*\bscript: /;
/** Matches `MOVED 3999 127.0.0.1:6381`, a format fixed by the cluster specification. */
const REDIRECTION = /^(MOVED|ASK) (\d+) (.*):(\d+)$/;

/** The code of an error reply; undefined if the error is not a reply. */
export function errorCode(error: unknown): string | undefined {
  return error instanceof Error && error.name === "ReplyError" ? error.message.split(" ", 1)[0] : undefined;
}

/**
 * The error reply that the client could assign to no request, before the connection is ready. The
 * server sends one before it closes a connection that it has no room for.
 */
export function strayReply(error: Error): string | undefined {
  return /^Command queue state error.* Last error: (.*)$/s.exec(error.message)?.[1];
}

export function isRefusal(error: unknown): boolean {
  return REFUSALS.has(errorCode(error) ?? "");
}

export function isUnfit(error: unknown): boolean {
  return UNFIT.has(errorCode(error) ?? "") || isDeniedInside(error);
}

/** Whether a script was stopped for lack of a right. Its earlier writes stay in place. */
function isDeniedInside(error: unknown): boolean {
  return error instanceof Error && DENIED_INSIDE.test(error.message);
}

/** Translates a command's failure. An error that is our own fault is returned unchanged. */
export function meaningOf(error: unknown, asked: Endpoint): unknown {
  const code = errorCode(error);
  if (code === undefined) return new StoreAway("the connection to Valkey broke", { sent: true, cause: error });
  const text = error instanceof Error ? error.message : String(error);
  if (code === "MISFIT") return new MisfitPage(text, error);
  if (DAMAGED.has(code)) return new DamagedPage(text, error);
  if (isRefusal(error) || isUnfit(error)) {
    return new StoreAway(`Valkey answered with the error ${code}`, { sent: isDeniedInside(error), cause: error });
  }
  const [, kind, slot, host, port] = REDIRECTION.exec(text) ?? [];
  if (host === undefined) return error;
  return new Redirected(Number(slot), { host: knownHost(host, asked), port: Number(port) }, kind === "ASK");
}
