/* A page with a client that keeps its changes. The test drives it through `kept`. */

import { type Client, connect, type EarlierChanges } from "../../../src/client/index.js";
import { keepChanges } from "../../../src/client/kept-changes.js";

let isDeaf = false;

/** A WebSocket that can lose what it receives. */
class LossySocket extends WebSocket {
  constructor(url: string | URL, protocols?: string | string[]) {
    super(url, protocols);
    this.addEventListener("message", (event) => isDeaf && event.stopImmediatePropagation());
  }
}
window.WebSocket = LossySocket;

const user = new URLSearchParams(location.search).get("user") ?? "";
const client: Client = connect(location.origin, { keep: keepChanges(user) });
const board = client.board("main");

export interface Kept {
  /** Checks or unchecks these cells, without waiting for an answer. */
  set(start: number, end: number, value: boolean): void;
  /** The page receives nothing more, so it does not know which of its writes arrive. Returns `pending`. */
  deafen(): number;
  readonly pending: number;
  /** The last report on each outbox that was delivered for an earlier page. */
  readonly earlier: readonly EarlierChanges[];
}

const earlier: EarlierChanges[] = [];
client.on("earlier", (changes) => earlier.push(changes));

declare global {
  interface Window {
    kept: Kept;
  }
}

window.kept = {
  set: (start, end, value) => {
    for (let cell = start; cell < end; cell++) board.set(cell, value).catch(() => undefined);
  },
  deafen: () => {
    isDeaf = true;
    return board.pending;
  },
  get pending() {
    return board.pending;
  },
  earlier,
};
