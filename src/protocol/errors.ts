/*
 * Every error that is sent to a peer, in one table. Programs read the code, which is stable; the
 * message is for users. `retry` means that the same request may succeed later. `outcome` says
 * whether a failed write took effect:
 *
 *     refused   it did not, and never will
 *     unknown   it may have; sending the same (session, seq) again is safe and settles it
 */

interface ErrorRule {
  /** The HTTP status of the answer. */
  readonly http: number;
  readonly outcome: "refused" | "unknown";
  readonly retry: boolean;
  readonly message: string;
}

export const ERRORS = {
  BAD_REQUEST: refused(400, "The request is malformed. See PROTOCOL.md for the format."),
  UNSUPPORTED_PROTOCOL: refused(400, "This server does not support this protocol version. Reload to update."),
  UNKNOWN_BOARD: refused(404, "There is no board with that name. Check the name."),
  NOT_FOUND: refused(404, "There is nothing at this address."),
  CELL_OUT_OF_RANGE: refused(400, "The board has no such checkbox. Numbers run from 0 to size - 1."),
  PAGE_OUT_OF_RANGE: refused(404, "The board has no such page. GET /boards/:board gives the number of pages."),
  BOARD_TOO_LARGE: refused(
    413,
    "This board is too large for one response. Read its pages at /boards/:board/pages/:page.",
  ),
  UNAUTHORIZED: refused(401, "A valid token is required: none was sent, or the one sent was not accepted."),
  TOKEN_EXPIRED: refused(401, "Your token has expired. Sign in again to continue."),
  FORBIDDEN: refused(403, "You are not allowed to do this on this board."),
  FROZEN: refused(423, "These checkboxes are frozen. Nobody can change them now."),
  PARTLY_FROZEN: unknown(423, false, "Some of these checkboxes are frozen. The others were changed."),
  TOO_MANY_REGIONS: unknown(409, false, "The page would have too many frozen regions. Freeze fewer, larger ones."),
  NOT_OPEN: refused(409, "This connection has not opened the board. Send `open` first."),
  SESSION_CHANGED: refused(409, "A connection can use only one session per board. Reconnect to use another one."),
  STALE_WRITE: refused(409, "This change arrived long after later ones and was dropped. Make it again."),
  TOO_MANY_CELLS: refused(413, "This write has too many cells. Split it; the answer to `open` gives the limit."),
  NEEDS_SPLIT: refused(
    413,
    "This setAll exceeds one page or the write limit. Pass { split: true } to send it in steps.",
  ),
  TOO_MANY_PAGES: refused(429, "This connection watches too many pages. Unwatch some first."),
  PAYLOAD_TOO_LARGE: refused(413, "The message is larger than this server accepts. Send less at once."),
  RATE_LIMITED: later(429, "Too many requests. Wait a moment, then try again."),
  TOO_MANY_CONNECTIONS: later(429, "This address has too many connections. Close some, then try again."),
  TOO_MANY_ERRORS: later(
    429,
    "This connection was closed because it sent too many bad requests. Correct them, then reconnect.",
  ),
  TOO_SLOW: later(429, "This connection was closed because the client read too slowly. Reconnect."),
  GOING_AWAY: later(503, "This instance is shutting down. The client reconnects automatically."),
  BUSY: later(503, "The instance has too much work queued. Wait a moment, then try again."),
  STORE_AWAY: later(503, "The store is unavailable. Nothing was changed; try again in a moment."),
  PAGE_DAMAGED: later(500, "This part of the board is damaged. Nothing was changed; ask the operator to restore it."),
  OUTCOME_UNKNOWN: unknown(503, true, "The store did not answer in time. Send the same write again."),
  NOT_CONFIRMED: unknown(
    503,
    true,
    "The change was made, but is not yet stored as safely as this board requires. Send it again.",
  ),
  KEYS_AWAY: later(503, "The keys that verify tokens are unavailable. Try again in a moment."),
  UNDECIDED: later(503, "The app could not decide whether you may do this. Try again in a moment."),
  INTERNAL: unknown(500, true, "The instance failed to handle this request. Send it again."),
  // Only the client library uses these.
  OUTBOX_FULL: later(503, "Too many of your changes are waiting to be sent. Wait until some have been sent."),
  UNREACHABLE: later(503, "No instance answers at this address. Check the address and path; the client keeps trying."),
  NO_TOKEN: later(503, "The app could not provide a token. The client asks again when it next tries to connect."),
  EXPIRED: unknown(
    503,
    false,
    "The change could not be delivered in time. Check the board before you make the change again.",
  ),
  CLOSED: unknown(
    503,
    false,
    "The client was closed before the change was acknowledged. Check the board before you make the change again.",
  ),
} as const satisfies Record<string, ErrorRule>;

function refused(http: number, message: string): ErrorRule {
  return { http, outcome: "refused", retry: false, message };
}

function later(http: number, message: string): ErrorRule {
  return { http, outcome: "refused", retry: true, message };
}

function unknown(http: number, retry: boolean, message: string): ErrorRule {
  return { http, outcome: "unknown", retry, message };
}

export type ErrorCode = keyof typeof ERRORS;

/** An error on the wire. */
export interface ErrorBody {
  readonly code: ErrorCode;
  readonly message: string;
  readonly retryAfterMs?: number;
  /** The cells of the request that failed. Absent if the whole request failed. */
  readonly cells?: readonly number[];
}

/** An error that is reported to the peer by its code. */
export class Refusal extends Error {
  readonly code: ErrorCode;
  readonly retryAfterMs: number | undefined;
  /** As in ErrorBody; at most as many as one write can have. */
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
    const { message } = ERRORS[code];
    const text = options.detail ? withDetail(message, options.detail) : message;
    super(text, options.cause === undefined ? {} : { cause: options.cause });
    this.name = "Refusal";
    this.code = code;
    this.retryAfterMs = options.retryAfterMs;
    this.cells = options.cells;
  }

  get rule(): ErrorRule {
    return ERRORS[this.code];
  }

  /** Milliseconds to wait before sending the request again. */
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

/** Adds the detail to the first sentence. The others say what to do. */
function withDetail(message: string, detail: string): string {
  return message.replace(/\.(?= |$)/, () => ` (${detail}).`);
}

/** Wraps an error that is not a Refusal in INTERNAL. */
export function refusalOf(error: unknown): Refusal {
  return error instanceof Refusal ? error : new Refusal("INTERNAL", { cause: error });
}

export function isErrorCode(code: unknown): code is ErrorCode {
  return typeof code === "string" && Object.hasOwn(ERRORS, code);
}

/** Reads an error from the server. A code that this client does not know becomes INTERNAL. */
export function refusalFrom(body: unknown): Refusal {
  if (typeof body !== "object" || body === null || !("code" in body) || !isErrorCode(body.code)) {
    return new Refusal("INTERNAL");
  }
  const retryAfterMs = "retryAfterMs" in body && typeof body.retryAfterMs === "number" ? body.retryAfterMs : undefined;
  const cells = "cells" in body && Array.isArray(body.cells) ? body.cells.filter(Number.isSafeInteger) : undefined;
  return new Refusal(body.code, { retryAfterMs, cells });
}
