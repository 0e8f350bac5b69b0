/*
 * Every error that is sent to a peer: the HTTP status of the answer, and the message. The file
 * refusal.ts has the rules, and the messages of the errors that clients detect without a server.
 * Servers import refusals from here, so that each has its message.
 */

import { addMessages, type ErrorCode } from "./refusal.js";

export { type ErrorBody, type ErrorCode, Refusal, refusalOf } from "./refusal.js";

interface Answer {
  readonly http: number;
  /** Undefined if refusal.ts has it. */
  readonly message?: string;
}

export const ANSWERS: Readonly<Record<ErrorCode, Answer>> = {
  BAD_REQUEST: { http: 400, message: "The request is malformed. See PROTOCOL.md for the format." },
  UNSUPPORTED_PROTOCOL: {
    http: 400,
    message:
      "This instance does not support the client's protocol version. Reload the app, or update the client library.",
  },
  UNKNOWN_BOARD: { http: 404 },
  NOT_FOUND: { http: 404, message: "There is nothing at this address. Check the URL." },
  CELL_OUT_OF_RANGE: { http: 400 },
  PAGE_OUT_OF_RANGE: {
    http: 404,
    message: "The board has no such page. GET /boards/:board gives the number of pages.",
  },
  UNKNOWN_POSITION: {
    http: 410,
    message: "The store does not know the page at this position. Read the page, and continue from its ETag.",
  },
  BOARD_TOO_LARGE: {
    http: 413,
    message: "This board is too large for one response. Read its pages at /boards/:board/pages/:page.",
  },
  UNAUTHORIZED: { http: 401, message: "A valid token is required: none was sent, or the one sent was not accepted." },
  TOKEN_EXPIRED: { http: 401, message: "Your token has expired. Sign in again to continue." },
  FORBIDDEN: { http: 403, message: "You are not allowed to do this on this board. Ask the operator for permission." },
  ORIGIN_REFUSED: {
    http: 403,
    message:
      "This website's origin is not allowed to use these boards. Ask the operator to add it to the ORIGINS option.",
  },
  FROZEN: { http: 423, message: "This part of the board is frozen. Nobody can change it right now." },
  PARTLY_FROZEN: { http: 423, message: "Some of these checkboxes are frozen. The others were changed." },
  TAKEN: { http: 409, message: "Already taken by somebody else. Choose a free checkbox." },
  PARTLY_TAKEN: { http: 409, message: "Somebody else has some of these checkboxes. The others were changed." },
  TOO_MANY_REGIONS: { http: 409, message: "The page would have too many frozen regions. Freeze fewer, larger ones." },
  NOT_OPEN: { http: 409, message: "This connection has not opened the board. Send `open` first." },
  SESSION_CHANGED: {
    http: 409,
    message: "A connection can use only one session per board. Reconnect to use another one.",
  },
  STALE_WRITE: { http: 409, message: "This change arrived long after later ones and was dropped. Make it again." },
  TOO_MANY_CELLS: {
    http: 413,
    message: "This write has too many cells. Split it; the answer to `open` gives the limit.",
  },
  NEEDS_SPLIT: { http: 413 },
  TOO_MANY_PAGES: { http: 429, message: "This connection watches too many pages. Unwatch some first." },
  PAYLOAD_TOO_LARGE: { http: 413, message: "The message is larger than this instance accepts. Send less at once." },
  RATE_LIMITED: { http: 429, message: "Too many requests. Wait a moment, then try again." },
  TOO_MANY_CONNECTIONS: {
    http: 429,
    message: "This address has too many connections, or opens them too fast. Close some, or wait, then try again.",
  },
  TOO_MANY_ERRORS: {
    http: 429,
    message:
      "This connection was closed because too many of the client's requests were invalid or came too fast. Correct the client, then reconnect.",
  },
  TOO_SLOW: { http: 429, message: "This connection was closed because the client read too slowly. Reconnect." },
  GOING_AWAY: { http: 503, message: "This instance is shutting down. The client reconnects automatically." },
  BUSY: { http: 503, message: "The instance has too much work queued. Wait a moment, then try again." },
  STORE_AWAY: { http: 503, message: "The store is unavailable. Nothing was changed; try again in a moment." },
  PAGE_DAMAGED: {
    http: 500,
    message: "This part of the board is damaged. Nothing was changed; ask the operator to restore it.",
  },
  OUTCOME_UNKNOWN: { http: 503, message: "The store did not answer in time. Send the same write again." },
  NOT_CONFIRMED: {
    http: 503,
    message: "The change was made, but is not yet stored as safely as this board requires. Send it again.",
  },
  KEYS_AWAY: { http: 503, message: "The keys that verify tokens are unavailable. Try again in a moment." },
  UNDECIDED: { http: 503, message: "The instance could not decide whether you may do this. Try again in a moment." },
  INTERNAL: { http: 500 },
  OUTBOX_FULL: { http: 503 },
  UNREACHABLE: { http: 503 },
  NO_TOKEN: { http: 503 },
  EXPIRED: { http: 503 },
  CLOSED: { http: 503 },
};

for (const [code, { message }] of Object.entries(ANSWERS)) if (message) addMessages({ [code]: message });
