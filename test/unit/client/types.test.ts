/* What the compiler takes from users of the library: their mistakes are errors, and they see no internals. */

import { test } from "node:test";
import type { Board, Client, Watch } from "../../../src/client/index.js";

/** Never called: the compiler reads it. */
function check(client: Client, board: Board, watch: Watch): void {
  client.close();
  client[Symbol.dispose]();
  board[Symbol.dispose]();
  watch[Symbol.dispose]();
  void board.set(1, true, { signal: AbortSignal.timeout(1_000) });
  // @ts-expect-error The client calls it.
  board.connected();
  // @ts-expect-error The client calls it.
  board.disconnected();
  // @ts-expect-error The client calls it.
  board.receive;
  // @ts-expect-error The client calls it.
  board.receiveFrozen;
  // @ts-expect-error The client calls it.
  board.end;
  // @ts-expect-error Of the protocol.
  board.handle;
  // @ts-expect-error For the bench.
  board.replicaOf;
  // @ts-expect-error The client's own.
  board.overviews;
  // @ts-expect-error A watch has no pages to release.
  watch.held;
  // @ts-expect-error There is no such event.
  board.on("changes", () => undefined);
  // @ts-expect-error A cell is checked or not.
  void board.set(1, 1);
}

test("the public types of the client library show no internal method", () => void check);
