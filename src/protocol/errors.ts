/*
 * Every error that is sent to a peer, in one table. Programs read the code, which is stable; the
 * message tells users what they can do. `outcome` says what became of a failed write:
 *
 *     refused   it had no effect and will have none
 *     unknown   it may have had its effect; sending the same (session, seq) again is safe and settles it
 *
 * `retry` says whether the same request may succeed later.
 */

interface ErrorRule {
  /** The HTTP status of the answer. */
  readonly http: number;
  readonly outcome: "refused" | "unknown";
  readonly retry: boolean;
  readonly message: string;
}

export const ERRORS = {
  BAD_REQUEST: rule(400, "refused", false, "The request does not have the form that PROTOCOL.md describes."),
  UNSUPPORTED_PROTOCOL: rule(
    400,
    "refused",
    false,
    "This server does not support that protocol version. Reload to update.",
  ),
  UNKNOWN_BOARD: rule(404, "refused", false, "There is no board with that name."),
  NOT_FOUND: rule(404, "refused", false, "There is nothing at this address."),
  CELL_OUT_OF_RANGE: rule(400, "refused", false, "The board has no such checkbox. Numbers run from 0 to size - 1."),
  PAGE_OUT_OF_RANGE: rule(
    404,
    "refused",
    false,
    "The board has no such page. GET /boards/:board gives the number of pages.",
  ),
  BOARD_TOO_LARGE: rule(
    413,
    "refused",
    false,
    "This board is too large to send whole. Read its pages at /boards/:board/pages/:page.",
  ),
  UNAUTHORIZED: rule(401, "refused", false, "A valid token is required: none was sent, or it was not accepted."),
  TOKEN_EXPIRED: rule(
    401,
    "refused",
    false,
    "Your token has expired. You can still watch the board; sign in again to change it.",
  ),
  FORBIDDEN: rule(403, "refused", false, "You are not allowed to do this on this board."),
  FROZEN: rule(423, "refused", false, "These checkboxes are frozen. Nobody can change them now."),
  PARTLY_FROZEN: rule(423, "unknown", false, "Some of these checkboxes are frozen. The others were changed."),
  TOO_MANY_REGIONS: rule(
    409,
    "unknown",
    false,
    "A page would have too many separate frozen regions. Freeze fewer, larger ones.",
  ),
  NOT_OPEN: rule(409, "refused", false, "This connection has not opened the board. Send `open` first."),
  SESSION_CHANGED: rule(
    409,
    "refused",
    false,
    "A connection writes to a board under one session. Reconnect to use another one.",
  ),
  STALE_WRITE: rule(409, "refused", false, "This change arrived long after later ones and was dropped. Make it again."),
  TOO_MANY_CELLS: rule(
    413,
    "refused",
    false,
    "This write has too many cells. Split it; the answer to `open` gives the limit.",
  ),
  NEEDS_SPLIT: rule(
    413,
    "refused",
    false,
    "This setAll is larger than one page or the write limit. Pass { split: true } to send it in several steps.",
  ),
  TOO_MANY_PAGES: rule(429, "refused", false, "This connection watches too many pages. Unwatch some first."),
  PAYLOAD_TOO_LARGE: rule(413, "refused", false, "The message is larger than this server accepts."),
  RATE_LIMITED: rule(429, "refused", true, "You are too fast. Wait a moment, then continue."),
  TOO_MANY_CONNECTIONS: rule(
    429,
    "refused",
    true,
    "This address has too many connections. Close some, then try again.",
  ),
  TOO_MANY_ERRORS: rule(429, "refused", true, "This connection was closed because it sent too many bad requests."),
  TOO_SLOW: rule(429, "refused", true, "This connection was closed because the client did not read what it was sent."),
  GOING_AWAY: rule(503, "refused", true, "This instance is shutting down. Another one will take over."),
  BUSY: rule(503, "refused", true, "The instance has too much work queued. Wait a moment, then try again."),
  STORE_AWAY: rule(503, "refused", true, "The store does not answer. Nothing was changed; try again in a moment."),
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
    "The change was made, but is not yet as safe as this board requires. Send the same write again.",
  ),
  KEYS_AWAY: rule(503, "refused", true, "The keys that verify tokens are unavailable. Try again in a moment."),
  UNDECIDED: rule(503, "refused", true, "The app could not decide whether you may do this. Try again in a moment."),
  INTERNAL: rule(500, "unknown", true, "The instance failed on this request. Send it again."),
  // Only the client library uses these.
  OUTBOX_FULL: rule(
    503,
    "refused",
    true,
    "Too many of your changes are waiting to be sent. Wait until some have been sent.",
  ),
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
    "The app could not provide a token. The client asks for one again at its next attempt.",
  ),
  EXPIRED: rule(
    503,
    "unknown",
    false,
    "The change could not be delivered for too long and was given up. Check the board before you make it again.",
  ),
  CLOSED: rule(503, "unknown", false, "The client was closed before the change was acknowledged."),
} as const satisfies Record<string, ErrorRule>;

function rule(http: number, outcome: ErrorRule["outcome"], retry: boolean, message: string): ErrorRule {
  return { http, outcome, retry, message };
}

export type ErrorCode = keyof typeof ERRORS;

/** An error on the wire. */
export interface ErrorBody {
  readonly code: ErrorCode;
  readonly message: string;
  readonly retryAfterMs?: number;
  /** The cells of the request that it concerns; without it, it concerns the whole request. */
  readonly cells?: readonly number[];
}

/** An error that is reported to the peer by its code. */
export class Refusal extends Error {
  readonly code: ErrorCode;
  readonly retryAfterMs: number | undefined;
  /** As in ErrorBody; at most as many as one write may have. */
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

/** INTERNAL for an error that is not a Refusal. */
export function refusalOf(error: unknown): Refusal {
  return error instanceof Refusal ? error : new Refusal("INTERNAL", { cause: error });
}

export function isErrorCode(code: unknown): code is ErrorCode {
  return typeof code === "string" && Object.hasOwn(ERRORS, code);
}

/** Reads an error from the server; a code that this client does not know is INTERNAL. */
export function refusalFrom(body: unknown): Refusal {
  if (typeof body !== "object" || body === null || !("code" in body) || !isErrorCode(body.code)) {
    return new Refusal("INTERNAL");
  }
  const retryAfterMs = "retryAfterMs" in body && typeof body.retryAfterMs === "number" ? body.retryAfterMs : undefined;
  const cells = "cells" in body && Array.isArray(body.cells) ? body.cells.filter(Number.isSafeInteger) : undefined;
  return new Refusal(body.code, { retryAfterMs, cells });
}
