/*
 * Refusals: errors that are reported by their code. Programs read the code, which is stable; the
 * message is for users. Each code has a rule for clients. `retry` means that the same request may
 * succeed later. `outcome` says whether a failed write took effect:
 *
 *     refused   it did not, and never will
 *     unknown   it may have; sending the same (session, seq) again is safe and settles it
 *
 * Clients load this file. errors.ts has what only servers need, and servers import that.
 */

interface ErrorRule {
  readonly outcome: "refused" | "unknown";
  readonly retry: boolean;
}

const REFUSED: ErrorRule = { outcome: "refused", retry: false };
const LATER: ErrorRule = { outcome: "refused", retry: true };
const UNKNOWN: ErrorRule = { outcome: "unknown", retry: false };
const UNKNOWN_YET: ErrorRule = { outcome: "unknown", retry: true };

export const RULES = {
  BAD_REQUEST: REFUSED,
  UNSUPPORTED_PROTOCOL: REFUSED,
  UNKNOWN_BOARD: REFUSED,
  NOT_FOUND: REFUSED,
  CELL_OUT_OF_RANGE: REFUSED,
  PAGE_OUT_OF_RANGE: REFUSED,
  UNKNOWN_POSITION: REFUSED,
  BOARD_TOO_LARGE: REFUSED,
  UNAUTHORIZED: REFUSED,
  TOKEN_EXPIRED: REFUSED,
  FORBIDDEN: REFUSED,
  ORIGIN_REFUSED: REFUSED,
  FROZEN: REFUSED,
  PARTLY_FROZEN: UNKNOWN,
  TAKEN: REFUSED,
  PARTLY_TAKEN: UNKNOWN,
  TOO_MANY_REGIONS: UNKNOWN,
  NOT_OPEN: REFUSED,
  SESSION_CHANGED: REFUSED,
  STALE_WRITE: REFUSED,
  TOO_MANY_CELLS: REFUSED,
  NEEDS_SPLIT: REFUSED,
  TOO_MANY_PAGES: REFUSED,
  PAYLOAD_TOO_LARGE: REFUSED,
  RATE_LIMITED: LATER,
  TOO_MANY_CONNECTIONS: LATER,
  TOO_MANY_ERRORS: LATER,
  TOO_SLOW: LATER,
  GOING_AWAY: LATER,
  BUSY: LATER,
  STORE_AWAY: LATER,
  PAGE_DAMAGED: LATER,
  OUTCOME_UNKNOWN: UNKNOWN_YET,
  NOT_CONFIRMED: UNKNOWN_YET,
  KEYS_AWAY: LATER,
  UNDECIDED: LATER,
  INTERNAL: UNKNOWN_YET,
  // Only the client library uses these.
  OUTBOX_FULL: LATER,
  UNREACHABLE: LATER,
  NO_TOKEN: LATER,
  EXPIRED: UNKNOWN,
  CLOSED: UNKNOWN,
} satisfies Record<string, ErrorRule>;

/** A stable name of an error. PROTOCOL.md and docs/troubleshoot.md list what each one means. */
export type ErrorCode = keyof typeof RULES;

/** Of the errors that a client detects itself. A server sends a message with each of its own. */
const messages: Partial<Record<ErrorCode, string>> = {
  UNKNOWN_BOARD: "There is no board with that name. Check the name.",
  CELL_OUT_OF_RANGE: "The board has no such checkbox. Numbers run from 0 to size - 1.",
  NEEDS_SPLIT: "This setAll exceeds one page or the write limit. Pass { split: true } to send it in steps.",
  INTERNAL: "The instance failed to handle this request. Send it again.",
  OUTBOX_FULL: "Too many of your changes are waiting to be sent. Wait until some have been sent.",
  UNREACHABLE: "No instance answers at this address. Check the address and path; the client keeps trying.",
  NO_TOKEN: "The app could not provide a token. The client asks again when it next tries to connect.",
  EXPIRED: "The change could not be delivered in time. Check the board before you make the change again.",
  CLOSED: "The client was closed before the change was acknowledged. Check the board before you make the change again.",
};

/** For programs that report other errors too. */
export function addMessages(others: Partial<Record<ErrorCode, string>>): void {
  Object.assign(messages, others);
}

/** An error on the wire. */
export interface ErrorBody {
  /** The code is for programs. */
  readonly code: ErrorCode;
  /** A sentence for users. It may change in any release. */
  readonly message: string;
  /** Milliseconds to wait before the next attempt. */
  readonly retryAfterMs?: number;
  /** The cells of the request that failed. Absent if the whole request failed. */
  readonly cells?: readonly number[];
}

interface RefusalOptions {
  /** In place of the message of the code. */
  readonly message?: string | undefined;
  /** A few words on this case, added to the message's first sentence. */
  readonly detail?: string;
  readonly retryAfterMs?: number | undefined;
  readonly cells?: readonly number[] | undefined;
  readonly board?: string | undefined;
  readonly cause?: unknown;
}

/** An error that is reported to the peer by its code. */
export class Refusal extends Error {
  /** The code is for programs. The message is for users. */
  readonly code: ErrorCode;
  /** Milliseconds to wait before the next attempt. Undefined if the peer gave none. */
  readonly retryAfterMs: number | undefined;
  /**
   * The cells that were refused, at most as many as one write can have. Undefined if the refusal is
   * not about cells.
   */
  readonly cells: readonly number[] | undefined;
  /** Name of the board. Undefined if the refusal is not about one, and over HTTP. */
  readonly board: string | undefined;

  constructor(code: ErrorCode, { detail, retryAfterMs, cells, board, cause, ...options }: RefusalOptions = {}) {
    const message = options.message || messages[code] || `The instance answered with the error ${code}.`;
    const text = detail ? withDetail(message, detail) : message;
    super(text, cause === undefined ? {} : { cause });
    this.name = "Refusal";
    this.code = code;
    this.retryAfterMs = retryAfterMs;
    this.cells = cells;
    this.board = board;
  }

  /** Whether the request may have taken effect, and whether to send it again. */
  get rule(): ErrorRule {
    return RULES[this.code];
  }

  /** Milliseconds to wait before sending the request again. */
  get pauseMs(): number {
    return this.retryAfterMs ?? 500;
  }

  /** The same refusal, which names a board and cells. */
  about(board: string, cells = this.cells): Refusal {
    const { code, message, retryAfterMs, cause } = this;
    return new Refusal(code, { message, retryAfterMs, cause, cells, board });
  }

  /** The refusal as it is sent: without its stack, board and cause. */
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

/** Reads an error from the server. A code that this client does not know becomes INTERNAL. */
export function refusalFrom(body: unknown): Refusal {
  const { code, message, retryAfterMs, cells }: Partial<Record<keyof ErrorBody, unknown>> = Object(body);
  return new Refusal(isErrorCode(code) ? code : "INTERNAL", {
    message: typeof message === "string" ? message : undefined,
    retryAfterMs: typeof retryAfterMs === "number" ? retryAfterMs : undefined,
    cells: Array.isArray(cells) ? cells.filter(Number.isSafeInteger) : undefined,
  });
}

export function isErrorCode(code: unknown): code is ErrorCode {
  return typeof code === "string" && Object.hasOwn(RULES, code);
}
