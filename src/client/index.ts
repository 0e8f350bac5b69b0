/* The client library of the package: `socketscaler/client`. */

import { toBase64url } from "../protocol/base64url.js";
import type { ConnectOptions } from "./api/connect-options.js";
import { type Client, LiveClient } from "./client.js";
import { Connection } from "./connection/connection.js";
import { visitorId } from "./connection/visitor-id.js";
import { clientClock } from "./timing/elapsed-clock.js";

export type { SetAllOptions } from "../board/steps.js";
export type { ErrorBody, ErrorCode } from "../protocol/refusal.js";
export { Refusal } from "../protocol/refusal.js";
export type {
  Abortable,
  Board,
  BoardEvents,
  BoardStatus,
  CellChange,
  CellRange,
  Overview,
  RefusedChange,
  Right,
  Watch,
  WatchOptions,
} from "./api/board.js";
export type { ChangeKeeper, ConnectOptions, EarlierChanges, GetToken } from "./api/connect-options.js";
export type { ConnectionState } from "./api/connection-state.js";
export type { Client, ClientEvents } from "./client.js";

/**
 * Connects to one of the instances at `urls`, and to the next if that connection is lost. The path
 * of a URL is the prefix under which the instance is mounted.
 *
 *     const board = connect("http://localhost:8000").board("main");
 *     const watch = board.watch({ start: 0, end: 100 });
 *     await watch.ready;
 *     board.on("change", (changes) => console.log(changes));
 *     await board.set(7, true);
 */
export function connect(urls: string | readonly string[], options: ConnectOptions = {}): Client {
  const visitor = options.remember ? visitorId(drawId) : undefined;
  const all = typeof urls === "string" ? [urls] : urls;
  return new LiveClient({
    open: (listener) => new Connection(all, clientClock, listener, { ...options, visitor, onOnline }),
    clock: clientClock,
    newSession: drawId,
    visitor,
    keep: options.keep,
  });
}

function drawId(): string {
  return toBase64url(crypto.getRandomValues(new Uint8Array(16)));
}

/** Browsers report that the network is back. Node does not. */
function onOnline(online: () => void): () => void {
  globalThis.addEventListener?.("online", online);
  return () => globalThis.removeEventListener?.("online", online);
}
