/*
 * Every error that is sent to a peer, in one table. Programs look at the code, which is stable. The
 * message says what the user can do. `outcome` answers the question that matters about a failed write:
 *
 *     refused   it has had no effect and will have none
 *     unknown   it may have taken effect; sending the same (session, seq) again is safe and settles it
 *
 * `retry` says whether the same request may succeed later.
 */

interface ErrorRule {
  /** The status of an HTTP response with this error. */
  readonly http: number;
  readonly outcome: "refused" | "unknown";
  readonly retry: boolean;
  readonly message: string;
}

export const ERRORS = {
  BAD_REQUEST: rule(400, "refused", false, "The request is not of the form that PROTOCOL.md describes."),
  UNSUPPORTED_PROTOCOL: rule(400, "refused", false, "This server does not speak that protocol version; reload."),
  UNKNOWN_BOARD: rule(404, "refused", false, "There is no board of that name here."),
  NOT_FOUND: rule(404, "refused", false, "There is nothing at this address."),
  CELL_OUT_OF_RANGE: rule(400, "refused", false, "The board has no such checkbox; numbers run from 0 to size - 1."),
  PAGE_OUT_OF_RANGE: rule(404, "refused", false, "The board has no such page; see pages in GET /boards/:board."),
  BOARD_TOO_LARGE: rule(
    413,
    "refused",
    false,
    "Too large to send whole; read its pages at /boards/:board/pages/:page.",
  ),
  UNAUTHORIZED: rule(401, "refused", false, "This needs a valid token, and there is none, or it is not accepted."),
  TOKEN_EXPIRED: rule(401, "refused", false, "The token is over: viewing goes on; come again with a fresh one."),
  FORBIDDEN: rule(403, "refused", false, "You may not do this on this board."),
  FROZEN: rule(423, "refused", false, "These checkboxes are frozen; nobody may change them now."),
  PARTLY_FROZEN: rule(423, "unknown", false, "Some of these checkboxes are frozen; others were changed."),
  TOO_MANY_REGIONS: rule(409, "unknown", false, "Too many frozen regions lie apart on one page; freeze larger ones."),
  NOT_OPEN: rule(409, "refused", false, "Send `open` for the board first."),
  SESSION_CHANGED: rule(
    409,
    "refused",
    false,
    "A connection writes to a board under one session; reconnect to change it.",
  ),
  STALE_WRITE: rule(
    409,
    "refused",
    false,
    "This change arrived long after later ones and was left out; make it again.",
  ),
  TOO_MANY_CELLS: rule(413, "refused", false, "Too many cells in one write; split it, `open` tells the limit."),
  NEEDS_SPLIT: rule(
    413,
    "refused",
    false,
    "This setAll is larger than one page or the write limit. Pass { split: true } to send it in several steps.",
  ),
  TOO_MANY_PAGES: rule(429, "refused", false, "This connection watches too many pages; unwatch some first."),
  PAYLOAD_TOO_LARGE: rule(413, "refused", false, "The message is larger than this server accepts."),
  RATE_LIMITED: rule(429, "refused", true, "Too fast. Wait a little, then go on."),
  TOO_MANY_CONNECTIONS: rule(429, "refused", true, "Too many connections from this address. Close some, then retry."),
  TOO_MANY_ERRORS: rule(429, "refused", true, "Disconnected: too many bad requests on this connection."),
  TOO_SLOW: rule(429, "refused", true, "Disconnected: this client does not read what it is sent."),
  GOING_AWAY: rule(503, "refused", true, "This instance is closing; another will take over."),
  BUSY: rule(503, "refused", true, "The instance has too much work queued. Wait a little, then retry."),
  STORE_AWAY: rule(503, "refused", true, "The store does not answer. Nothing was changed; retry in a moment."),
  PAGE_DAMAGED: rule(
    500,
    "refused",
    true,
    "The stored data of this part of the board is damaged. Nothing was changed. Ask the operator to restore it.",
  ),
  OUTCOME_UNKNOWN: rule(503, "unknown", true, "The store did not answer in time. Send the same write again."),
  NOT_CONFIRMED: rule(
    503,
    "unknown",
    true,
    "The change is made, but not yet as safe as this board asks. Send the same write again.",
  ),
  KEYS_AWAY: rule(503, "refused", true, "The keys that tokens are checked with cannot be had. Retry in a moment."),
  UNDECIDED: rule(503, "refused", true, "Whether you may do this could not be decided. Retry in a moment."),
  INTERNAL: rule(500, "unknown", true, "The instance failed on this request. Send it again."),
  // The client library's own.
  OUTBOX_FULL: rule(503, "refused", true, "Too many of your changes wait to be sent. Wait until some are through."),
  UNREACHABLE: rule(
    503,
    "refused",
    true,
    "No instance answers at this address. Check the address and its path; the client keeps trying.",
  ),
  NO_TOKEN: rule(
    503,
    "refused",
    true,
    "The app could not provide a token. The client asks it again at the next attempt.",
  ),
  EXPIRED: rule(503, "unknown", false, "The change could not be delivered for too long and was given up."),
  CLOSED: rule(503, "unknown", false, "The client was closed before the change was acknowledged."),
} as const satisfies Record<string, ErrorRule>;

