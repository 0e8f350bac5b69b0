/* A visitor who connects or sends an HTTP request, as the host app's hook sees them. */

import type { IncomingMessage } from "node:http";
import { parseCookie } from "cookie";

export interface Caller {
  readonly via: "socket" | "http";
  /**
   * The token of the handshake's `auth` or of `Authorization: Bearer`. If JWT keys are set, it has
   * been verified; if not, verify it yourself.
   */
  readonly token: string | undefined;
  /** All of the handshake's `auth`; empty over HTTP. */
  readonly auth: Readonly<Record<string, unknown>>;
  /** The HTTP request, or the one that opened the socket. It has what your middleware set on it. */
  readonly request: IncomingMessage;
  readonly cookies: Readonly<Record<string, string | undefined>>;
}

export function callerOf(
  via: Caller["via"],
  request: IncomingMessage,
  token: string | undefined,
  auth: Caller["auth"] = {},
): Caller {
  return {
    via,
    token,
    auth,
    request,
    get cookies() {
      return parseCookie(request.headers.cookie ?? "");
    },
  };
}
