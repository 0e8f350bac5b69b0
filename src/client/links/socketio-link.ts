/*
 * A link over Socket.IO, for networks that pass no WebSocket and for instances without a lane. The
 * only file of the client that imports socket.io-client. It is loaded when it is needed.
 *
 * WebSocket comes first. Some networks let a WebSocket connect and pass nothing. So after an
 * attempt that hangs, links begin with long-polling.
 */

import { io, type Socket } from "socket.io-client";
import { decodeDelta } from "../../protocol/delta-text.js";
import type { ClientToServer, ServerToClient } from "../../protocol/events.js";
import { fromBase64url } from "../../protocol/from-base64url.js";
import { isErrorCode, Refusal, refusalFrom } from "../../protocol/refusal.js";
import { BOARDS_NAMESPACE, PROTOCOL_VERSION } from "../../protocol/version.js";
import { below } from "./endpoints.js";
import { type Link, type LinkOptions, webSocketBytes } from "./link.js";

interface SocketIoOptions extends LinkOptions {
  /** Begin with long-polling. */
  readonly polls: boolean;
  /** The path of Engine.IO, below the URL's. */
  readonly path: string;
}

const UNREADABLE = new Uint8Array();
/** The Engine.IO and Socket.IO types, namespace, event and quotes around a delta's text. */
const AROUND_DELTA_BYTES = '42/boards,["delta",""]'.length;
/** The event with a placeholder, in a WebSocket frame of its own. */
const AROUND_SNAPSHOT_BYTES = '451-/boards,["snapshot",{"_placeholder":true,"num":0}]'.length + 2;

export function openSocketIo(options: SocketIoOptions): Link {
  const { url, path, listener, getToken, visitor, polls } = options;
  const known = visitor === undefined ? {} : { visitor };
  const socket: Socket<ServerToClient, ClientToServer> = io(new URL(BOARDS_NAMESPACE, url).href, {
    path: below(url, path).pathname,
    forceNew: true,
    reconnection: false,
    transports: polls ? ["polling", "websocket"] : ["websocket", "polling"],
    tryAllTransports: true,
    ...(!getToken && { auth: known }),
    ...(getToken && {
      auth: (give) => {
        getToken().then((token) => {
          give(token === undefined ? known : { ...known, token });
          listener.asked();
        }, listener.over);
      },
    }),
  });
  let goodbye: Refusal | undefined;
  socket.io.on("open", () => {
    listener.through();
    if (!getToken) listener.asked();
  });
  socket.on("connect", () => {
    listener.opened();
    listener.up();
  });
  socket.on("connect_error", (error) => listener.over(refusalIn(error) ?? unreachable(error)));
  socket.on("disconnect", () => listener.over(goodbye));
  socket.on("delta", (text) => {
    listener.received?.(webSocketBytes(text.length + AROUND_DELTA_BYTES));
    listener.delta(decodeDelta(text));
  });
  socket.on("snapshot", (frame) => {
    const bytes = new Uint8Array(frame);
    listener.received?.(webSocketBytes(bytes.length) + AROUND_SNAPSHOT_BYTES);
    listener.snapshot(bytes);
  });
  socket.on("overview", (frame) => listener.overview(new Uint8Array(frame)));
  socket.on("counts", (text) => listener.counts(fromBase64url(text) ?? UNREADABLE));
  socket.on("looking", listener.looking);
  socket.on("frozen", listener.frozen);
  socket.on("resized", listener.resized);
  socket.on("mine", listener.mine);
  socket.on("notice", (notice) => {
    if (notice.kind === "goodbye") goodbye = refusalFrom(notice.error);
    listener.notice(notice);
  });
  // The compiler cannot follow from a name to the types of its request and reply.
  const untyped: Socket = socket;
  return {
    protocol: PROTOCOL_VERSION,
    request: (name, request, answer) => untyped.emit(name, request, answer),
    close: () => socket.disconnect(),
    get isWebSocket() {
      return socket.io.engine.transport.name === "websocket";
    },
  };
}

/** An attempt that failed below Socket.IO. Only long-polling knows the answer. */
function unreachable(error: Error): Refusal {
  const refusal = "context" in error && refusalInText(Object(error.context).responseText);
  if (refusal) return refusal;
  const status = "description" in error && typeof error.description === "number" ? error.description : 0;
  return new Refusal("UNREACHABLE", { cause: error, ...(status > 0 && { detail: `HTTP ${status}` }) });
}

function refusalInText(text: unknown): Refusal | undefined {
  try {
    const { error } = JSON.parse(String(text));
    return isErrorCode(error.code) ? refusalFrom(error) : undefined;
  } catch {
    // Something other than an instance answers.
    return undefined;
  }
}

function refusalIn(error: Error): Refusal | undefined {
  return "data" in error && error.data !== undefined ? refusalFrom(error.data) : undefined;
}
