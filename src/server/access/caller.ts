/* Someone who connects or asks over HTTP, as the app's hook sees them. */

import type { IncomingMessage } from "node:http";
import { parseCookie } from "cookie";

export interface Caller {
  readonly via: "socket" | "http";
  /** The token of the handshake's `auth`, or of `Authorization: Bearer`. Checked already where JWT keys are set; else it is yours to check. */
  readonly token: string | undefined;
  /** All of the handshake's `auth`; empty over HTTP. */
  readonly auth: Readonly<Record<string, unknown>>;
  /** The request that came, or that began the socket: its headers, and `session`, where your middleware puts it there. */
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
