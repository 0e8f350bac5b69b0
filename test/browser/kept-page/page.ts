/* A page with a client that keeps its changes. The test drives it through `kept`. */

import { type Client, connect, type EarlierChanges } from "../../../src/client/index.js";
import { keepChanges } from "../../../src/client/kept-changes.js";

const user = new URLSearchParams(location.search).get("user") ?? "";
const client: Client = connect(location.origin, { keep: keepChanges(user) });
const board = client.board("main");

export interface Kept {
  /** Checks or unchecks these cells, without waiting for an answer. */
  set(start: number, end: number, value: boolean): void;
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
  get pending() {
    return board.pending;
  },
  earlier,
};
