/* A visitor who connects or sends an HTTP request, in the form that the host app's hook gets. */

import type { IncomingMessage } from "node:http";
import { parseCookie } from "cookie";

/** A visitor who opens a socket or sends an HTTP request, as `authorise` sees them. */
export interface Caller {
  /** Whether the visitor opens a live connection of any kind, or sends an HTTP request. */
  readonly via: "socket" | "http";
  /**
   * The token from the handshake's `auth` or from `Authorization: Bearer`. It has been verified if
   * JWT keys are set; otherwise verify it yourself.
   */
  readonly token: string | undefined;
  /** The handshake's whole `auth` object; empty over HTTP. */
  readonly auth: Readonly<Record<string, unknown>>;
  /**
   * The HTTP request, or the one that opened the socket, with everything that your middleware set.
   */
  readonly request: IncomingMessage;
  /** The cookies of that request, by name. */
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
