/* Clients for tests: the real library, with what tests ask again and again. */

import assert from "node:assert/strict";
import { type Board, type Client, type ConnectOptions, connect } from "../../src/client/index.js";
import { until } from "./until.js";

export interface TestClient {
  readonly client: Client;
  readonly board: Board;
  close(): void;
}

/** A client that watches the whole of `name`, once it is live. */
export async function watchBoard(
  urls: string | readonly string[],
  name = "main",
  options?: ConnectOptions,
): Promise<TestClient> {
  const client = connect(urls, options);
  const board = client.board(name);
  await board.ready;
  await board.watch({ start: 0, end: board.size }).ready;
  return { client, board, close: () => client.close() };
}

/** The cells as a string of 0 and 1, as this client shows them. */
export function bitsOf(board: Board): string {
  return Array.from({ length: board.size }, (_, cell) => (board.get(cell) ? "1" : "0")).join("");
}

/** The cells as the store has them, over HTTP. */
export async function storedBits(url: string, size: number, name = "main"): Promise<string> {
  let text = "";
  for (let page = 0; page * 65_536 < size; page++) {
    const response = await fetch(`${url}/boards/${name}/pages/${page}`);
    assert.equal(response.status, 200);
    for (const byte of Buffer.from(await response.arrayBuffer())) text += byte.toString(2).padStart(8, "0");
  }
  return text.slice(0, size);
}

/** Waits until all clients show `bits`; names the first cell in which one differs if they never do. */
export async function untilAllShow(boards: readonly Board[], bits: string, withinMs?: number): Promise<void> {
  const difference = () => {
    for (const [index, board] of boards.entries()) {
      const shown = bitsOf(board);
      if (shown !== bits) {
        const cell = Array.from(bits).findIndex((bit, at) => bit !== shown[at]);
        return `client ${index} shows cell ${cell} as ${shown[cell]}`;
      }
    }
    return undefined;
  };
  await until(`all ${boards.length} clients show the store's bits`, () => difference() === undefined, withinMs).catch(
    (error: unknown) => assert.fail(`${error}: ${difference()}`),
  );
}
