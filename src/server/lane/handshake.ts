/* The answer to the handshake of a WebSocket (RFC 6455, section 4.2). */

import { createHash } from "node:crypto";
import type { IncomingMessage } from "node:http";

/** Both are fixed by the RFC. */
const GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
const VERSION = "13";
/** Tells a client of another version, with the refusal, which one is spoken here. */
export const VERSION_LINE = `Sec-WebSocket-Version: ${VERSION}`;
/** 16 bytes in base64. */
const KEY = /^[+/0-9A-Za-z]{22}==$/;

/**
 * The head of the answer that accepts the handshake, with these further lines. Undefined if it is
 * not valid. The subprotocol is confirmed if the client offers it.
 */
export function acceptHandshake(
  { method, headers }: IncomingMessage,
  subprotocol: string,
  lines: readonly string[],
): string | undefined {
  if (method !== "GET" || headers.upgrade?.toLowerCase() !== "websocket") return undefined;
  const key = headers["sec-websocket-key"];
  if (headers["sec-websocket-version"] !== VERSION || !key || !KEY.test(key)) return undefined;
  const offered = headers["sec-websocket-protocol"]?.split(",").map((name) => name.trim()) ?? [];
  const all = [
    "HTTP/1.1 101 Switching Protocols",
    "Upgrade: websocket",
    "Connection: Upgrade",
    `Sec-WebSocket-Accept: ${createHash("sha1").update(`${key}${GUID}`).digest("base64")}`,
    ...(offered.includes(subprotocol) ? [`Sec-WebSocket-Protocol: ${subprotocol}`] : []),
    ...lines,
  ];
  return `${all.join("\r\n")}\r\n\r\n`;
}
