/* The client library of the package: `socketscaler/client`. */

import { toBase64url } from "../protocol/base64url.js";
import { realClock } from "../protocol/clock.js";
import { Client } from "./client.js";
import { Connection, type GetToken } from "./connection.js";

export type { SetAllOptions } from "../board/steps.js";
export type { ErrorBody, ErrorCode } from "../protocol/errors.js";
export { Refusal } from "../protocol/errors.js";
export type { Board } from "./board.js";
export type { BoardEvents, BoardStatus, CellChange, CellRange, RefusedChange, Right, Watch } from "./board-events.js";
export type { GetToken } from "./connection.js";
export interface ConnectOptions {
  /** For boards that need a token: a function, as it is asked for a fresh one whenever a connection is made. */
  readonly token?: GetToken;
  /** Where the app has its Engine.IO, if not at `/socket.io`: as in `new Server(http, { path })`. It follows the path of the URL. */
  readonly path?: string;
}

export type { Client, ClientEvents, ConnectionState } from "./client.js";
export type { Overview } from "./overview.js";

/**
 * Connects to one of the instances at `urls`, and to the next whenever that one is lost. The path of a URL is the prefix below
 * which the instance is.
 *
 *     const board = connect("http://localhost:8000").board("main");
 *     const watch = board.watch({ start: 0, end: 100 });
 *     await watch.ready;
 *     board.on("change", (changes) => console.log(changes));
 *     await board.set(7, true);
 */
export function connect(urls: string | readonly string[], options: ConnectOptions = {}): Client {
  const all = typeof urls === "string" ? [urls] : urls;
  return new Client({
    open: (listener) => new Connection(all, realClock, listener, { ...options, onOnline }),
    clock: realClock,
    newSession: () => toBase64url(crypto.getRandomValues(new Uint8Array(16))),
  });
}

/** In a browser: its network is there again. */
function onOnline(online: () => void): () => void {
  const {
    addEventListener,
    removeEventListener,
  }: Partial<Pick<EventTarget, "addEventListener" | "removeEventListener">> = globalThis;
  addEventListener?.call(globalThis, "online", online);
  return () => removeEventListener?.call(globalThis, "online", online);
}