function rule(http: number, outcome: ErrorRule["outcome"], retry: boolean, message: string): ErrorRule {
  return { http, outcome, retry, message };
}

export type ErrorCode = keyof typeof ERRORS;

/** How an error crosses the wire. */
export interface ErrorBody {
  readonly code: ErrorCode;
  readonly message: string;
  readonly retryAfterMs?: number;
  /** The cells of the request that it concerns; all of them if absent. */
  readonly cells?: readonly number[];
}

/** The peer's fault or bad luck, reported to it by code. */
export class Refusal extends Error {
  readonly code: ErrorCode;
  readonly retryAfterMs: number | undefined;
  /** The cells of the request that it concerns, at most one write's; undefined if it is all of them. */
  readonly cells: readonly number[] | undefined;

  constructor(
    code: ErrorCode,
    options: {
      detail?: string;
      retryAfterMs?: number | undefined;
      cells?: readonly number[] | undefined;
      cause?: unknown;
    } = {},
  ) {
    const detail = options.detail ? ` (${options.detail})` : "";
    super(ERRORS[code].message + detail, options.cause === undefined ? {} : { cause: options.cause });
    this.name = "Refusal";
    this.code = code;
    this.retryAfterMs = options.retryAfterMs;
    this.cells = options.cells;
  }

  get rule(): ErrorRule {
    return ERRORS[this.code];
  }

  /** How long to wait before the request is sent again. */
  get pauseMs(): number {
    return this.retryAfterMs ?? 500;
  }

  toBody(): ErrorBody {
    const { code, message, retryAfterMs, cells } = this;
    return {
      code,
      message,
      ...(retryAfterMs !== undefined && { retryAfterMs: Math.ceil(retryAfterMs) }),
      ...(cells && { cells }),
    };
  }
}

/** How a failure is reported: as INTERNAL if it was not foreseen. */
export function refusalOf(error: unknown): Refusal {
  return error instanceof Refusal ? error : new Refusal("INTERNAL", { cause: error });
}

export function isErrorCode(code: unknown): code is ErrorCode {
  return typeof code === "string" && Object.hasOwn(ERRORS, code);
}

/** The server's error as a Refusal. A code that this client does not know becomes INTERNAL. */
export function refusalFrom(body: unknown): Refusal {
  if (typeof body !== "object" || body === null || !("code" in body) || !isErrorCode(body.code)) {
    return new Refusal("INTERNAL");
  }
  const retryAfterMs = "retryAfterMs" in body && typeof body.retryAfterMs === "number" ? body.retryAfterMs : undefined;
  const cells = "cells" in body && Array.isArray(body.cells) ? body.cells.filter(Number.isSafeInteger) : undefined;
  return new Refusal(body.code, { retryAfterMs, cells });
}
